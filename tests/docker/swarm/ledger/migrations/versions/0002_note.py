"""A column that the version before does not know."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("entry", sa.Column("note", sa.String(50), nullable=True))


def downgrade() -> None:
    op.drop_column("entry", "note")
