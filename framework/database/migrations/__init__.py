"""Migrations: revisions of the schema, applied by Alembic, one process at a time.

An app brings the folder ``migrations/versions`` in its package and nothing else.
"""

from .operations import Migrations as Migrations
from .operations import upgrade as upgrade
