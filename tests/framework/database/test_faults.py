"""What visitors and operators are told when PostgreSQL fails, and that nothing is half-written."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import select, text

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
from tests.framework.database.standby import wait_for
from tests.framework.redis_servers import free_port
from tests.postgres import start_postgres

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework import App, Request
    from tests.postgres import PostgresDatabase, PostgresServer

    MakeNotes = Callable[..., App]

pytestmark = pytest.mark.integration


def kill_backend(server: PostgresServer, process: int) -> None:
    """End the process that serves one connection, and wait until it is gone."""
    with server.connect() as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (process,))
        wait_for(connection, f"count(*) = 0 FROM pg_stat_activity WHERE pid = {process}")


def own_process(request: Request) -> int:
    return int(request.db.scalar(text("SELECT pg_backend_pid()")) or 0)


# Where a node starts


def test_server_that_nobody_runs_is_named() -> None:
    port = free_port()
    message = message_of_check(f"postgresql://shop:{PASSWORD}@127.0.0.1:{port}/shop")
    assert f"127.0.0.1:{port}/shop" in message
    assert "refused" in message
    assert "Is the server running" in message
    assert PASSWORD not in message


def test_host_that_does_not_exist_is_named() -> None:
    message = message_of_check(f"postgresql://shop:{PASSWORD}@no-such-host.invalid/shop")
    assert "no-such-host.invalid" in message
    assert PASSWORD not in message


def test_database_that_does_not_exist_is_named(postgres: PostgresDatabase) -> None:
    message = message_of_check(postgres.server.url("no_such_database"))
    assert 'database "no_such_database" does not exist' in message


def test_wrong_password_is_told_and_not_shown(own_postgres: PostgresServer) -> None:
    with own_postgres.connect() as connection:
        connection.execute("CREATE ROLE shop LOGIN PASSWORD 'another'")
        rules = own_postgres.folder / "data" / "pg_hba.conf"
        rules.write_text(f"host all shop all scram-sha-256\n{rules.read_text()}")
        connection.execute("SELECT pg_reload_conf()")
        wait_for(connection, "count(*) > 0 FROM pg_hba_file_rules WHERE 'shop' = ANY(user_name)")
    url = f"postgresql://shop:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{own_postgres.port}/postgres"
    message = message_of_check(url)
    assert 'password authentication failed for user "shop"' in message
    assert PASSWORD not in message
    assert PASSWORD.replace(" ", "%20") not in message


def test_missing_driver_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(DatabaseConfigError, match=re.escape("pip install 'psycopg[binary]'")):
        Database.from_config(Config(database_url="postgresql://localhost/shop"), "notes")


@pytest.mark.parametrize("url", ["shop", "postgresql:/", "postgres//host", "pg://host/shop"])
def test_what_is_no_url_is_shown_with_one_that_would_be(url: str) -> None:
    with pytest.raises(DatabaseConfigError, match=r"postgresql|did you mean") as raised:
        Database.from_config(Config(database_url=url), "notes").check()
    assert url in str(raised.value)


# While requests are served


def test_server_that_is_away_is_503_and_the_first_request_after_it_is_served(
    make_notes_on: MakeNotes, own_postgres: PostgresServer
) -> None:
    app = make_notes_on(own_postgres.url())
    client = TestClient(app)
    own_postgres.stop()
    for _ in range(2):
        assert_unavailable(client.post("/"))
    own_postgres.start()
    assert client.post("/").status_code == 200
    assert texts(app) == ["note"]


@pytest.mark.parametrize("end", ["restart", "kill"])
def test_first_request_after_a_restart_is_served(
    make_notes_on: MakeNotes, own_postgres: PostgresServer, end: str
) -> None:
    app = make_notes_on(own_postgres.url())
    client = TestClient(app)
    assert client.post("/").status_code == 200
    with own_postgres.connect() as connection:
        # The server of the tests does not wait for its disk.
        connection.execute("CHECKPOINT")
    if end == "kill":
        own_postgres.kill()
        own_postgres.start()
    else:
        own_postgres.restart()
    assert client.get("/").text == "1 notes"


def test_connection_that_is_lost_in_a_transaction_loses_all_of_it(
    make_notes_on: MakeNotes, postgres: PostgresDatabase
) -> None:
    def act(request: Request) -> str:
        write(request, "first")
        process = own_process(request)  # which flushes, too
        if request.method == "POST":
            kill_backend(postgres.server, process)
        write(request, "second")
        return "written"

    app = make_notes_on(postgres.url, act)
    client = TestClient(app)
    assert_unavailable(client.post("/"))
    assert texts(app) == []
    assert client.get("/").status_code == 200
    assert texts(app) == ["first", "second"]


def test_connection_that_is_lost_in_the_commit_is_told_as_unknown(
    make_notes_on: MakeNotes, postgres: PostgresDatabase
) -> None:
    app = make_notes_on(postgres.url)
    with postgres.connect() as connection:
        connection.execute(
            "CREATE FUNCTION end_myself() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'"
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER last AFTER INSERT ON note DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION end_myself()"
        )
    response = TestClient(app).post("/")
    assert response.status_code == 500
    assert UNKNOWN in response.text
    assert texts(app) == []


def test_commit_that_is_refused_is_no_success(
    make_notes_on: MakeNotes, postgres: PostgresDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_notes_on(postgres.url)
    with postgres.connect() as connection:
        connection.execute(
            "ALTER TABLE note ADD CONSTRAINT later FOREIGN KEY (id) REFERENCES note (id)"
        )
        connection.execute("ALTER TABLE note ADD COLUMN other int DEFAULT -1")
        connection.execute(
            "ALTER TABLE note ADD CONSTRAINT last FOREIGN KEY (other) REFERENCES note (id)"
            " DEFERRABLE INITIALLY DEFERRED"
        )
    with caplog.at_level(logging.ERROR):
        assert TestClient(app).post("/").status_code == 500
    assert 'violates foreign key constraint "last"' in caplog.text
    assert texts(app) == []


def test_too_many_connections_are_503_until_there_is_one(make_notes_on: MakeNotes) -> None:
    server = start_postgres(max_connections=4, superuser_reserved_connections=0, max_wal_senders=0)
    try:
        app = make_notes_on(server.url())
        app.database.close()
        client = TestClient(app)
        others = connect_while_possible(server)
        assert_unavailable(client.post("/"))
        for other in others:
            other.close()
        with server.connect() as connection:
            wait_for(connection, "count(*) < 3 FROM pg_stat_activity WHERE datname IS NOT NULL")
        assert client.post("/").status_code == 200
        assert texts(app) == ["note"]
    finally:
        server.close()


def connect_while_possible(server: PostgresServer) -> list[psycopg.Connection[Any]]:
    """Take every connection that the server gives."""
    found: list[psycopg.Connection[Any]] = []
    with suppress(psycopg.OperationalError):
        while len(found) < 10:
            found.append(server.connect())
    assert len(found) < 10
    return found


def test_serialization_failure_is_409_and_writes_nothing(
    make_notes_on: MakeNotes, postgres: PostgresDatabase
) -> None:
    def act(request: Request) -> str:
        request.db.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        note = request.db.scalars(select(Note)).one()
        if request.method == "POST":
            with postgres.connect() as connection:
                connection.execute("UPDATE note SET text = 'theirs'")
        write(request, "more")
        note.text = "ours"
        return "written"

    app = make_notes_on(postgres.url, act)
    with app.database.session() as db:
        db.add(Note(text="before"))
    client = TestClient(app)
    response = client.post("/")
    assert response.status_code == 409
    assert CONFLICT in response.text
    assert texts(app) == ["theirs"]
    assert client.get("/").status_code == 200
    assert texts(app) == ["ours", "more"]


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        pytest.param({"lock_timeout": "50ms"}, 503, id="lock_timeout"),
        pytest.param({"statement_timeout": "50ms"}, 500, id="statement_timeout"),
    ],
)
def test_statement_that_takes_too_long_writes_nothing(
    make_notes_on: MakeNotes, postgres: PostgresDatabase, settings: dict[str, str], status: int
) -> None:
    def act(request: Request) -> str:
        write(request, "before")
        request.db.flush()
        for name, value in settings.items():
            request.db.execute(text(f"SET LOCAL {name} = '{value}'"))
        request.db.execute(text("LOCK TABLE other"))
        return "written"

    app = make_notes_on(postgres.url, act)
    client = TestClient(app)
    with postgres.connect() as connection:
        connection.execute("CREATE TABLE other ()")
        with connection.transaction():
            connection.execute("LOCK TABLE other")
            assert client.post("/").status_code == status
        assert texts(app) == []
    assert client.post("/").status_code == 200


def test_request_for_which_there_is_no_connection_is_503_in_time(
    make_notes_on: MakeNotes, postgres: PostgresDatabase
) -> None:
    entered, may_end = threading.Event(), threading.Event()

    def act(request: Request) -> str:
        own_process(request)
        if request.method == "POST":
            entered.set()
            assert may_end.wait(60)
        return "served"

    options = {"database_pool_size": 1, "database_pool_timeout": 0.2}
    app = make_notes_on(postgres.url, act, **options)
    first = threading.Thread(target=lambda: TestClient(app).post("/"))
    first.start()
    try:
        assert entered.wait(60)
        begin = time.monotonic()
        assert_unavailable(TestClient(app).get("/"))
        assert time.monotonic() - begin >= 0.2
    finally:
        may_end.set()
        first.join()
    assert TestClient(app).get("/").text == "served"


@pytest.mark.parametrize("statement", ["SELECT 1", "SELECT no_such_column"])
def test_connection_that_is_given_back_in_a_transaction_is_rolled_back(
    make_notes_on: MakeNotes, postgres: PostgresDatabase, statement: str
) -> None:
    app = make_notes_on(postgres.url, database_pool_size=1)
    connection = app.database.engine.raw_connection()
    cursor = connection.cursor()
    cursor.execute("INSERT INTO note (text) VALUES ('lost')")
    with suppress(psycopg.errors.UndefinedColumn):
        cursor.execute(statement)
    cursor.close()
    connection.close()
    assert TestClient(app).post("/").text == "1 notes"
    assert texts(app) == ["note"]


def test_reason_of_503_is_logged_and_not_shown(
    make_notes_on: MakeNotes, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    url = f"postgresql://shop:secret@127.0.0.1:{port}/shop"
    app = make_notes_on(url, lambda request: str(own_process(request)), tables=False)
    with caplog.at_level(logging.WARNING):
        response = TestClient(app).get("/")
    assert_unavailable(response)
    assert str(port) not in response.text
    assert str(port) in caplog.text
    assert "secret" not in caplog.text
