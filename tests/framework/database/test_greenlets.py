"""In a gevent worker of gunicorn: one visitor's query holds up no other visitor."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.framework.database.servers import SECONDS, get, gunicorn, until
from tests.framework.redis_servers import run_script

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from tests.postgres import PostgresServer

pytestmark = pytest.mark.integration

APP = """
from sqlalchemy import text

from framework import App, Rule


def wait(request):
    request.db.execute(text("SELECT pg_advisory_xact_lock(7)"))
    return "waited"


def ask(request):
    return str(request.db.scalar(text("SELECT 5")))


app = App("served", urls=[Rule("/wait", wait), Rule("/ask", ask)],
          config={"database_pool_size": 2, "database_pool_timeout": 0.2})
"""


def waiting(connection: psycopg.Connection) -> int:
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database()"
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("worker", ["gevent", "gthread"])
def test_queries_overlap_nobody_waits_for_long_and_a_restart_goes_unnoticed(
    tmp_path: Path, own_postgres: PostgresServer, worker: str
) -> None:
    options = ["--worker-class", worker, "--workers", "1", "--threads", "8", "--preload"]
    with (
        gunicorn(tmp_path, APP, own_postgres.url(), *options) as address,
        own_postgres.connect() as holder,
    ):
        holder.execute("SELECT pg_advisory_lock(7)")
        answers: list[str | None] = []
        threads = [
            threading.Thread(target=lambda: answers.append(get(f"{address}/wait")))
            for _ in range(2)
        ]
        threads[0].start()
        until(lambda: waiting(holder) == 1)
        # The one worker is waiting in a query, and answers all the same.
        assert get(f"{address}/ask") == "5"
        threads[1].start()
        until(lambda: waiting(holder) == 2)
        # Now both connections are taken: 503 after the pool's timeout.
        assert get(f"{address}/ask") == "503 Retry-After: 1"
        assert get(f"{address}/readyz") == "ready\n"
        holder.execute("SELECT pg_advisory_unlock(7)")
        for thread in threads:
            thread.join(SECONDS)
        assert answers == ["waited", "waited"]
        own_postgres.restart()
        assert get(f"{address}/ask") == "5"


WRITERS = """
from gevent import monkey
monkey.patch_all()
import sys, gevent
from sqlalchemy import text
from framework.database import Database
from framework.database.failures import http_error

database = Database(f"sqlite:///{sys.argv[1]}/a.db", pool_timeout=float(sys.argv[2]))
with database.session() as db:
    db.execute(text("CREATE TABLE n (n INTEGER)"))

def write(number):
    with database.session() as db:
        db.execute(text("INSERT INTO n VALUES (1)"))
        if number == 0 and sys.argv[3] == "stays":
            gevent.joinall(writers[1:])
        gevent.sleep(0.05)

writers = [gevent.spawn(write, number) for number in range(4)]
gevent.joinall(writers)
with database.session() as db:
    print(db.scalar(text("SELECT count(*) FROM n")), end=" ")
print({type(http_error(writer.exception)).__name__ for writer in writers if writer.exception})
database.close()
"""


@pytest.mark.parametrize(
    ("timeout", "first", "printed"),
    [("60", "goes", "4 set()"), ("0.1", "stays", "1 {'DatabaseUnavailable'}")],
)
def test_writers_of_one_sqlite_file_let_each_other_finish(
    tmp_path: Path, timeout: str, first: str, printed: str
) -> None:
    assert run_script(WRITERS, str(tmp_path), timeout, first) == printed
