"""The tables the shop began with."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "items",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("slug", sa.String(40), nullable=False),
        sa.Column("price", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_items"),
        sa.UniqueConstraint("slug", name="uq_items_slug"),
    )
    op.create_table(
        "item_texts",
        sa.Column("item_id", sa.Integer, nullable=False),
        sa.Column("locale", sa.String(10), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("tagline", sa.String(120), nullable=False),
        sa.Column("description", sa.String(1000), nullable=False),
        sa.Column("material", sa.String(120), nullable=False),
        sa.Column("size", sa.String(120), nullable=False),
        sa.Column("picture_text", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("item_id", "locale", name="pk_item_texts"),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_item_texts_item_id_items"),
    )
    op.create_table(
        "stock",
        sa.Column("item_id", sa.Integer, nullable=False),
        sa.Column("pairs", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("item_id", name="pk_stock"),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_stock_item_id_items"),
        sa.CheckConstraint("pairs >= 0", name="pairs_not_negative"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("is_admin", sa.Boolean, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_table(
        "orders",
        sa.Column("number", sa.String(11), nullable=False),
        sa.Column("user_id", sa.Integer, nullable=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("address", sa.String(500), nullable=False),
        sa.Column("node", sa.String(100), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_orders"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_orders_user_id_users"),
    )
    op.create_index("ix_orders_user_id", "orders", ["user_id"])
    op.create_index("ix_orders_created", "orders", ["created"])
    op.create_table(
        "order_lines",
        sa.Column("order_number", sa.String(11), nullable=False),
        sa.Column("item_id", sa.Integer, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("price", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("order_number", "item_id", name="pk_order_lines"),
        sa.ForeignKeyConstraint(
            ["order_number"], ["orders.number"], name="fk_order_lines_order_number_orders"
        ),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_order_lines_item_id_items"),
    )


def downgrade() -> None:
    for table in ["order_lines", "orders", "users", "stock", "item_texts", "items"]:
        op.drop_table(table)
