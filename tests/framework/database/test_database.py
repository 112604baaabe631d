"""Connections: how many there are, who waits for one, and what a fork and a lost server leave."""

from __future__ import annotations

import contextlib
import os
import select
import sqlite3
import sys
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError

from framework import Rule
from framework.database import Database, DatabaseConfigError, liveness, sqlite
from framework.database.failures import http_error
from framework.testing import TestClient
from tests.framework.database.notes import ON_EACH, Note, count, used_connections, visit, write
from tests.framework.database.servers import SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeApp
    from sqlalchemy.pool import QueuePool

    from framework import Request
    from tests.framework.database.conftest import MakeNotes
    from tests.postgres import PostgresDatabase, PostgresServer


def pool_of(database: Database) -> QueuePool:
    pool: Any = database.engine.pool
    return pool


def ask(database: Database) -> Any:
    with database.session() as db:
        return db.scalar(text("SELECT 5"))


def backend(database: Database) -> Any:
    with database.session() as db:
        return db.scalar(text("SELECT pg_backend_pid()"))


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({}, 5),
        ({"worker_concurrency": 8}, 8),
        ({"worker_concurrency": 8, "database_pool_size": 3}, 3),
    ],
)
def test_pool_has_a_connection_for_each_request_of_a_worker(
    make_app: MakeApp, tmp_path: Path, settings: dict[str, Any], size: int
) -> None:
    app = make_app(database_url=f"sqlite:///{tmp_path}/a.db", **settings)
    pool = pool_of(app.database)
    assert (pool.size(), pool._max_overflow) == (size, 0)


def test_concurrency_of_the_worker_comes_from_the_environment(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_CONCURRENCY", "7")
    app = make_app(database_url=f"sqlite:///{tmp_path}/a.db")
    assert pool_of(app.database).size() == 7


def test_default_is_a_file_named_after_the_app(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = make_app()
    with app.database.session() as db:
        db.execute(text("CREATE TABLE t (n INTEGER)"))
    app.database.close()
    assert [path.name for path in tmp_path.iterdir()] == ["no_such_package.db"]


def test_url_may_stand_in_a_file(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("sqlite:///:memory:\n")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "secret"))
    app = make_app()
    assert ask(app.database) == 5
    assert app.database.origin == "DATABASE_URL_FILE"
    app.database.close()


@ON_EACH
def test_request_that_finds_no_free_connection_is_answered_503(make_notes: MakeNotes) -> None:
    def two(request: Request) -> str:
        count(request)
        with request.app.database.session() as db:
            return str(db.scalar(text("SELECT 5")))

    app = make_notes(Rule("/", two), database_pool_size=1, database_pool_timeout=0.1)
    answer = visit(app).get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.headers["Cache-Control"] == "no-store"
    assert used_connections(app) == 0


def test_why_a_request_was_answered_503_is_one_line_in_the_log(
    make_notes: MakeNotes, caplog: pytest.LogCaptureFixture
) -> None:
    def two(request: Request) -> str:
        count(request)
        with request.app.database.session() as db:
            return str(db.scalar(text("SELECT 5")))

    app = make_notes(Rule("/", two), database_pool_size=1, database_pool_timeout=0.1)
    visit(app).get("/")
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "GET / (endpoint" in record.getMessage()
    assert "all connections of this worker are in use" in record.getMessage()


def test_error_handler_of_the_app_goes_before_the_answer_503(make_notes: MakeNotes) -> None:
    def fail(request: Request) -> str:
        raise TimeoutError

    app = make_notes(Rule("/", fail))
    app.add_error_handler(503, lambda request, error: ("our own page", 503))
    assert visit(app).get("/").text == "our own page"
    app = make_notes(Rule("/", fail))
    app.add_error_handler(TimeoutError, lambda request, error: ("too slow", 500))
    assert visit(app).get("/").text == "too slow"


# SQLite


def test_sqlite_reads_beside_a_writer_and_writes_one_after_the_other(
    make_notes: MakeNotes,
) -> None:
    app = make_notes(
        Rule("/count", lambda request: str(count(request)), endpoint="count"),
        Rule("/write/<text>", write, methods=["POST"]),
    )
    client = visit(app)
    with app.database.session() as db:
        db.add(Note(text="a"))
        db.flush()
        assert client.get("/count").text == "0"
        thread = threading.Thread(target=lambda: client.post("/write/b"))
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
    thread.join()
    assert client.get("/count").text == "2"


def test_sqlite_writer_that_waits_in_vain_is_answered_503(make_notes: MakeNotes) -> None:
    rule = Rule("/write/<text>", write, methods=["POST"])
    app = make_notes(rule, database_pool_timeout=0.1)
    with app.database.session() as db:
        count_before = db.execute(text("SELECT count(*) FROM note")).scalar()
        assert count_before == 0
        assert visit(app).post("/write/b").status_code == 503
    assert visit(app).post("/write/b").status_code == 200


def test_sqlite_reader_that_writes_after_others_did_is_answered_409(
    make_notes: MakeNotes,
) -> None:
    def late(request: Request) -> str:
        count(request)
        with request.app.database.session() as db:
            db.add(Note(text="faster"))
        return write(request, "late")

    app = make_notes(Rule("/", late))
    answer = visit(app).get("/")
    assert answer.status_code == 409
    assert "at the same moment" in answer.text


def test_sqlite_lock_is_waited_for_with_turns_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = [
        sqlite3.connect(tmp_path / "a.db", isolation_level=None, timeout=0) for _ in range(2)
    ]
    first, second = connections
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 9:
            first.rollback()

    monkeypatch.setattr(time, "sleep", pause)
    later = time.monotonic() + 1000
    assert sqlite.get_write_lock(first, later)
    assert not sqlite.get_write_lock(second, 0.0)
    assert pauses == []
    assert sqlite.get_write_lock(second, later)
    assert pauses == [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.05, 0.05, 0.05]
    # What else is wrong does not pass by waiting.
    assert not sqlite.get_write_lock(second, later)
    for connection in connections:
        connection.close()


def test_sqlite_file_in_another_mode_is_switched_when_its_writer_is_done(tmp_path: Path) -> None:
    writer = sqlite3.connect(tmp_path / "a.db", isolation_level=None, check_same_thread=False)
    writer.execute("CREATE TABLE note (text)")
    writer.execute("BEGIN IMMEDIATE")
    threading.Timer(0.2, writer.commit).start()
    database = Database(f"sqlite:///{tmp_path}/a.db")
    with database.session() as db:
        assert db.scalar(text("PRAGMA journal_mode")) == "wal"
        assert not writer.in_transaction
    database.close()
    writer.close()


def test_sqlite_file_is_not_let_go_of_once_it_is_switched_over(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db")
    with (
        contextlib.closing(database.engine.raw_connection()),
        contextlib.closing(sqlite3.connect(tmp_path / "a.db", timeout=0)) as other,
        pytest.raises(sqlite3.OperationalError, match="database is locked"),
    ):
        # Whoever can do this could also be in the way of the first read.
        other.execute("PRAGMA journal_mode = DELETE")
    database.close()


def test_sqlite_file_whose_writer_does_not_end_is_refused(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db", pool_timeout=0.1)
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with (
            pytest.raises(OperationalError, match="database is locked"),
            database.session() as db,
        ):
            db.scalar(text("SELECT 1"))
    database.close()


def test_sqlite_under_gevent_never_waits_in_c(
    make_notes: MakeNotes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "has_greenlets", lambda: True)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    app = make_notes(Rule("/write/<text>", write, methods=["POST"]), database_pool_timeout=0.01)
    client = visit(app)
    assert client.post("/write/a").status_code == 200
    with app.database.session() as db:
        assert db.scalar(text("PRAGMA busy_timeout")) == 0
        assert client.post("/write/b").status_code == 503


def test_gevent_is_looked_for_and_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gevent.monkey", raising=False)
    assert not sqlite.has_greenlets()
    for patched in (False, True):
        fake = SimpleNamespace(is_module_patched=lambda name, patched=patched: patched)
        monkeypatch.setitem(sys.modules, "gevent.monkey", fake)
        assert sqlite.has_greenlets() is patched


def test_sqlite_rolls_back_what_defines_tables_and_what_is_in_a_savepoint(
    make_notes: MakeNotes,
) -> None:
    app = make_notes()
    with pytest.raises(ZeroDivisionError), app.database.session() as db:  # noqa: PT012
        db.execute(text("CREATE TABLE other (n INTEGER)"))
        with db.begin_nested():
            db.add(Note(text="inner"))
        raise ZeroDivisionError
    with app.database.session() as db:
        assert db.scalar(text("SELECT count(*) FROM note")) == 0
        with pytest.raises(OperationalError, match="no such table"):
            db.execute(text("SELECT * FROM other"))


def test_sqlite_keeps_foreign_keys(make_notes: MakeNotes) -> None:
    app = make_notes()
    with app.database.session() as db:
        db.execute(text("CREATE TABLE child (note_id INTEGER REFERENCES note (id))"))
    with pytest.raises(DBAPIError, match="FOREIGN KEY"), app.database.session() as db:
        db.execute(text("INSERT INTO child VALUES (99)"))


IN_MEMORY = [
    "",
    ":memory:",
    "file::memory:?uri=true",
    "file:a?mode=memory&cache=shared&uri=true",
    "file:a?mode=memory&uri=true",
    "file:/a?vfs=memdb&uri=true",
    "file:?uri=true",
]


@pytest.mark.parametrize("path", IN_MEMORY)
def test_database_in_memory_is_one_for_all_threads(make_notes: MakeNotes, path: str) -> None:
    rules = Rule("/", count_notes), Rule("/<text>", write, methods=["POST"])
    app = make_notes(*rules, database_url=f"sqlite:///{path}", database_pool_timeout=SECONDS)
    app.start_worker()
    both = threading.Barrier(2)
    answers: list[int] = []

    def use(name: str) -> None:
        client = TestClient(app)
        both.wait(SECONDS)
        for number in range(20):
            answers.append(client.post(f"/{name}{number}").status_code)
            answers.append(client.get("/").status_code)

    threads = [threading.Thread(target=use, args=[name]) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 80
    assert TestClient(app).get("/").text == "40"


def count_notes(request: Request) -> str:
    return str(count(request))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("file:a.db?uri=true&mode=rwc", "a.db"),
        # Without `uri=true` these are names of files.
        ("file::memory:", "file::memory:"),
        ("a.db?mode=memory", "a.db"),
    ],
)
@pytest.mark.filterwarnings("ignore:Query string argument")
def test_file_is_no_database_in_memory_whatever_its_name(
    make_notes: MakeNotes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    app = make_notes(database_url=f"sqlite:///{url}")
    assert (tmp_path / name).exists()
    with app.database.session() as db:
        assert db.scalar(text("PRAGMA journal_mode")) == "wal"
    assert pool_of(app.database).size() == 5


# A server that goes and comes


@pytest.mark.integration
@pytest.mark.parametrize("how", ["restart", "kill"])
def test_first_request_after_a_restart_works(own_postgres: PostgresServer, how: str) -> None:
    database = Database(own_postgres.url(), pool_size=3)
    with database.session() as first, database.session() as second:
        assert [db.scalar(text("SELECT 5")) for db in (first, second)] == [5, 5]
    if how == "kill":
        own_postgres.kill()
        own_postgres.start()
    else:
        own_postgres.restart()
    with database.session() as first, database.session() as second:
        assert [db.scalar(text("SELECT 5")) for db in (first, second)] == [5, 5]
    database.close()


@pytest.mark.integration
def test_connection_that_was_idle_for_long_is_asked(
    postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(postgres.url, pool_size=1)
    pings: list[Any] = []
    dialect: Any = database.engine.dialect
    ping = dialect.do_ping

    def count_and_ping(connection: Any) -> Any:
        pings.append(connection)
        return ping(connection)

    monkeypatch.setattr(dialect, "do_ping", count_and_ping)
    first = backend(database)
    assert backend(database) == first
    assert pings == []
    monkeypatch.setattr(liveness, "TRUSTED", 0.0)
    assert backend(database) == first
    assert len(pings) == 1
    # What arrived may be a notice as well as an end.
    monkeypatch.setattr(liveness, "TRUSTED", 100.0)
    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("LISTEN news")
        driver.commit()
    with postgres.connect() as other:
        other.execute("NOTIFY news")
    assert select.select([driver], [], [], SECONDS)[0]
    assert backend(database) == first
    assert len(pings) == 2
    database.close()


def test_connection_of_an_unknown_driver_is_not_trusted() -> None:
    assert liveness.poll_of(object()) is None


@pytest.mark.integration
def test_node_does_not_start_without_its_database(
    make_app: MakeApp, own_postgres: PostgresServer
) -> None:
    url = own_postgres.url().replace("postgres@", "postgres:the+secret@")
    app = make_app(database_url=url)
    app.start_worker()
    app.check_services()
    own_postgres.stop()
    with pytest.raises(DatabaseConfigError, match=r"cannot be used: .*refused") as raised:
        app.check_services()
    assert "the+secret" not in str(raised.value)
    assert "***" in str(raised.value)
    app.stop_worker()


# Forks


def in_child(action: Any) -> str:
    """Return what ``action`` returns in a forked process, as text."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, str(action()).encode())
        except BaseException as error:
            os.write(writing, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as answer:
        return answer.read()


@pytest.mark.integration
def test_child_of_a_fork_has_connections_of_its_own(postgres: PostgresDatabase) -> None:
    database = Database(postgres.url, pool_size=2)
    own = backend(database)
    assert in_child(lambda: backend(database)) not in {str(own), ""}
    # The parent's connection is still its own, and works.
    assert backend(database) == own
    database.close()


@pytest.mark.integration
def test_fork_in_the_middle_of_a_transaction_leaves_it_to_the_parent(
    postgres: PostgresDatabase,
) -> None:
    database = Database(postgres.url, pool_size=2)
    with database.session() as db:
        db.execute(text("CREATE TABLE t (n INTEGER)"))
        assert in_child(lambda: ask(database)) == "5"
        db.execute(text("INSERT INTO t VALUES (1)"))
    with database.session() as db:
        assert db.scalar(text("SELECT n FROM t")) == 1
    database.close()


def test_child_of_a_fork_commits_to_a_file_that_its_parent_closes(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db")
    with database.session() as db:
        db.execute(text("CREATE TABLE t (n INTEGER)"))
    (written, writing), (closed, closing) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            add(database, 1)
            os.write(writing, b".")
            os.read(closed, 1)
            add(database, 2)
        finally:
            os._exit(0)
    os.close(writing)
    os.read(written, 1)
    database.close()
    os.write(closing, b".")
    os.waitpid(child, 0)
    assert numbers(database) == [1, 2]
    database.close()
    for end in (written, closed, closing):
        os.close(end)


@pytest.mark.parametrize("path", IN_MEMORY)
def test_fork_leaves_a_database_in_memory_to_the_parent(path: str) -> None:
    database = Database(f"sqlite:///{path}")
    with database.session() as db:
        db.execute(text("CREATE TABLE t (n INTEGER)"))
    assert in_child(lambda: "forked") == "forked"
    assert numbers(database) == []
    database.close()


def add(database: Database, number: int) -> None:
    with database.session() as db:
        db.execute(text(f"INSERT INTO t VALUES ({number})"))


def numbers(database: Database) -> list[int]:
    with database.session() as db:
        return list(db.scalars(text("SELECT n FROM t")))


def test_engine_can_be_made_in_another_way(tmp_path: Path) -> None:
    class Echoing(Database):
        def make_engine(self, url: Any, **options: Any) -> Any:
            return super().make_engine(url, execution_options={"own": 1}, **options)

    database = Echoing(f"sqlite:///{tmp_path}/a.db")
    assert database.engine.get_execution_options()["own"] == 1
    database.close()


def test_lost_connection_during_a_commit_is_said_to_be_unknown(make_notes: MakeNotes) -> None:
    app = make_notes(Rule("/<text>", write, methods=["GET", "POST"]))

    def lose(connection: Any) -> None:
        raise OperationalError("COMMIT", {}, Exception("gone"), connection_invalidated=True)

    event.listen(app.database.engine, "commit", lose)
    client = visit(app)
    answer = client.post("/a")
    assert answer.status_code == 500
    assert "look whether they were" in answer.text
    # Of a request that should not have written there is nothing to be unsure of.
    assert client.get("/b").status_code == 503
    event.remove(app.database.engine, "commit", lose)


def test_query_that_a_replica_gave_up_is_no_conflict() -> None:
    original = Exception("canceling statement due to conflict with recovery")
    original.sqlstate = "40001"  # type: ignore[attr-defined]
    answer = http_error(DBAPIError("SELECT", {}, original))
    assert (answer and answer.code) == 503


@pytest.mark.parametrize(
    ("code", "status"),
    [
        *(("40001", 409), ("40P01", 409), ("55P03", 503), ("53300", 503), ("57P03", 503)),
        *(("23505", None), ("42601", None)),
    ],
)
def test_answers_by_sqlstate(code: str, status: int | None) -> None:
    original = Exception("reason")
    original.sqlstate = code  # type: ignore[attr-defined]
    answer = http_error(DBAPIError("SELECT", {}, original))
    assert (answer and answer.code) == status


@pytest.mark.parametrize(
    ("number", "status"), [(1213, 409), (1205, 503), (1040, 503), (1062, None)]
)
def test_answers_by_the_number_of_mysql(number: int, status: int | None) -> None:
    answer = http_error(DBAPIError("SELECT", {}, Exception(number, "reason")))
    assert (answer and answer.code) == status
