"""flask.session: what Flask promises of it, and what it does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import flask
import pytest
from markupsafe import Markup

from framework.sessions import SessionConflict, SessionTooLarge

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from framework.contrib.flask import FlaskSession
    from tests.framework.redis_servers import Server

pytestmark = pytest.mark.integration

View = Callable[[Any], Any]


class Browser:
    """A client of an app whose one view is given with each request."""

    def __init__(self, app: flask.Flask) -> None:
        self.client: FlaskClient = app.test_client()
        self._view: View = lambda session: None
        if "visit" not in app.view_functions:
            app.add_url_rule("/", "visit", lambda: str(flask.g.view(flask.session)))
            app.before_request(self._note_view)

    def _note_view(self) -> None:
        flask.g.view = flask.request.environ["view"]

    def visit(self, view: View) -> TestResponse:
        return self.client.get("/", environ_base={"view": view})

    @property
    def cookie(self) -> str | None:
        found = self.client.get_cookie("session")
        return found.value if found else None


@pytest.fixture
def browser(app: flask.Flask) -> Browser:
    return Browser(app)


def put(**values: Any) -> View:
    return lambda session: session.update(values)


def content(browser: Browser) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    browser.visit(seen.update)
    return seen


def set_cookie(response: TestResponse) -> str | None:
    return response.headers.get("Set-Cookie")


# Flask's expectations


def test_a_value_that_was_set_is_there_in_the_next_request(browser: Browser) -> None:
    assert browser.visit(put(value=42)).vary.to_header() == "Cookie"
    assert browser.visit(lambda session: session["value"]).text == "42"
    assert browser.visit(lambda session: session.get("other", "None")).text == "None"


def test_a_session_nobody_looks_at_costs_nothing(browser: Browser, valkey: Server) -> None:
    answers: list[TestResponse] = []

    def visit() -> None:
        answers.append(browser.visit(lambda session: None))

    assert valkey.commands(visit) == []
    browser.visit(put(value=42))
    assert valkey.commands(visit) == []
    for answer in answers:
        assert "Vary" not in answer.headers
        assert "Set-Cookie" not in answer.headers


def test_a_read_is_one_command_and_a_write_one_more(browser: Browser, valkey: Server) -> None:
    browser.visit(put(a=1))
    assert valkey.commands(lambda: browser.visit(lambda session: session["a"])) == ["HGETALL"]
    assert valkey.commands(lambda: browser.visit(put(a=2))) == ["HGETALL", "EVALSHA"]
    assert valkey.commands(lambda: browser.visit(put(a=2))) == ["HGETALL"]


def test_accessed_and_modified_say_what_a_request_did(browser: Browser) -> None:
    def flags(view: View) -> tuple[bool, bool]:
        with browser.client:
            browser.visit(view)
            current = flask.session._get_current_object()  # type: ignore[attr-defined]
            # The proxy that was just used counts as an access; the answer says what the view did.
            return current.is_open, current.modified

    assert flags(lambda session: None) == (False, False)
    assert flags(lambda session: session.get("a")) == (True, False)
    assert flags(put(a=[1])) == (True, True)
    assert flags(lambda session: session["a"]) == (True, False)
    assert flags(lambda session: session["a"].append(2)) == (True, True)


@pytest.mark.parametrize(
    "view",
    [
        put(a=1),
        lambda session: session["a"],
        lambda session: session.get("b"),
        lambda session: session.setdefault("a", 2),
        lambda session: "b" in session,
        lambda session: session.clear(),
        lambda session: bool(session),
        lambda session: session.permanent,
    ],
)
def test_every_access_varies_by_cookie_once(browser: Browser, view: View) -> None:
    browser.visit(put(a=1))
    response = browser.visit(view)
    assert response.headers.getlist("Vary") == ["Cookie"]


@pytest.mark.parametrize(
    ("given", "sent"),
    [("Cookie", "Cookie"), ("Accept-Encoding, Origin", "Accept-Encoding, Origin, Cookie")],
)
def test_vary_is_added_to_what_the_view_has_set(app: flask.Flask, given: str, sent: str) -> None:
    @app.get("/")
    def view() -> flask.Response:
        flask.session["a"] = 1
        return flask.Response(headers={"Vary": given})

    assert app.test_client().get("/").headers.getlist("Vary") == [sent]


def test_a_change_inside_of_a_value_is_saved(browser: Browser) -> None:
    browser.visit(put(cart={"items": []}))
    browser.visit(lambda session: session["cart"]["items"].append("book"))
    assert content(browser) == {"cart": {"items": ["book"]}}


def test_values_come_back_equal_and_of_the_same_type(browser: Browser) -> None:
    values = {
        "tuple": (1, [2, (3,)]),
        "bytes": b"\xff",
        "markup": Markup("<html>"),
        "inside": [{"markup": Markup("<b>")}],
        "uuid": UUID(int=7),
        "time": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        "decimal": Decimal("1.10"),
        "like a tag": {" t": "not a tuple"},
    }
    browser.visit(put(**values))
    seen = content(browser)
    assert seen == values
    assert [type(value) for value in seen.values()] == [type(value) for value in values.values()]
    assert type(seen["inside"][0]["markup"]) is Markup


def test_the_methods_of_a_dict_work(browser: Browser) -> None:
    def view(session: Any) -> Any:
        session.update(a=1, b=2, c=3)
        assert session.pop("a") == 1
        assert session.pop("a", "gone") == "gone"
        assert session.setdefault("b", 9) == 2
        assert session.setdefault("d", 4) == 4
        del session["c"]
        assert (len(session), sorted(session), session == {"b": 2, "d": 4}) == (2, ["b", "d"], True)
        with pytest.raises(KeyError, match="c"):
            session["c"]
        return bool(session)

    assert browser.visit(view).text == "True"
    assert content(browser) == {"b": 2, "d": 4}


def test_a_value_that_cannot_be_kept_names_its_key(browser: Browser) -> None:
    with pytest.raises(TypeError, match=r"session\['bad'\] cannot be stored"):
        browser.visit(put(bad=object()))
    with pytest.raises(SessionTooLarge, match=r"session\['large'\] takes"):
        browser.visit(put(large="x" * 20_000))


def test_what_after_request_functions_change_is_saved(app: flask.Flask) -> None:
    @app.after_request
    def note(response: flask.Response) -> flask.Response:
        flask.session["seen"] = True
        return response

    browser = Browser(app)
    browser.visit(lambda session: None)
    assert content(browser) == {"seen": True}


def test_a_streamed_answer_still_has_its_session(app: flask.Flask) -> None:
    @app.get("/")
    def view() -> flask.Response:
        flask.session["test"] = "flask"
        parts = flask.stream_with_context(flask.session[key] for key in ["test"])
        return flask.Response(parts)

    client = app.test_client()
    client.get("/").close()
    assert client.get("/").text == "flask"


def test_a_redirect_and_its_target_write_to_one_session(app: flask.Flask) -> None:
    @app.get("/from")
    def leave() -> Any:
        flask.session["redirected"] = True
        return flask.redirect("/to")

    @app.get("/to")
    def arrive() -> str:
        flask.session["arrived"] = True
        return ""

    client = app.test_client()
    client.get("/from", follow_redirects=True)
    with client.session_transaction() as session:
        assert dict(session) == {"redirected": True, "arrived": True}


def test_a_session_transaction_of_the_test_client_reads_and_writes(browser: Browser) -> None:
    with browser.client.session_transaction() as session:
        assert len(session) == 0
        session["foo"] = [42]
        assert len(session) == 1
    assert browser.visit(lambda session: session["foo"]).text == "[42]"
    with browser.client.session_transaction() as session:
        assert dict(session) == {"foo": [42]}
        session["foo"].append(43)
    assert content(browser) == {"foo": [42, 43]}


def test_a_session_transaction_that_lost_a_race_says_so(browser: Browser) -> None:
    browser.visit(put(n=1))

    def lose() -> None:
        with browser.client.session_transaction() as session:
            session["n"] += 1
            browser.visit(put(n=5))

    with pytest.raises(SessionConflict):
        lose()
    assert content(browser) == {"n": 5}


def test_a_missing_secret_key_is_told_as_flask_does(app: flask.Flask) -> None:
    app.secret_key = None
    with app.test_request_context():
        assert flask.session.get("a") is None
        with pytest.raises(RuntimeError, match="session is unavailable because no secret key"):
            flask.session["a"] = 1
        for change, arguments in {
            "incr": ("a",),
            "update_atomic": ("a", str),
            "regenerate": (),
            "log_in": (7,),
            "log_out_elsewhere": (),
        }.items():
            with pytest.raises(RuntimeError, match="session is unavailable because no secret key"):
                getattr(flask.session, change)(*arguments)
    with (
        pytest.raises(RuntimeError, match="did not open a session"),
        app.test_client().session_transaction(),
    ):
        pass


# Permanent sessions


def test_permanent_is_false_unless_a_session_says_otherwise(browser: Browser) -> None:
    assert browser.visit(lambda session: session.permanent).text == "False"

    def view(session: Any) -> None:
        session.permanent = 1
        session["a"] = 1

    browser.visit(view)
    assert browser.visit(lambda session: session.permanent).text == "True"
    assert content(browser) == {"_permanent": True, "a": 1}
    assert content(browser)["_permanent"] is True


def test_that_it_is_permanent_alone_makes_no_session(browser: Browser, valkey: Server) -> None:
    def view(session: Any) -> None:
        session.permanent = True

    answers: list[TestResponse] = []
    assert valkey.commands(lambda: answers.append(browser.visit(view))) == []
    assert set_cookie(answers[0]) is None


# Flashes


def test_flashed_messages_are_read_once(app: flask.Flask) -> None:
    browser = Browser(app)
    browser.visit(lambda session: flask.flash("Zap"))

    def read(session: Any) -> Any:
        flask.flash("Zip", "error")
        assert session.modified
        assert flask.get_flashed_messages(with_categories=True) == [
            ("message", "Zap"),
            ("error", "Zip"),
        ]
        return flask.get_flashed_messages(category_filter=["error"])

    assert browser.visit(read).text == "['Zip']"
    assert browser.visit(lambda session: flask.get_flashed_messages()).text == "[]"
    assert browser.visit(lambda session: "_flashes" in session).text == "False"


def test_markup_and_data_that_was_flashed_comes_back_as_it_was(browser: Browser) -> None:
    class Lazy:
        def __str__(self) -> str:
            return "translated"

    def flash(session: Any) -> None:
        for message in (Markup("<em>done</em>"), ("title", "text"), {"n": 1}, Lazy()):
            flask.flash(message)  # type: ignore[arg-type]

    browser.visit(flash)
    seen: list[Any] = []
    browser.visit(lambda session: seen.extend(flask.get_flashed_messages()))
    assert seen == [Markup("<em>done</em>"), ("title", "text"), {"n": 1}, "translated"]
    assert type(seen[0]) is Markup


def test_the_list_of_flashes_can_be_looked_at_and_changed(browser: Browser) -> None:

    def flash(session: Any) -> None:
        flask.flash("one")
        flask.flash("two", "error")

    browser.visit(flash)
    assert content(browser) == {"_flashes": [("message", "one"), ("error", "two")]}

    def change(session: Any) -> None:
        session["_flashes"].append(("message", "three"))
        del session["_flashes"][0]

    browser.visit(change)

    def flash_once(session: Any) -> bool:
        session.setdefault("_flashes", []).append(("message", "four"))
        return session.modified and session.modified

    browser.visit(flash_once)
    assert content(browser) == {
        "_flashes": [("error", "two"), ("message", "three"), ("message", "four")]
    }
    browser.visit(lambda session: session.pop("_flashes"))
    assert content(browser) == {}


def test_messages_that_are_flashed_at_the_same_moment_are_all_kept(
    app: flask.Flask, at_once: Callable[[list[Callable[[], Any]]], list[Any]]
) -> None:
    browser = Browser(app)
    browser.visit(put(a=1))

    def flash(number: int) -> int:
        other = app.test_client()
        other.set_cookie("session", browser.cookie or "")
        view: View = lambda session: flask.flash(f"message {number}")  # noqa: E731
        return other.get("/", environ_base={"view": view}).status_code

    assert at_once([lambda n=n: flash(n) for n in range(8)]) == [200] * 8  # type: ignore[misc]
    seen: list[Any] = []
    browser.visit(lambda session: seen.extend(flask.get_flashed_messages()))
    assert sorted(seen) == [f"message {number}" for number in range(8)]


# The flag ``modified``


def test_modified_set_to_false_saves_nothing_until_the_next_change(browser: Browser) -> None:
    def view(session: Any) -> None:
        session["a"] = 1
        session.modified = False
        assert not session.modified

    browser.visit(view)
    assert content(browser) == {}

    def change_again(session: Any) -> None:
        view(session)
        session["b"] = 2
        assert session.modified

    browser.visit(change_again)
    assert content(browser) == {"a": 1, "b": 2}


def test_modified_set_to_true_writes_nothing_that_is_the_same(
    browser: Browser, valkey: Server
) -> None:
    browser.visit(put(a=1))

    def view(session: Any) -> None:
        session.modified = True

    assert valkey.commands(lambda: browser.visit(view)) == ["HGETALL"]


# Ids


def test_clear_ends_the_session_and_its_cookie(browser: Browser, valkey: Server) -> None:
    browser.visit(put(user=1))
    old = browser.cookie
    browser.visit(lambda session: session.clear())
    assert browser.cookie is None
    browser.client.set_cookie("session", old or "")
    assert content(browser) == {}


def test_what_is_set_after_clear_begins_a_session_with_another_id(browser: Browser) -> None:
    browser.visit(put(user=1))
    browser.visit(lambda session: flask.flash("old news"))
    old = browser.cookie

    def log_in(session: Any) -> None:
        assert "_flashes" in session
        session.clear()
        assert "_flashes" not in session
        session["user"] = 2
        flask.flash("Welcome")

    browser.visit(log_in)
    assert browser.cookie != old
    assert content(browser) == {"user": 2, "_flashes": [("message", "Welcome")]}


def test_regenerate_gives_a_new_id_and_keeps_the_data(app: flask.Flask) -> None:
    browser = Browser(app)
    browser.visit(put(user=1))
    first = browser.cookie
    browser.visit(lambda session: session.regenerate())
    second = browser.cookie
    browser.visit(lambda session: app.session_interface.regenerate(flask.session))  # type: ignore[attr-defined]
    assert len({first, second, browser.cookie}) == 3
    assert content(browser) == {"user": 1}


def test_new_says_whether_the_visitor_came_with_a_session(browser: Browser) -> None:
    assert browser.visit(lambda session: session.new).text == "True"
    browser.visit(put(a=1))
    assert browser.visit(lambda session: session.new).text == "False"


# What Flask's own sessions cannot do


def test_a_count_is_exact_whatever_happens_at_the_same_moment(
    app: flask.Flask, at_once: Callable[[list[Callable[[], Any]]], list[Any]]
) -> None:
    browser = Browser(app)
    browser.visit(put(n=0, seen=[]))

    def count(number: int) -> int:
        def view(session: FlaskSession) -> None:
            session.incr("n")
            session.update_atomic("seen", lambda seen: [*seen, number])

        other = app.test_client()
        other.set_cookie("session", browser.cookie or "")
        return other.get("/", environ_base={"view": view}).status_code

    assert at_once([lambda n=n: count(n) for n in range(8)]) == [200] * 8  # type: ignore[misc]
    seen = content(browser)
    assert (seen["n"], sorted(seen["seen"])) == (8, list(range(8)))


def test_a_user_is_logged_out_elsewhere_and_everywhere(app: flask.Flask) -> None:
    here, there = Browser(app), Browser(app)
    for browser in (here, there):
        browser.visit(lambda session: session.log_in(7) or session.update(a=1))
    here.visit(lambda session: session.log_out_elsewhere())
    assert (content(here), content(there)) == ({"a": 1}, {})
    interface: Any = app.session_interface
    assert interface.log_out_everywhere(app, 7) == 1
    assert content(here) == {}


def test_its_repr_does_not_load_it(app: flask.Flask, valkey: Server) -> None:
    browser = Browser(app)
    browser.visit(put(a=1))
    with app.test_request_context(headers={"Cookie": f"session={browser.cookie}"}):
        assert valkey.commands(lambda: repr(flask.session)) == []
        assert repr(flask.session) == "<FlaskSession not loaded>"
        assert flask.session["a"] == 1
        assert "stored, keys ['a']" in repr(flask.session)
