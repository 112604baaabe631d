"""What is committed and what is not, and when, by what a request is answered with."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError, InvalidRequestError, OperationalError
from werkzeug.exceptions import NotFound

from framework import App, Request, Rule, signals
from framework.database import AlreadyAnswered, DatabaseSession
from framework.sessions import SessionConflict
from framework.sessions.cookie import SignedCookieSessionInterface
from framework.testing import current, make_request
from tests.framework.database.notes import (
    ON_BOTH_PATHS,
    ON_EACH,
    Note,
    count,
    texts,
    used_connections,
    visit,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.framework.database.conftest import MakeNotes
    from tests.postgres import PostgresDatabase


def rule(view: Any) -> Rule:
    return Rule("/", view, endpoint="view", methods=["GET", "POST"])


def view(answer: Any) -> Rule:
    """Return a rule whose view writes a note and returns or raises ``answer``."""

    def write_and_answer(request: Request) -> Any:
        write(request, "written")
        if isinstance(answer, Exception):
            raise answer
        return answer

    return rule(write_and_answer)


@ON_BOTH_PATHS
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize(
    "answer",
    ["text", {"json": 1}, ["list"], None, ("text", 201), ("wrong", 422), ("no", 401), ("", 303)],
)
def test_what_a_view_returns_below_500_is_committed(
    make_notes: MakeNotes, client_of: Any, answer: Any, method: str
) -> None:
    app = make_notes(view(answer))
    assert client_of(app).open("/", method=method).status_code < 500
    assert texts(app) == ["written"]


@ON_BOTH_PATHS
@ON_EACH
@pytest.mark.parametrize(
    ("answer", "status"),
    [(("down", 500), 500), (("down", 503), 503), (NotFound(), 404), (ValueError(), 500)],
)
def test_server_errors_and_exceptions_roll_back(
    make_notes: MakeNotes, client_of: Any, answer: Any, status: int
) -> None:
    app = make_notes(view(answer))
    assert client_of(app).post("/").status_code == status
    assert texts(app) == []


@ON_EACH
def test_commit_is_over_before_the_first_byte(make_notes: MakeNotes) -> None:
    app = make_notes(view("answer"))
    seen: list[list[str]] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        seen.append(texts(app))

    request = make_request(app, "/", method="POST")
    app(request.environ, start_response)
    assert seen == [["written"]]


def test_request_that_does_not_touch_the_database_opens_none(make_notes: MakeNotes) -> None:
    seen: list[Any] = []
    app = make_notes(rule(lambda request: "hello"))
    app.teardown_request(lambda request, error: seen.append(request.open_db))
    visit(app).get("/")
    assert seen == [None]


def test_what_after_hooks_write_is_committed_too(make_notes: MakeNotes) -> None:
    app = make_notes(rule(lambda request: "hello"))

    @app.after_request
    def note(request: Request, response: Any) -> None:
        write(request, "after")

    assert visit(app).post("/").status_code == 200
    assert texts(app) == ["after"]


@ON_BOTH_PATHS
@ON_EACH
@pytest.mark.parametrize("flushed", [False, True])
def test_failed_flush_is_no_success(make_notes: MakeNotes, client_of: Any, flushed: bool) -> None:
    def twice(request: Request) -> str:
        write(request, "same")
        write(request, "same")
        if flushed:
            request.db.flush()
        return "said too early"

    app = make_notes(rule(twice))
    answer = client_of(app).post("/")
    assert answer.status_code == 500
    assert "too early" not in answer.text
    assert texts(app) == []


@ON_BOTH_PATHS
@ON_EACH
def test_error_handler_begins_with_a_clean_session_and_is_committed(
    make_notes: MakeNotes, client_of: Any
) -> None:
    def twice(request: Request) -> str:
        write(request, "same")
        write(request, "same")
        return "said too early"

    app = make_notes(rule(twice))

    @app.error_handler(IntegrityError)
    def explain(request: Request, error: IntegrityError) -> Any:
        assert count(request) == 0
        write(request, "from the handler")
        return "already there", 409

    answer = client_of(app).post("/")
    assert (answer.status_code, answer.text) == (409, "already there")
    assert texts(app) == ["from the handler"]


def test_error_handler_whose_commit_fails_is_no_success(make_notes: MakeNotes) -> None:
    app = make_notes(view(ValueError()))

    @app.error_handler(ValueError)
    def fail_again(request: Request, error: ValueError) -> str:
        write(request, "same")
        write(request, "same")
        return "all is well"

    assert visit(app).post("/").status_code == 500
    assert texts(app) == []


def test_error_handler_after_a_failed_save_is_no_success_if_it_fails(
    make_notes: MakeNotes,
) -> None:
    app = make_notes(rule(lambda request: "hello"))

    @app.after_request
    def fail(request: Request, response: Any) -> None:
        write(request, "lost")
        raise ValueError

    @app.error_handler(ValueError)
    def fail_again(request: Request, error: ValueError) -> str:
        write(request, "same")
        write(request, "same")
        return "all is well"

    assert visit(app).post("/").status_code == 500
    assert texts(app) == []


def test_error_handler_that_raises_is_rolled_back_too(make_notes: MakeNotes) -> None:
    app = make_notes(view(ValueError()))

    @app.error_handler(ValueError)
    def refuse(request: Request, error: ValueError) -> str:
        write(request, "from the handler")
        raise NotFound

    assert visit(app).post("/").status_code == 404
    assert texts(app) == []


@ON_BOTH_PATHS
def test_session_that_cannot_be_saved_leaves_the_database_unchanged(
    make_notes: MakeNotes, client_of: Any
) -> None:
    def both(request: Request) -> str:
        write(request, "written")
        request.session["a"] = 1
        return "said too early"

    class Overtaken(SignedCookieSessionInterface):
        def save(self, *_: Any) -> None:
            raise SessionConflict("a")

    app = make_notes(rule(both))
    app.session_interface = Overtaken.from_config(app.config)
    assert client_of(app).post("/").status_code == 409
    assert texts(app) == []


def test_database_that_cannot_be_written_leaves_a_cookie_session_unchanged(
    make_notes: MakeNotes,
) -> None:
    def both(request: Request) -> str:
        request.session["a"] = 1
        write(request, "same")
        write(request, "same")
        return "said too early"

    client = visit(make_notes(rule(both)))
    answer = client.post("/")
    assert answer.status_code == 500
    assert "Set-Cookie" not in answer.headers


@ON_EACH
def test_streamed_body_reads_after_the_commit_and_its_transaction_ends_with_it(
    make_notes: MakeNotes,
) -> None:
    def stream(request: Request) -> Iterator[str]:
        write(request, "written")

        def body() -> Iterator[str]:
            yield f"{count(request)},"
            yield f"{count(request)}"

        return body()

    app = make_notes(rule(stream))
    client = visit(app)
    answer = client.post("/", buffered=False)
    assert texts(app) == ["written"]
    parts = iter(answer.response)
    assert next(parts) == b"1,"
    assert used_connections(app) == 1
    answer.close()
    assert used_connections(app) == 0
    assert client.get("/missing").status_code == 404


@pytest.mark.parametrize("steps", [0, 1])
def test_body_that_the_client_does_not_wait_for_gives_its_connection_back(
    make_notes: MakeNotes, steps: int
) -> None:
    def stream(request: Request) -> Iterator[str]:
        count(request)

        def body() -> Iterator[str]:
            try:
                while True:
                    yield str(count(request))
            finally:
                count(request)

        return body()

    app = make_notes(rule(stream))
    answer = visit(app).get("/", buffered=False)
    for _, _part in zip(range(steps), answer.response, strict=False):
        pass
    answer.close()
    assert used_connections(app) == 0


@ON_EACH
def test_body_that_fails_gives_its_connection_back(make_notes: MakeNotes) -> None:
    def stream(request: Request) -> Iterator[str]:
        def body() -> Iterator[str]:
            yield str(count(request))
            raise ZeroDivisionError

        return body()

    app = make_notes(rule(stream))
    with pytest.raises(ZeroDivisionError):
        visit(app).get("/")
    assert used_connections(app) == 0


def lose(connection: Any) -> None:
    raise OperationalError("ROLLBACK", {}, Exception("gone"))


@pytest.mark.integration
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_lost_connection_at_the_end_of_a_body_is_logged_and_no_more(
    make_notes: MakeNotes, postgres: PostgresDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    def stream(request: Request) -> Iterator[str]:
        return iter(str(count(request)) for _ in range(2))

    app = make_notes(rule(stream))
    answer = visit(app).get("/", buffered=False)
    next(iter(answer.response))
    with postgres.connect() as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    answer.close()
    assert "could not be closed in order" in caplog.text
    assert used_connections(app) == 0


def test_lost_connection_at_a_rollback_is_logged_and_no_more(
    make_notes: MakeNotes, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(request: Request) -> str:
        count(request)
        raise NotFound

    app = make_notes(rule(fail))
    event.listen(app.database.engine, "rollback", lose)
    assert visit(app).get("/").status_code == 404
    event.remove(app.database.engine, "rollback", lose)
    assert "could not be rolled back" in caplog.text
    assert used_connections(app) == 0


def test_session_reads_from_itself_where_there_is_no_replica(make_notes: MakeNotes) -> None:
    app = make_notes(rule(lambda request: str(request.db.reader is request.db)))
    assert visit(app).get("/").text == "True"


def test_streamed_body_and_teardown_hook_may_both_read(make_notes: MakeNotes) -> None:
    def stream(request: Request) -> Iterator[str]:
        return iter(str(count(request)) for _ in range(2))

    app = make_notes(rule(stream))
    app.teardown_request(lambda request, error: count(request))
    assert visit(app).get("/").text == "00"


def by_object(request: Request) -> None:
    write(request, "late")
    request.db.flush()


def by_statement(request: Request) -> None:
    request.db.execute(insert(Note).values(text="late"))


@pytest.mark.parametrize("touched", [False, True])
@pytest.mark.parametrize("write_late", [by_object, by_statement])
def test_what_a_streamed_body_writes_is_refused(
    make_notes: MakeNotes, write_late: Any, touched: bool
) -> None:
    def stream(request: Request) -> Iterator[str]:
        if touched:
            count(request)

        def body() -> Iterator[str]:
            yield "begun"
            write_late(request)

        return body()

    app = make_notes(rule(stream))
    with pytest.raises(AlreadyAnswered, match=r"app\.database\.session"):
        visit(app).post("/")
    assert texts(app) == []


def test_streamed_body_writes_in_a_session_of_its_own(make_notes: MakeNotes) -> None:
    def stream(request: Request) -> Iterator[str]:
        def body() -> Iterator[str]:
            yield "begun"
            with request.app.database.session() as db:
                db.add(Note(text="late"))

        return body()

    app = make_notes(rule(stream))
    assert visit(app).post("/").text == "begun"
    assert texts(app) == ["late"]


@ON_EACH
def test_teardown_hooks_read_what_was_committed_and_write_nothing(
    make_notes: MakeNotes, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[int] = []
    app = make_notes(view("answer"))

    @app.teardown_request
    def read(request: Request, error: BaseException | None) -> None:
        seen.append(count(request))
        by_object(request)

    assert visit(app).post("/").status_code == 200
    assert seen == [1]
    assert texts(app) == ["written"]
    assert "AlreadyAnswered" in caplog.text


def test_teardown_hook_that_ends_the_greenlet_gives_the_connection_back(
    make_notes: MakeNotes,
) -> None:
    app = make_notes(rule(lambda request: str(count(request))))

    @app.teardown_request
    def end(request: Request, error: BaseException | None) -> None:
        count(request)
        raise SystemExit

    with pytest.raises(SystemExit):
        visit(app).get("/")
    assert used_connections(app) == 0


@ON_BOTH_PATHS
def test_receiver_of_request_finished_gives_its_connection_back(
    make_notes: MakeNotes, client_of: Any
) -> None:
    app = make_notes(rule(lambda request: "hello"))

    seen: list[Request] = []

    def receive(sender: App, request: Request, response: Any) -> None:
        count(request)
        seen.append(request)

    with signals.request_finished.connected_to(receive):
        client_of(app).get("/")
    assert used_connections(app) == 0


@ON_BOTH_PATHS
@ON_EACH
def test_exception_that_nothing_handles_gives_the_connection_back(
    make_notes: MakeNotes, client_of: Any
) -> None:
    def end(request: Request) -> str:
        write(request, "lost")
        request.db.flush()
        raise SystemExit

    app = make_notes(rule(end))
    with pytest.raises(SystemExit):
        client_of(app).post("/")
    assert used_connections(app) == 0
    assert texts(app) == []


def test_session_is_closed_for_good_when_its_request_is_over(make_notes: MakeNotes) -> None:
    requests: list[Request] = []

    def keep(request: Request) -> str:
        requests.append(request)
        return str(count(request))

    app = make_notes(rule(keep))
    visit(app).get("/")
    with pytest.raises(InvalidRequestError, match="closed"):
        count(requests[0])


@ON_BOTH_PATHS
@pytest.mark.parametrize("answer", ["text", ("wrong", 500), NotFound])
def test_session_of_a_request_does_not_wait_for_the_garbage_collector(
    make_notes: MakeNotes, client_of: Any, answer: Any
) -> None:
    sessions: list[weakref.ref[DatabaseSession]] = []

    def keep(request: Request) -> Any:
        count(request)
        sessions.append(weakref.ref(request.db))
        if answer is NotFound:
            raise NotFound
        return answer

    app = make_notes(rule(keep))
    client = client_of(app)
    # What a first request leaves behind is no part of it.
    client.get("/")
    gc.disable()
    try:
        client.get("/")
        assert [session() for session in sessions][1:] == [None]
    finally:
        gc.enable()


def test_objects_that_outlive_their_request_belong_to_no_session(make_notes: MakeNotes) -> None:
    kept: list[Note] = []

    def keep(request: Request) -> str:
        kept.append(note := Note(text="first"))
        request.db.add(note)
        return "kept"

    app = make_notes(rule(keep))
    visit(app).post("/")
    (note,) = kept
    assert inspect(note).detached
    with app.database.session() as db:
        db.add(note)
        note.text = "second"
    assert texts(app) == ["second"]


def test_view_can_let_go_of_all_objects(make_notes: MakeNotes) -> None:
    def forget(request: Request) -> str:
        write(request, "lost")
        request.db.expunge_all()
        return str(len(request.db.new))

    app = make_notes(rule(forget))
    assert visit(app).post("/").text == "0"
    assert texts(app) == []


@ON_EACH
def test_session_in_a_thread_commits_or_rolls_back(make_notes: MakeNotes) -> None:
    app = make_notes()
    failures: list[Exception] = []

    def work(texts: list[str]) -> None:
        try:
            with app.database.session() as db:
                for text_ in texts:
                    db.add(Note(text=text_))
        except IntegrityError as error:
            failures.append(error)

    for batch in (["a", "b"], ["c", "c"]):
        thread = threading.Thread(target=work, args=[batch])
        thread.start()
        thread.join()
    assert texts(app) == ["a", "b"]
    assert len(failures) == 1


def test_view_that_is_called_with_a_made_up_request_decides_itself(make_notes: MakeNotes) -> None:
    app = make_notes(view("answer"))
    with current(make_request(app, "/", method="POST")) as request:
        write(request, "a")
        request.db.commit()
        write(request, "b")
        request.db.flush()
    assert texts(app) == ["a"]


def test_objects_can_be_read_after_the_commit(make_notes: MakeNotes) -> None:
    app = make_notes()
    with app.database.session() as db:
        db.add(note := Note(text="a"))
    assert (note.id, note.text) == (1, "a")


def test_constraints_are_enforced_and_named(make_notes: MakeNotes) -> None:
    app = make_notes(view("answer"))
    visit(app).post("/")
    with pytest.raises(IntegrityError) as raised, app.database.session() as db:
        db.execute(text("INSERT INTO note (text) VALUES ('written')"))
    assert "text" in str(raised.value.orig)
    names = {constraint.name for constraint in Note.metadata.tables["note"].constraints}
    assert names == {"pk_note", "uq_note_text"}


def test_one_or_404_and_get_or_404(make_notes: MakeNotes) -> None:
    def by_text(request: Request, name: str) -> str:
        return str(request.db.one_or_404(select(Note).where(Note.text == name)).id)

    def by_id(request: Request, note_id: int) -> str:
        return request.db.get_or_404(Note, note_id).text

    app = make_notes(Rule("/text/<name>", by_text), Rule("/id/<int:note_id>", by_id))
    with app.database.session() as db:
        db.add(Note(text="a"))
    client = visit(app)
    assert client.get("/text/a").text == "1"
    assert client.get("/id/1").text == "a"
    assert [client.get(path).status_code for path in ("/text/b", "/id/2")] == [404, 404]


@ON_EACH
def test_broken_request_is_logged_with_its_reason(
    make_notes: MakeNotes, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_notes(
        Rule("/", lambda request: str(request.db.execute(text("SELEC"))), endpoint="view")
    )
    with caplog.at_level(logging.ERROR):
        assert visit(app).get("/").status_code == 500
    assert "endpoint 'view'" in caplog.text
    assert used_connections(app) == 0


@ON_BOTH_PATHS
def test_session_of_an_app_adds_to_every_answer(make_notes: MakeNotes, client_of: Any) -> None:
    class TellingSession(DatabaseSession):
        def tell(self, request: Request, response: Any) -> None:
            response.headers["X-Told"] = str(self.in_transaction())

    app = make_notes(view("answer"))
    app.database.session_class = TellingSession
    answer = client_of(app).post("/")
    assert (answer.status_code, answer.headers["X-Told"]) == (200, "False")
    failed = make_notes(view(NotFound()))
    failed.database.session_class = TellingSession
    answer = client_of(failed).post("/")
    assert (answer.status_code, answer.headers["X-Told"]) == (404, "False")
