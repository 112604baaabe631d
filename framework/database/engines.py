"""Engines: connections to one database, as many as the worker answers requests at a time."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine

from . import liveness, mysql, postgresql, sqlite
from .postgresql import KEEPALIVES

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

LEAST_CONNECT_TIMEOUT = 2
"""Seconds; libpq takes less for this."""


def make_engine(url: URL, *, pool_size: int, pool_timeout: float, **options: Any) -> Engine:
    """Return an engine that opens no connection yet.

    ``pool_timeout`` is how many seconds a request waits for a connection, be it one that others
    use or one that has to be opened. ``options`` are those of SQLAlchemy's ``create_engine``.
    """
    from .pool import LightPool

    backend = url.get_backend_name()
    resets = url.get_driver_name() == "psycopg" and "pool_reset_on_return" not in options
    in_memory = backend == "sqlite" and not sqlite.is_file(url)
    arguments = {
        # A database in memory ends with its connection, so everybody shares one.
        "pool_size": 1 if in_memory else pool_size,
        "poolclass": LightPool,
        "max_overflow": 0,
        "pool_timeout": pool_timeout,
        "pool_use_lifo": True,
        "connect_args": connect_args(url, pool_timeout),
        **(postgresql.NO_RESET if resets else {}),
        **options,
    }
    if backend == "sqlite":
        # Threads take turns with the pool's connections.
        arguments["connect_args"]["check_same_thread"] = False
    engine = create_engine(url, **arguments)
    if backend == "sqlite":
        sqlite.prepare(engine, pool_timeout)
    else:
        liveness.watch(engine)
    if backend == "postgresql":
        postgresql.prepare(engine, resets=resets)
    elif backend in {"mysql", "mariadb"}:
        mysql.prepare(engine)
    return engine


def connect_args(url: URL, timeout: float) -> dict[str, Any]:
    """Return what the driver gets beyond the URL, which goes first: limits, and the encoding."""
    driver = url.get_driver_name()
    if driver == "pysqlite":
        limits: dict[str, Any] = {"timeout": timeout}
    elif driver in {"psycopg", "psycopg2"}:
        limits = {"connect_timeout": max(ceil(timeout), LEAST_CONNECT_TIMEOUT), **KEEPALIVES}
    elif driver in {"pymysql", "mysqldb"}:
        limits = {"connect_timeout": max(ceil(timeout), 1), "charset": mysql.CHARSET}
    else:
        limits = {}
    return {name: value for name, value in limits.items() if name not in url.query}
