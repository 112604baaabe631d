"""A primary and a standby: who reads from which, and that nobody's own writes are missing."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import InvalidRequestError

from framework import Config, Rule
from framework.database import (
    Database,
    DatabaseConfigError,
    DatabaseSession,
    ReaderIsReadOnly,
    replicas,
)
from framework.database.positions import UNKNOWN
from framework.testing import TestClient
from tests.database_server import SECONDS
from tests.framework.database.notes import Base, Note
from tests.framework.database.standby import Standby, wait_for
from tests.postgres import start_postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import MakeApp
    from sqlalchemy import Connection

    from framework import App, Request
    from tests.postgres import PostgresServer

    Act = Callable[[Request], Any]
    MakeNode = Callable[..., App]

pytestmark = pytest.mark.integration

FUNCTION = """CREATE FUNCTION write_note(text) RETURNS int LANGUAGE sql
AS 'INSERT INTO note (text) VALUES ($1) RETURNING id'"""


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[PostgresServer, Standby]]:
    """Both servers, with the tables."""
    # What is committed is on its way to the standby at once.
    primary = start_postgres(wal_writer_delay="10ms")
    try:
        database = Database(primary.url())
        with database.session() as db:
            Base.metadata.create_all(db.connection())
            db.execute(text(FUNCTION))
        database.close()
        standby = Standby(primary)
        yield primary, standby
        standby.close()
    finally:
        primary.close()


@pytest.fixture
def primary(servers: tuple[PostgresServer, Standby]) -> PostgresServer:
    return servers[0]


@pytest.fixture
def standby(servers: tuple[PostgresServer, Standby]) -> Iterator[Standby]:
    primary, standby = servers
    with primary.connect() as connection:
        connection.execute("TRUNCATE note")
    standby.catch_up()
    yield standby
    standby.let_go()
    standby.lag(0)


@pytest.fixture
def make_node(make_app: MakeApp, primary: PostgresServer, standby: Standby) -> Iterator[MakeNode]:
    """Make an app as on one node of several, which reads and does what a test asks for."""
    apps: list[App] = []

    def make(act: Act | None = None, **options: Any) -> App:
        rules = [
            Rule("/", look),
            Rule("/act", act or write, endpoint="act", methods=["GET", "POST"]),
        ]
        options = {
            "database_url": primary.url(),
            "database_replica_urls": [standby.url()],
            **options,
        }
        app = make_app(*rules, **options)
        apps.append(app)
        return app

    yield make
    for app in apps:
        pools: list[Any] = [engine.pool for engine in app.database.engines]
        app.database.close()
        assert [pool.checkedout() for pool in pools] == [0] * len(pools)


def write(request: Request) -> str:
    request.db.add(Note(text=f"note {time.monotonic_ns()}"))
    return "written"


def look(request: Request) -> Any:
    return seen_by(request.db.reader)


def seen_by(db: DatabaseSession) -> dict[str, Any]:
    """How many notes a session sees, and whether on a replica."""
    notes = db.scalar(select(func.count()).select_from(Note))
    return {"notes": notes, "replica": db.scalar(select(func.pg_is_in_recovery()))}


def answer(client: TestClient, app: App | None = None) -> Any:
    """What a visitor sees, on another node if one is given."""
    client.application = app or client.app
    return client.get("/").json


ON_REPLICA, ON_PRIMARY = {"notes": 0, "replica": True}, {"notes": 1, "replica": False}


def test_who_wrote_reads_from_the_primary_until_the_replica_has_it_on_every_node(
    make_node: MakeNode, standby: Standby
) -> None:
    here, there = make_node(), make_node()
    visitor, other = TestClient(here), TestClient(here)
    assert answer(visitor, there) == ON_REPLICA
    standby.hold_back()
    visitor.application = here
    assert visitor.post("/act").text == "written"
    for node in (there, here, there):
        assert answer(visitor, node) == ON_PRIMARY
        assert answer(other, node) == ON_REPLICA
    standby.let_go()
    standby.catch_up()
    for node in (there, here):
        assert answer(visitor, node) == {"notes": 1, "replica": True}


def test_own_writes_are_never_missing_while_a_replica_lags(
    make_node: MakeNode, standby: Standby
) -> None:
    here, there = make_node(), make_node()
    visitor = TestClient(here)
    standby.lag(150)
    for number in range(1, 6):
        visitor.application = here
        assert visitor.post("/act").status_code == 200
        deadline = time.monotonic() + SECONDS
        replica = False
        while not replica:
            seen = answer(visitor, there)
            assert seen["notes"] == number
            replica = seen["replica"]
            assert time.monotonic() < deadline


def commit_and_fail(request: Request) -> str:
    write(request)
    request.db.commit()
    raise ValueError("after the commit")


def begin_block(request: Request) -> str:
    with request.db.begin():
        request.db.add(Note(text="written"))
    return "written"


def savepoint(request: Request) -> str:
    with request.db.begin_nested():
        request.db.execute(text("INSERT INTO note (text) VALUES ('written')"))
    return "written"


def second_commit(request: Request) -> str:
    write(request)
    request.db.commit()
    request.db.scalars(select(Note)).all()
    return "written"


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda request: request.db.add(Note(text="written")), id="object"),
        pytest.param(
            lambda request: request.db.execute(insert(Note).values(text="written")) and None,
            id="statement",
        ),
        pytest.param(
            lambda request: request.db.execute(text("INSERT INTO note (text) VALUES ('a')")) and "",
            id="text",
        ),
        pytest.param(
            lambda request: {"id": request.db.scalar(select(func.write_note("written")))},
            id="function in a query",
        ),
        pytest.param(
            lambda request: (
                request.db.connection().exec_driver_sql("INSERT INTO note (text) VALUES ('a')")
                and ""
            ),
            id="connection",
        ),
        begin_block,
        savepoint,
        second_commit,
        commit_and_fail,
    ],
)
def test_every_way_to_write_is_noticed(make_node: MakeNode, standby: Standby, act: Act) -> None:
    app = make_node(act)
    visitor = TestClient(app)
    standby.hold_back()
    response = visitor.post("/act")
    assert response.status_code == (500 if act is commit_and_fail else response.status_code)
    assert response.headers["Cache-Control"] == "no-store"
    assert answer(visitor) == ON_PRIMARY


def roll_back(request: Request) -> Any:
    write(request)
    request.db.flush()
    return "failed", 503


def roll_back_by_hand(request: Request) -> str:
    write(request)
    request.db.flush()
    request.db.rollback()
    return "nothing"


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda request: str(request.db.scalars(select(Note)).all()), id="query"),
        pytest.param(lambda request: str(request.db.reader.scalars(select(Note)).all()), id="read"),
        pytest.param(lambda request: str(request.db.get(Note, 1)), id="get"),
        pytest.param(lambda request: request.db.commit(), id="empty commit"),
        roll_back,
        roll_back_by_hand,
    ],
)
def test_who_wrote_nothing_gets_no_cookie(make_node: MakeNode, act: Act) -> None:
    assert "Set-Cookie" not in TestClient(make_node(act)).post("/act").headers


def test_reader_in_the_same_request_shows_what_it_wrote(
    make_node: MakeNode, standby: Standby
) -> None:
    def act(request: Request) -> Any:
        db = request.db
        seen = [seen_by(db.reader)]
        note = Note(text="first")
        db.add(note)
        seen.append(seen_by(db.reader))  # not even flushed
        db.execute(text("UPDATE note SET text = 'changed'"))
        seen.append({"texts": db.reader.scalars(select(Note.text)).all()})
        db.commit()
        seen.append(seen_by(db.reader))
        db.delete(note)
        seen.append(seen_by(db.reader))
        db.rollback()
        return [*seen, seen_by(db.reader)]

    standby.hold_back()
    assert TestClient(make_node(act)).post("/act").json == [
        ON_REPLICA,
        ON_PRIMARY,
        {"texts": ["changed"]},
        ON_PRIMARY,
        {"notes": 0, "replica": False},
        ON_PRIMARY,
    ]


def test_reader_goes_to_a_replica_beside_queries_on_the_primary(make_node: MakeNode) -> None:
    def act(request: Request) -> Any:
        assert request.db.scalars(select(Note)).all() == []
        assert request.db.reader is request.db.reader
        return seen_by(request.db.reader)

    assert TestClient(make_node(act)).get("/act").json == ON_REPLICA


def test_failed_transaction_is_told_and_not_hidden_by_a_replica(make_node: MakeNode) -> None:
    def act(request: Request) -> Any:
        try:
            request.db.execute(text("SELECT no_such_column"))
        except Exception:
            assert request.db.reader is request.db
        return "failed", 500

    assert TestClient(make_node(act)).get("/act").status_code == 500


def test_answer_depends_on_the_cookie_where_a_replica_may_have_been_read(
    make_node: MakeNode,
) -> None:
    app = make_node(lambda request: str(request.db.get(Note, 1)))
    assert TestClient(app).get("/").headers["Vary"] == "Cookie"
    assert "Vary" not in TestClient(app).get("/act").headers


def test_scripts_read_from_a_replica_what_they_have_not_written(
    make_node: MakeNode, standby: Standby
) -> None:
    app = make_node()
    standby.hold_back()
    with app.database.session() as db:
        assert seen_by(db.reader) == ON_REPLICA
        db.add(Note(text="written"))
        db.commit()
        assert seen_by(db.reader) == ON_PRIMARY


def test_lost_replica_is_skipped_and_found_again(
    make_node: MakeNode, standby: Standby, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "framework.database.replicas")
    visitor = TestClient(make_node())
    assert answer(visitor) == ON_REPLICA
    standby.stop()
    try:
        for _ in range(3):
            assert answer(visitor) == {"notes": 0, "replica": False}
        assert 1 <= len(caplog.messages) <= 2
        assert f"127.0.0.1:{standby.port}" in caplog.messages[0]
        assert "is left alone for 1 s" in caplog.messages[0]
    finally:
        standby.start()
    deadline = time.monotonic() + SECONDS
    while answer(visitor) != ON_REPLICA:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_replica_that_ends_in_the_middle_is_replaced_by_the_primary(
    make_node: MakeNode, standby: Standby
) -> None:
    def act(request: Request) -> Any:
        reader = request.db.reader
        (process,) = reader.execute(text("SELECT pg_backend_pid()")).one()
        with standby.connect() as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", (process,))
            wait_for(connection, f"count(*) = 0 FROM pg_stat_activity WHERE pid = {process}")
        try:
            seen_by(reader)
        except Exception:
            reader.rollback()
        return seen_by(reader)

    client = TestClient(make_node(act))
    assert client.get("/act").json == {"notes": 0, "replica": False}
    assert answer(client) == ON_REPLICA


def test_unhandled_loss_of_a_replica_is_503(make_node: MakeNode, standby: Standby) -> None:
    def act(request: Request) -> Any:
        (process,) = request.db.reader.execute(text("SELECT pg_backend_pid()")).one()
        with standby.connect() as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", (process,))
            wait_for(connection, f"count(*) = 0 FROM pg_stat_activity WHERE pid = {process}")
        return seen_by(request.db.reader)

    client = TestClient(make_node(act))
    assert client.get("/act").status_code == 503
    assert answer(client) == ON_REPLICA


def test_server_that_writes_by_itself_is_no_replica(
    make_node: MakeNode, primary: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = TestClient(make_node(database_replica_urls=[primary.url()]))
    for _ in range(3):
        assert answer(visitor) == {"notes": 0, "replica": False}
    (message,) = caplog.messages
    assert "left alone for 1 s: it is no replica: it writes by itself" in message


def test_commit_that_cannot_be_placed_counts_as_ahead_of_all(
    make_node: MakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framework.database.replicated.WRITTEN", "SELECT 1 / 0")
    visitor = TestClient(make_node())
    response = visitor.post("/act")
    assert response.status_code == 200
    assert f"_{UNKNOWN:x}=1;" in response.headers["Set-Cookie"]
    assert answer(visitor) == ON_PRIMARY
    monkeypatch.undo()
    assert visitor.post("/act").status_code == 200
    assert visitor.get_cookie(f"__Host-db_position_{UNKNOWN:x}") is None


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_commit_that_may_be_lost_counts_as_ahead_of_all(
    make_node: MakeNode, primary: PostgresServer, method: str
) -> None:
    visitor = TestClient(make_node())
    with primary.connect() as connection:
        connection.execute(
            "CREATE FUNCTION end_myself() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'"
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER last AFTER INSERT ON note DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION end_myself()"
        )
        try:
            response = visitor.open("/act", method=method)
        finally:
            connection.execute("DROP FUNCTION end_myself CASCADE")
    assert response.status_code >= 500
    assert answer(visitor) == {"notes": 0, "replica": False}


@pytest.mark.parametrize("position", ["0", "1", "fffffffffffffff0"])
def test_forged_positions_show_what_everybody_sees(
    make_node: MakeNode, standby: Standby, position: str
) -> None:
    app = make_node()
    standby.hold_back()
    TestClient(app).post("/act")
    forger = TestClient(app)
    forger.set_cookie(f"__Host-db_position_{position}", "1", secure=True)
    assert answer(forger) == (ON_PRIMARY if position.startswith("f") else ON_REPLICA)


def test_reader_takes_no_statements_that_write(make_node: MakeNode) -> None:
    def act(request: Request) -> Any:
        with pytest.raises(Exception, match="read-only transaction"):
            request.db.reader.execute(text("INSERT INTO note (text) VALUES ('written')"))
        return "refused"

    client = TestClient(make_node(act))
    assert client.post("/act").text == "refused"
    assert answer(client) == ON_REPLICA


@pytest.mark.parametrize("flushed", [True, False])
def test_objects_added_to_the_reader_are_refused_and_nothing_is_committed(
    make_node: MakeNode, caplog: pytest.LogCaptureFixture, flushed: bool
) -> None:
    def act(request: Request) -> Any:
        reader = request.db.reader
        write(request)
        reader.add(Note(text="by the reader"))
        if flushed:
            reader.flush()
        return "written"

    client = TestClient(make_node(act))
    assert client.post("/act").status_code == 500
    assert ReaderIsReadOnly.__name__ in caplog.text
    assert "Load what you change with request.db" in caplog.text
    assert answer(client) == ON_REPLICA


def test_apps_own_session_class_reads_from_replicas_too(make_node: MakeNode) -> None:
    class OwnSession(DatabaseSession):
        def notes(self) -> int:
            return self.scalar(select(func.count()).select_from(Note)) or 0

    class OwnDatabase(Database):
        session_class = OwnSession

    def act(request: Request) -> Any:
        db: Any = request.db
        return [db.notes(), db.reader.notes(), seen_by(db.reader)]

    app = make_node(act)
    app._database = OwnDatabase(
        app.config.database_url or "", replica_urls=app.config.database_replica_urls
    )
    assert TestClient(app).get("/act").json == [0, 0, ON_REPLICA]


def test_what_a_replica_showed_is_not_asked_again(
    make_node: MakeNode, standby: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = replicas.ask

    def note_and_ask(connection: Connection, query: str) -> Any:
        asked.append(query)
        return ask(connection, query)

    app = make_node()
    visitor = TestClient(app)
    visitor.post("/act")
    standby.catch_up()
    # Only now: the first request imports what takes the function by name, and would keep this one.
    monkeypatch.setattr(replicas, "ask", note_and_ask)
    for _ in range(3):
        assert answer(visitor) == {"notes": 1, "replica": True}
    assert asked == [replicas.APPLIED]


def test_without_replicas_the_reader_is_the_session_itself(make_node: MakeNode) -> None:
    app = make_node(database_replica_urls=())
    visitor = TestClient(app)
    response = visitor.post("/act")
    assert "Set-Cookie" not in response.headers
    assert answer(visitor) == ON_PRIMARY
    assert "Vary" not in visitor.get("/").headers


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"database_replica_urls": ("nonsense",)},
            "DATABASE_REPLICA_URLS: 'nonsense' is not the URL",
        ),
        (
            {"database_replica_urls": ("sqlite:///copy.db",)},
            "'sqlite:///copy.db' is not the URL of a PostgreSQL server",
        ),
        (
            {
                "database_url": "sqlite:///shop.db",
                "database_replica_urls": ("postgresql:///copy",),
            },
            "only PostgreSQL tells how far a replica is, and .* is sqlite",
        ),
    ],
)
def test_replicas_that_cannot_be_used_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DatabaseConfigError, match=message):
        Database.from_config(Config(**{"database_url": "postgresql:///shop", **options}), "shop")


def test_session_of_a_request_that_is_over_has_no_reader(make_node: MakeNode) -> None:
    requests: list[Request] = []

    def keep(request: Request) -> str:
        requests.append(request)
        return str(seen_by(request.db.reader)["replica"])

    app = make_node(keep)
    assert TestClient(app).get("/act").text == "True"
    with pytest.raises(InvalidRequestError, match="closed"):
        seen_by(requests[0].db.reader)
