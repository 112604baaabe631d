"""What can go wrong with migrations. Each message says what, where, and what to do.

MigrationError                it could not begin, and nothing was changed (also a SetupError)
├── LockTimeout               another process went on upgrading for longer than this one waits
└── FailedMigration           a revision failed; the message says what is left of the upgrade
"""

from __future__ import annotations

from ...exceptions import SetupError


class MigrationError(SetupError):
    """It could not begin, and nothing was changed."""


class LockTimeout(MigrationError):
    """Another process went on upgrading for longer than this one waits."""


class FailedMigration(MigrationError):
    """A revision failed; the message says what is left of the upgrade."""
