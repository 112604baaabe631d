"""What Alembic runs to apply revisions. It gets everything from whoever called Alembic."""

from alembic import context

context.config.attributes["run"](context)
