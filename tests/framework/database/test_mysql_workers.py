"""MySQL in workers of gunicorn: nobody waits for another's query, and a fork shares nothing."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from framework.database import Database, DatabaseConfigError
from tests.framework.database.servers import SECONDS, get, gunicorn, until

if TYPE_CHECKING:
    from pathlib import Path

    from pymysql import Connection

    from tests.mariadb import MariaDBDatabase, MariaDBServer

pytestmark = pytest.mark.integration

APP = """
from sqlalchemy import text

from framework import App, Rule


def wait(request):
    request.db.execute(text("SELECT GET_LOCK('seven', 60)"))
    request.db.execute(text("SELECT RELEASE_LOCK('seven')"))
    return "waited"


def ask(request):
    return str(request.db.scalar(text("SELECT 5")))


def connections(request):
    return f"{before_the_fork} {request.db.scalar(text('SELECT CONNECTION_ID()'))}"


app = App("served", config={"database_pool_size": 2, "database_pool_timeout": 0.2},
          urls=[Rule("/wait", wait), Rule("/ask", ask), Rule("/connections", connections)])
with app.database.session() as db:
    before_the_fork = db.scalar(text("SELECT CONNECTION_ID()"))
"""


def number_of(connection: Connection, condition: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM information_schema.processlist WHERE {condition}")
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def waiting(connection: Connection) -> int:
    return number_of(connection, "state = 'User lock'")


@pytest.mark.parametrize("worker", ["gevent", "gthread"])
def test_queries_overlap_nobody_waits_for_long_and_a_restart_goes_unnoticed(
    tmp_path: Path, own_mariadb: MariaDBServer, worker: str
) -> None:
    options = ["--worker-class", worker, "--workers", "1", "--threads", "8", "--preload"]
    url = own_mariadb.url(own_mariadb.create_database())
    with gunicorn(tmp_path, APP, url, *options) as address:
        parent, child = (get(f"{address}/connections") or "").split()
        assert parent != child
        with own_mariadb.connect() as holder, holder.cursor() as cursor:
            # The child has left its parent's connection alone.
            assert number_of(holder, f"id IN ({parent}, {child})") == 2
            cursor.execute("SELECT GET_LOCK('seven', 0)")
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
            cursor.execute("SELECT RELEASE_LOCK('seven')")
            for thread in threads:
                thread.join(SECONDS)
            assert answers == ["waited", "waited"]
        own_mariadb.restart()
        assert get(f"{address}/ask") == "5"


def test_query_to_a_machine_that_vanished_has_an_end(mariadb: MariaDBDatabase) -> None:
    database = Database(mariadb.url)
    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        limit = driver._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert limit == 30_000
        assert driver._sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    database.close()


def test_server_is_reached_by_its_socket_too(mariadb: MariaDBDatabase) -> None:
    path = mariadb.server.folder / "socket"
    database = Database(f"mariadb://root@localhost/{mariadb.name}?unix_socket={path}")
    for _ in range(2):
        with database.session() as db:
            assert db.connection().exec_driver_sql("SELECT @@character_set_client").scalar() == (
                "utf8mb4"
            )
    database.close()


def test_replicas_of_mysql_are_refused(mariadb: MariaDBDatabase) -> None:
    """It does not tell what a visitor's last write was, so a replica's data could be older."""
    with pytest.raises(
        DatabaseConfigError, match=r"only PostgreSQL.*is mysql\. Leave the replicas"
    ):
        Database(mariadb.url, replica_urls=[mariadb.url])
    database = Database(mariadb.url)
    with database.session() as db:
        assert db.reader is db
    database.close()
