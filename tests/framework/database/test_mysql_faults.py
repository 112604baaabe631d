"""What visitors and operators are told when MySQL fails, and that nothing is half-written."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pymysql
import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from framework import Config
from framework.database import Database, DatabaseConfigError
from framework.testing import TestClient
from tests.framework.database.faults import (
    CONFLICT,
    PASSWORD,
    UNKNOWN,
    assert_unavailable,
    message_of_check,
)
from tests.framework.database.notes import Note, texts, write
from tests.framework.database.servers import until
from tests.framework.redis_servers import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from framework import App, Request
    from tests.mariadb import MariaDBDatabase, MariaDBServer

    MakeNotes = Callable[..., App]

pytestmark = pytest.mark.integration


def ask(connection: pymysql.Connection, statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    return None if row is None else row[0]


# Where a node starts


def test_server_that_nobody_runs_is_named() -> None:
    port = free_port()
    message = message_of_check(f"mysql://shop:{PASSWORD}@127.0.0.1:{port}/shop")
    assert f"127.0.0.1:{port}/shop" in message
    assert "refused" in message
    assert PASSWORD not in message


def test_what_is_wrong_in_the_url_is_told_and_no_password_shown(mariadb: MariaDBDatabase) -> None:
    assert "Unknown database 'nowhere'" in message_of_check(mariadb.server.url("nowhere"))
    url = f"mysql://shop:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{mariadb.server.port}/shop"
    message = message_of_check(url)
    assert "Access denied for user 'shop'" in message
    assert PASSWORD not in message
    assert PASSWORD.replace(" ", "%20") not in message


def test_missing_driver_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)
    with pytest.raises(DatabaseConfigError, match=re.escape("pip install 'pymysql[rsa]'")):
        Database.from_config(Config(database_url="mysql://localhost/shop"), "notes")


# While requests are served


def test_server_that_is_away_is_503_and_the_first_request_after_it_is_served(
    make_notes_on: MakeNotes, own_mariadb: MariaDBServer
) -> None:
    app = make_notes_on(own_mariadb.url(own_mariadb.create_database()))
    client = TestClient(app)
    own_mariadb.stop()
    for _ in range(2):
        assert_unavailable(client.post("/"))
    own_mariadb.start()
    assert client.post("/").status_code == 200
    assert texts(app) == ["note"]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_first_request_after_a_restart_is_served(
    make_notes_on: MakeNotes, own_mariadb: MariaDBServer, end: str
) -> None:
    app = make_notes_on(own_mariadb.url(own_mariadb.create_database()))
    client = TestClient(app)
    assert client.post("/").status_code == 200
    getattr(own_mariadb, end)()
    own_mariadb.start()
    assert client.get("/").text == "1 notes"


def test_connection_that_the_server_ended_while_it_idled_is_replaced(
    make_notes_on: MakeNotes, mariadb: MariaDBDatabase
) -> None:
    app = make_notes_on(
        mariadb.url, lambda request: str(request.db.scalar(text("SELECT CONNECTION_ID()")))
    )
    client = TestClient(app)
    before = client.get("/").text
    with mariadb.connect() as connection:
        ask(connection, f"KILL {before}")
        gone = f"SELECT count(*) FROM information_schema.processlist WHERE id = {before}"
        until(lambda: ask(connection, gone) == 0)
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.text != before


def test_connection_that_is_lost_in_a_transaction_loses_all_of_it(
    make_notes_on: MakeNotes, mariadb: MariaDBDatabase
) -> None:
    def act(request: Request) -> str:
        write(request, "first")
        own = request.db.scalar(text("SELECT CONNECTION_ID()"))  # which flushes, too
        if request.method == "POST":
            with mariadb.connect() as connection:
                ask(connection, f"KILL {own}")
        write(request, "second")
        return "written"

    app = make_notes_on(mariadb.url, act)
    client = TestClient(app)
    assert_unavailable(client.post("/"))
    assert texts(app) == []
    assert client.get("/").status_code == 200
    assert texts(app) == ["first", "second"]


def test_connection_that_is_lost_in_the_commit_is_told_as_unknown(
    make_notes_on: MakeNotes, own_mariadb: MariaDBServer
) -> None:
    def act(request: Request) -> str:
        write(request, "note")
        request.db.flush()
        assert own_mariadb.process is not None
        # It takes the COMMIT and never answers.
        own_mariadb.process.send_signal(signal.SIGSTOP)
        threading.Timer(0.5, os.kill, (own_mariadb.process.pid, signal.SIGKILL)).start()
        return "written"

    app = make_notes_on(own_mariadb.url(own_mariadb.create_database()), act)
    response = TestClient(app).post("/")
    own_mariadb.kill()
    own_mariadb.start()
    assert response.status_code == 500
    assert UNKNOWN in response.text
    assert texts(app) == []


def test_too_many_connections_are_503_until_there_is_one(
    make_notes_on: MakeNotes, own_mariadb: MariaDBServer
) -> None:
    app = make_notes_on(own_mariadb.url(own_mariadb.create_database()))
    app.database.close()
    client = TestClient(app)
    others: list[pymysql.Connection] = []
    with own_mariadb.connect() as connection:
        # The server's least; one more is for administrators, as these connections' user is.
        ask(connection, "SET GLOBAL max_connections = 10")
        with suppress(pymysql.err.OperationalError):
            while len(others) < 20:
                others.append(own_mariadb.connect())
        assert len(others) < 20
        assert_unavailable(client.post("/"))
        for other in others:
            other.close()
        gone = "SELECT count(*) FROM information_schema.processlist WHERE user = 'root'"
        until(lambda: ask(connection, gone) == 1)
        assert client.post("/").status_code == 200
        ask(connection, "SET GLOBAL max_connections = 50")
    assert texts(app) == ["note"]


def test_snapshot_that_another_transaction_has_overtaken_is_409(
    make_notes_on: MakeNotes, mariadb: MariaDBDatabase
) -> None:
    """By default from MariaDB 11.6 on."""

    def act(request: Request) -> str:
        request.db.execute(text("SET SESSION innodb_snapshot_isolation = ON"))
        note = request.db.scalars(select(Note)).one()
        if request.method == "POST":
            with mariadb.connect() as connection:
                ask(connection, "UPDATE note SET text = 'theirs'")
        write(request, "more")
        note.text = "ours"
        return "written"

    app = make_notes_on(mariadb.url, act)
    with app.database.session() as db:
        db.add(Note(text="before"))
    client = TestClient(app)
    response = client.post("/")
    assert response.status_code == 409
    assert CONFLICT in response.text
    assert texts(app) == ["theirs"]
    assert client.get("/").status_code == 200
    assert texts(app) == ["ours", "more"]


@pytest.mark.parametrize("waits", [True, False])
def test_lock_that_is_not_to_be_had_is_503_and_writes_nothing(
    make_notes_on: MakeNotes, mariadb: MariaDBDatabase, waits: bool
) -> None:
    def act(request: Request) -> str:
        write(request, "before")
        request.db.flush()
        request.db.execute(text("SET SESSION innodb_lock_wait_timeout = 1"))
        locked: dict[str, Any] = {} if waits else {"nowait": True}
        request.db.get(Note, 1, with_for_update=locked)
        return "written"

    app = make_notes_on(mariadb.url, act)
    with app.database.session() as db:
        db.add(Note(id=1, text="locked"))
    client = TestClient(app)
    with mariadb.connect() as connection:
        connection.begin()
        ask(connection, "SELECT * FROM note WHERE id = 1 FOR UPDATE")
        assert_unavailable(client.post("/"))
        connection.rollback()
    assert texts(app) == ["locked"]
    assert client.post("/").status_code == 200


def test_statement_that_takes_too_long_writes_nothing(
    make_notes_on: MakeNotes, mariadb: MariaDBDatabase
) -> None:
    def act(request: Request) -> str:
        write(request, "before")
        request.db.execute(text("SET STATEMENT max_statement_time = 0.05 FOR SELECT SLEEP(60)"))
        return "written"

    app = make_notes_on(mariadb.url, act)
    assert TestClient(app).post("/").status_code == 500
    assert texts(app) == []


def test_duplicate_key_is_the_apps_to_handle(
    make_notes_on: MakeNotes, mariadb: MariaDBDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_notes_on(mariadb.url)
    client = TestClient(app)
    assert client.post("/").status_code == 200
    with caplog.at_level(logging.ERROR):
        assert client.post("/").status_code == 500
    assert "Duplicate entry 'note' for key 'uq_note_text'" in caplog.text
    handling = make_notes_on(mariadb.url)
    handling.error_handler(IntegrityError)(lambda request, error: ("taken", 409))
    answer = TestClient(handling).post("/")
    assert (answer.status_code, answer.text) == (409, "taken")
    assert texts(app) == ["note"]


@pytest.mark.parametrize("in_savepoint", [False, True])
def test_half_of_what_a_view_wrote_is_never_committed(
    make_notes_on: MakeNotes, mariadb: MariaDBDatabase, in_savepoint: bool
) -> None:
    """MySQL rolls the transaction back by itself at a deadlock, and then would begin another."""
    entered = threading.Event()

    def act(request: Request) -> str:
        write(request, "first")
        request.db.get(Note, 1, with_for_update=True)
        entered.set()
        if in_savepoint:
            with request.db.begin_nested():
                request.db.get(Note, 2, with_for_update=True)
        with suppress(OperationalError):
            request.db.get(Note, 2, with_for_update=True)
        write(request, "second")
        return "written"

    app = make_notes_on(mariadb.url, act)
    with app.database.session() as db:
        db.add_all([Note(id=1, text="a"), Note(id=2, text="b")])
    with mariadb.connect() as connection:
        connection.begin()
        # The one that changed fewer rows is rolled back.
        ask(connection, "UPDATE note SET text = 'c' WHERE id = 2")
        for number in range(20):
            ask(connection, f"INSERT INTO note (text) VALUES ('more {number}')")
        answers: list[TestResponse] = []
        thread = threading.Thread(target=lambda: answers.append(TestClient(app).post("/")))
        thread.start()
        assert entered.wait(60)
        ask(connection, "SELECT * FROM note WHERE id = 1 FOR UPDATE")
        thread.join()
        connection.rollback()
    assert texts(app) == ["a", "b"]
    assert answers[0].status_code == 409


def test_transaction_that_is_refused_has_ended(
    make_notes_on: MakeNotes, mariadb: MariaDBDatabase
) -> None:
    app = make_notes_on(mariadb.url)
    with app.database.engine.connect() as connection:
        connection.execute(insert(Note).values(text="first"))
        with suppress(OperationalError):
            connection.exec_driver_sql("SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213")
        connection.execute(insert(Note).values(text="second"))
        with pytest.raises(OperationalError, match="1213"):
            connection.commit()
        connection.rollback()
        connection.execute(insert(Note).values(text="third"))
        connection.commit()
    assert texts(app) == ["third"]


def test_deadlock_in_a_commit_is_409_and_the_next_request_is_served(
    make_notes_on: MakeNotes, mariadb: MariaDBDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several servers that all take writes find out at the commit."""

    def fail(_connection: Any) -> None:
        raise pymysql.err.OperationalError(1213, "Deadlock found")

    app = make_notes_on(mariadb.url, database_pool_size=1)
    client = TestClient(app)
    with monkeypatch.context() as patched:
        patched.setattr(app.database.engine.dialect, "do_commit", fail)
        assert client.post("/").status_code == 409
    assert client.post("/").text == "1 notes"


def test_error_that_a_commit_of_nothing_follows_is_the_apps_to_handle(
    make_notes_on: MakeNotes, mariadb: MariaDBDatabase
) -> None:
    app = make_notes_on(mariadb.url)
    engine = app.database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        with suppress(OperationalError):
            connection.exec_driver_sql("SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213")
        connection.execute(insert(Note).values(text="again"))
        connection.commit()
    assert texts(app) == ["again"]
