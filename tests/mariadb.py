"""A real MariaDB server on loopback, which tests may hurt.

The fixtures at the end are for every test: `tests/conftest.py` imports them.
"""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from tests.database_server import DatabaseServer, new_name

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is written need not outlive the machine, but does outlive the process.
SETTINGS = {
    "innodb_flush_log_at_trx_commit": 2,
    "innodb_flush_method": "nosync",
    "innodb_buffer_pool_size": "32M",
    "innodb_log_file_size": "8M",
    "max_connections": 50,
    # A test that failed in a transaction does not have others wait for it.
    "lock_wait_timeout": 20,
    "innodb_lock_wait_timeout": 20,
    "character_set_server": "utf8mb4",
}
PROGRAMS = {"server": ("mariadbd", "mysqld"), "setup": ("mariadb-install-db", "mysql_install_db")}


class MariaDBServer(DatabaseServer):
    """A MariaDB, with settings of its own."""

    kind = "mysql"
    path = f"{os.defpath}:/usr/sbin"
    stop_signal = signal.SIGTERM
    kill_signal = signal.SIGKILL

    def __init__(self, server: str, setup: str, **settings: Any) -> None:
        self._server, self._setup = server, setup
        self._settings = {**SETTINGS, **settings}
        super().__init__()

    def url(self, database: str = "mysql") -> str:
        return f"mysql://root@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "mysql") -> pymysql.Connection:
        """A connection that is in no transaction, to look from outside."""
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", database=database, autocommit=True
        )

    def create_database(self, options: str = "") -> str:
        name = new_name()
        with self.connect() as connection:
            connection.cursor().execute(f"CREATE DATABASE {name} {options}")
        return name

    def drop_database(self, name: str) -> None:
        with self.connect() as connection:
            connection.cursor().execute(f"DROP DATABASE IF EXISTS {name}")

    def _setup_command(self) -> list[str]:
        return [
            *(self._setup, "--no-defaults", f"--datadir={self.folder}/data"),
            *("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"),
        ]

    def _server_command(self) -> list[str]:
        options = {
            "datadir": self.folder / "data",
            "bind_address": "127.0.0.1",
            "port": self.port,
            "socket": self.folder / "socket",
            "pid_file": self.folder / "pid",
            **self._settings,
        }
        named = (f"--{name}={value}" for name, value in options.items())
        return [self._server, "--no-defaults", *named]

    def _data_folder(self) -> str | None:
        try:
            with self.connect() as connection, connection.cursor() as cursor:
                cursor.execute("SELECT @@datadir")
                row = cursor.fetchone()
        except pymysql.Error:
            return None
        return None if row is None else str(row[0])


@dataclass(frozen=True)
class MariaDBDatabase:
    """An empty database for one test, on a server that all tests share and leave running."""

    server: MariaDBServer
    name: str

    @property
    def url(self) -> str:
        return self.server.url(self.name)

    def connect(self) -> pymysql.Connection:
        return self.server.connect(self.name)


def start_mariadb(**settings: Any) -> MariaDBServer:
    """Start a server with settings of its own; `close` it at the end."""
    found = {kind: _program(*names) for kind, names in PROGRAMS.items()}
    if not all(found.values()):
        pytest.skip("MariaDB is not installed")
    return MariaDBServer(found["server"], found["setup"], **settings)


def _program(*names: str) -> str:
    # Debian has the server where only root's PATH looks.
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
    return next((found for name in names if (found := shutil.which(name, path=path))), "")


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDBServer]:
    """A server that all tests share and leave running."""
    running = start_mariadb()
    yield running
    running.close()


@pytest.fixture
def mariadb(mariadb_server: MariaDBServer) -> Iterator[MariaDBDatabase]:
    """An empty database for one test."""
    name = mariadb_server.create_database()
    yield MariaDBDatabase(mariadb_server, name)
    mariadb_server.drop_database(name)


@pytest.fixture(scope="module")
def own_mariadb() -> Iterator[MariaDBServer]:
    """A server for the tests of a module to hurt, each of which leaves it running."""
    running = start_mariadb()
    yield running
    running.close()
