"""Behind PgBouncer in transaction mode, where each transaction has another server connection."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from framework.database import Database
from framework.database.postgresql import is_pooled
from tests.framework.database.servers import pgbouncer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres import PostgresDatabase

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="PgBouncer is not installed"),
]


@pytest.fixture
def pooled(postgres: PostgresDatabase) -> Iterator[Database]:
    # Not pytest's folder, which is closed to the user that root has to become for it.
    with (
        tempfile.TemporaryDirectory(prefix="pgbouncer-") as folder,
        pgbouncer(Path(folder), postgres.url) as url,
    ):
        database = Database(url, pool_size=2)
        yield database
        database.close()


def prepared(database: Database) -> Any:
    """Return the number of statements that the server connection of a new transaction knows."""
    with database.session() as db:
        return db.scalar(text("SELECT count(*) FROM pg_prepared_statements"))


def test_nothing_is_prepared_where_another_connection_may_come_next(pooled: Database) -> None:
    for _ in range(20):
        with pooled.session() as first, pooled.session() as second:
            # Each has a server connection of its own, and which one is left to chance.
            statement = text("SELECT CAST(:number AS integer)")
            assert [db.scalar(statement, {"number": 5}) for db in (first, second)] == [5, 5]
    assert prepared(pooled) == 0
    with pooled.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        assert driver.prepare_threshold is None


@pytest.mark.integration
def test_statements_are_prepared_where_the_connection_stays(postgres: PostgresDatabase) -> None:
    database = Database(postgres.url)
    for _ in range(20):
        with database.session() as db:
            assert db.scalar(text("SELECT CAST(:number AS integer)"), {"number": 5}) == 5
    assert prepared(database) > 0
    with database.engine.connect() as connection:
        assert not is_pooled(connection.connection.driver_connection)
    database.close()
