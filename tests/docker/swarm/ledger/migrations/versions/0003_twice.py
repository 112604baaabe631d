"""The same column once more, which no database takes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("DELETE FROM entry")
    op.add_column("entry", sa.Column("note", sa.String(50), nullable=True))


def downgrade() -> None:
    pass
