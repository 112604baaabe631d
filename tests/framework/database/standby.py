"""A standby that follows a primary by streaming, and can be held back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.database_server import SECONDS
from tests.postgres import PostgresServer, find_postgres

if TYPE_CHECKING:
    import psycopg


class Standby(PostgresServer):
    """A hot standby of ``primary``, a copy of which it begins with."""

    def __init__(self, primary: PostgresServer, **settings: Any) -> None:
        self.primary = primary
        binaries = find_postgres()
        assert binaries is not None
        super().__init__(binaries, **settings)

    def hold_back(self) -> None:
        """Apply nothing from now on of what the primary does."""
        with self.connect() as connection:
            connection.execute("SELECT pg_wal_replay_pause()")
            wait_for(connection, "pg_get_wal_replay_pause_state() = 'paused'")

    def let_go(self) -> None:
        with self.connect() as connection:
            connection.execute("SELECT pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Wait until it shows all that the primary has done so far."""
        with self.primary.connect() as connection:
            row = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
            assert row is not None
        with self.connect() as connection:
            wait_for(connection, f"pg_last_wal_replay_lsn() >= '{row[0]}'")

    def lag(self, milliseconds: int) -> None:
        """Apply every commit so much later from now on."""
        with self.connect() as connection:
            connection.execute(f"ALTER SYSTEM SET recovery_min_apply_delay = {milliseconds}")
            connection.execute("SELECT pg_reload_conf()")
            setting = "FROM pg_settings WHERE name = 'recovery_min_apply_delay'"
            wait_for(connection, f"setting = '{milliseconds}' {setting}")

    def _setup_command(self) -> list[str]:
        return [
            *(str(self._binaries / "pg_basebackup"), "--pgdata", str(self.folder / "data")),
            *("--write-recovery-conf", "--dbname", self.primary.url()),
            *("--checkpoint", "fast", "--no-sync"),
        ]


def wait_for(connection: psycopg.Connection[Any], condition: str) -> None:
    """Wait until a condition in SQL is true."""
    deadline = time.monotonic() + SECONDS
    while connection.execute(f"SELECT {condition}").fetchone() != (True,):
        assert time.monotonic() < deadline, condition
        time.sleep(0.01)
