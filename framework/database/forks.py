"""Engines and forked processes: a child never speaks on its parent's connections.

SQLite keeps for a whole process which locks it has on a file, and a child does not inherit those of
the system. It would take its parent's for its own and work on the file without any: once the parent
closes the file, what the child commits is lost. So idle connections are closed before a fork.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from weakref import WeakSet

from . import sqlite

if TYPE_CHECKING:
    from sqlalchemy import Engine

_engines: WeakSet[Engine] = WeakSet()


def protect(engine: Engine) -> None:
    """Have every child of this process begin with an empty pool."""
    _engines.add(engine)


def _close_files() -> None:
    for engine in list(_engines):
        if engine.dialect.name == "sqlite" and sqlite.is_file(engine.url):
            engine.dispose()


def _forget_connections() -> None:
    for engine in list(_engines):
        # Not closed: the parent still uses them.
        engine.dispose(close=False)


os.register_at_fork(before=_close_files, after_in_child=_forget_connections)
