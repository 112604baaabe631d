"""Visitors of Flask-Session, the real one, who come to an app that has given it up."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import flask
import pytest
import redis
from flask_session import Session as FlaskSessionExtension

from framework.contrib.flask import RedisSessionInterface
from framework.sessions import SessionTooLarge

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.framework.redis_servers import Server

pytestmark = pytest.mark.integration

MakeApp = Callable[..., flask.Flask]
View = Callable[[Any], Any]


def put(**values: Any) -> View:
    return lambda session: session.update(values)


@pytest.fixture
def make_old_app(valkey: Server) -> Iterator[MakeApp]:
    """Make an app with Flask-Session, whose records are in the same Valkey."""
    clients: list[Any] = []

    def make(**settings: Any) -> flask.Flask:
        app = flask.Flask("no_such_package")
        client: Any = redis.Redis(port=valkey.port)
        clients.append(client)
        app.config.update(SECRET_KEY="a key for tests only", SESSION_TYPE="redis", **settings)
        app.config["SESSION_REDIS"] = client
        FlaskSessionExtension(app)
        return add_view(app)

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def make_new_app(make_app: MakeApp) -> MakeApp:
    """Make the same app after the migration."""

    def make(**options: Any) -> flask.Flask:
        return add_view(make_app(migrate_from="session:", **options))

    return make


def add_view(app: flask.Flask) -> flask.Flask:
    """Add one view, which is given with each request."""

    @app.get("/")
    def visit() -> str:
        return str(flask.request.environ["view"](flask.session))

    return app


def visit(app: flask.Flask, client: FlaskClient, view: View) -> str:
    """Send a request of a browser to one of the apps that stand for nodes."""
    client.application = app
    response = client.get("/", environ_base={"view": view})
    assert response.status_code == 200, response.text
    return response.text


def content(app: flask.Flask, client: FlaskClient) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    visit(app, client, seen.update)
    return seen


def cookie_of(client: FlaskClient) -> str:
    found = client.get_cookie("session")
    return found.value if found else ""


def with_cookie(app: flask.Flask, cookie: str) -> FlaskClient:
    client = app.test_client()
    client.set_cookie("session", cookie)
    return client


VALUES = {
    "cart": {"items": [1, {"n": 2}]},
    "tuple": (1, (2,)),
    "bytes": b"\xff",
    "uuid": UUID(int=7),
    "decimal": Decimal("1.10"),
    "set": {1},
    "time": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    "naive": datetime(2026, 1, 2, 3, 4),
    "date": date(2026, 1, 2),
    "large": 2**64 - 1,
    "none": None,
    "numbers": {1: "one"},
    "ünïcödé": "☃",
}


@pytest.mark.parametrize("encoding", ["msgpack", "json"])
def test_a_visitor_goes_on_with_what_flask_session_would_have_given(
    make_old_app: MakeApp, make_new_app: MakeApp, encoding: str
) -> None:
    old, new = make_old_app(SESSION_SERIALIZATION_FORMAT=encoding), make_new_app()
    client = old.test_client()
    visit(old, client, put(**VALUES))
    expected = content(old, client)
    cookie = cookie_of(client)
    assert content(new, client) == expected
    assert expected["_permanent"] is True
    assert len(cookie_of(client)) == 57
    assert cookie_of(client) != cookie
    assert content(new, client) == expected


def test_flashed_messages_are_migrated(make_old_app: MakeApp, make_new_app: MakeApp) -> None:
    old, new = make_old_app(), make_new_app()
    client = old.test_client()
    visit(old, client, lambda session: flask.flash("Saved", "success"))
    seen: list[Any] = []
    for _ in range(2):
        visit(new, client, lambda session: seen.extend(flask.get_flashed_messages(True)))
    assert seen == [("success", "Saved")]


def test_a_session_nobody_looks_at_is_not_migrated(
    make_old_app: MakeApp, make_new_app: MakeApp, valkey: Server
) -> None:
    old, new = make_old_app(), make_new_app()
    client = old.test_client()
    visit(old, client, put(user=1))
    cookie = cookie_of(client)
    assert valkey.commands(lambda: visit(new, client, lambda session: None)) == []
    assert cookie_of(client) == cookie


def test_requests_that_come_at_once_make_one_session(
    make_old_app: MakeApp,
    make_new_app: MakeApp,
    valkey: Server,
    at_once: Callable[[list[Callable[[], Any]]], list[Any]],
) -> None:
    old, new = make_old_app(), make_new_app()
    client = old.test_client()
    visit(old, client, put(user="ada"))
    before = set(valkey.client.keys("s:*"))
    browsers = [with_cookie(new, cookie_of(client)) for _ in range(8)]

    def write(number: int) -> str:
        visit(new, browsers[number], put(**{f"key {number}": number}))
        return cookie_of(browsers[number])

    cookies = at_once([lambda n=n: write(n) for n in range(8)])  # type: ignore[misc]
    assert len(set(cookies)) == 1
    assert len(set(valkey.client.keys("s:*")) - before) == 1
    assert content(new, browsers[0]) == {
        "user": "ada",
        "_permanent": True,
        **{f"key {number}": number for number in range(8)},
    }


def test_the_old_record_is_left_to_nodes_that_know_nothing_else(
    make_old_app: MakeApp, make_new_app: MakeApp, valkey: Server
) -> None:
    old, new = make_old_app(), make_new_app()
    client = old.test_client()
    visit(old, client, put(user=1))
    cookie = cookie_of(client)
    stored, left = valkey.client.get(f"session:{cookie}"), valkey.client.pttl(f"session:{cookie}")
    visit(new, client, put(user=2))
    assert valkey.client.get(f"session:{cookie}") == stored
    assert valkey.client.pttl(f"session:{cookie}") <= left
    assert content(old, with_cookie(old, cookie)) == {"user": 1, "_permanent": True}


@pytest.mark.parametrize("left", [5, 50, None])
def test_a_migrated_session_ends_when_the_old_one_would_have(
    make_old_app: MakeApp, make_new_app: MakeApp, valkey: Server, left: int | None
) -> None:
    settings = {"PERMANENT_SESSION_LIFETIME": 100}
    old = make_old_app(**settings)
    readers = make_new_app(**settings, SESSION_REFRESH_EACH_REQUEST=False)
    client = old.test_client()
    visit(old, client, put(user=1))
    if left is None:
        valkey.client.persist(f"session:{cookie_of(client)}")
    else:
        valkey.client.expire(f"session:{cookie_of(client)}", left)
    assert content(readers, client) == {"user": 1, "_permanent": True}
    interface: Any = readers.session_interface
    key = interface.sessions_of(readers).sessions.ids.verify(cookie_of(client)).key
    assert 0 < valkey.client.pttl(key) <= (left or 100) * 1000
    # With Flask's default, use moves the deadline as it would have moved the old one.
    assert content(make_new_app(**settings), client) == {"user": 1, "_permanent": True}
    assert 90_000 < valkey.client.pttl(key) <= 100_000


def test_logout_ends_the_old_session_on_all_nodes(
    make_old_app: MakeApp, make_new_app: MakeApp
) -> None:
    old, new = make_old_app(), make_new_app()
    client = old.test_client()
    visit(old, client, put(user=1))
    cookie = cookie_of(client)
    content(new, client)
    visit(new, client, lambda session: session.clear())
    assert cookie_of(client) == ""
    for app in (new, old):
        assert content(app, with_cookie(app, cookie)).get("user") is None


def test_logout_in_the_request_that_migrates_ends_the_session(
    make_old_app: MakeApp, make_new_app: MakeApp
) -> None:
    old, new = make_old_app(), make_new_app()
    client = old.test_client()
    visit(old, client, put(user=1))
    cookie = cookie_of(client)
    visit(new, client, lambda session: session.clear())
    assert cookie_of(client) == ""
    assert content(new, with_cookie(new, cookie)) == {}


def test_after_a_login_the_old_id_reads_and_writes_nothing_and_replaces_no_cookie(
    make_old_app: MakeApp, make_new_app: MakeApp
) -> None:
    old, new = make_old_app(), make_new_app()
    client = old.test_client()
    visit(old, client, put(cart=[1]))
    late = with_cookie(new, cookie_of(client))
    visit(new, client, put(_user_id="7"))
    assert content(new, client) == {"cart": [1], "_permanent": True, "_user_id": "7"}
    cookie = cookie_of(late)
    assert content(new, late) == {}
    late_write = late.get("/", environ_base={"view": put(planted=1)})
    assert late_write.status_code == 409
    assert cookie_of(late) == cookie
    assert content(old, with_cookie(old, cookie)).get("cart") is None


def test_an_unknown_old_id_is_not_adopted(make_new_app: MakeApp, valkey: Server) -> None:
    new = make_new_app()
    client = with_cookie(new, "A" * 43)
    assert valkey.commands(lambda: content(new, client)) == ["HGETALL", "GET"]
    assert cookie_of(client) == "A" * 43
    visit(new, client, put(user=1))
    assert content(new, with_cookie(new, "A" * 43)) == {}


class Harmful:
    def __reduce__(self) -> Any:
        return pytest.fail, ("it was unpickled",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_record_is_left_alone(
    make_new_app: MakeApp, valkey: Server, caplog: pytest.LogCaptureFixture, protocol: int
) -> None:
    new = make_new_app()
    cookie = f"{protocol}" * 43
    pickled = pickle.dumps({"user": 1, "harm": Harmful()}, protocol)
    valkey.client.set(f"session:{cookie}", pickled)
    client = with_cookie(new, cookie)
    assert content(new, client) == {}
    assert "a record of Flask-Session is left alone" in caplog.text
    assert cookie not in caplog.text
    assert valkey.client.get(f"session:{cookie}") == pickled


def test_a_record_that_is_too_large_says_so_and_stays(
    make_old_app: MakeApp, make_new_app: MakeApp, valkey: Server
) -> None:
    old, new = make_old_app(), make_new_app(TESTING=True)
    client = old.test_client()
    visit(old, client, put(blob="x" * 20_000))
    cookie = cookie_of(client)
    with pytest.raises(SessionTooLarge, match=r"session\['blob'\] takes 20003 bytes"):
        content(new, client)
    assert cookie_of(client) == cookie
    assert len(content(old, client)["blob"]) == 20_000


def test_signed_ids_are_accepted_with_their_signature_only(
    make_old_app: MakeApp, make_new_app: MakeApp
) -> None:
    with pytest.warns(DeprecationWarning, match="use_signer"):
        old = make_old_app(SESSION_USE_SIGNER=True)
    new = make_new_app(SESSION_USE_SIGNER=True, SECRET_KEY_FALLBACKS=["a key for tests only"])
    new.secret_key = "another key"
    client = old.test_client()
    visit(old, client, put(user=1))
    cookie = cookie_of(client)
    old_id, _, signature = cookie.partition(".")
    for forged in (old_id, f"{old_id}.{signature[::-1]}", f"{old_id}.", "."):
        assert content(new, with_cookie(new, forged)) == {}
    assert content(new, with_cookie(new, cookie)) == {"user": 1, "_permanent": True}


def test_the_length_of_old_ids_is_flask_sessions_setting(
    make_old_app: MakeApp, make_new_app: MakeApp
) -> None:
    old, new = make_old_app(SESSION_ID_LENGTH=64), make_new_app(SESSION_ID_LENGTH=64)
    client = old.test_client()
    visit(old, client, put(user=1))
    assert len(cookie_of(client)) == 86
    assert content(new, client) == {"user": 1, "_permanent": True}


# The first step of a roll-out: nodes that know both


@pytest.fixture
def make_reader(make_old_app: MakeApp, make_new_app: MakeApp, valkey: Server) -> Iterator[MakeApp]:
    """Make an app that still writes with Flask-Session, and reads what is migrated already."""
    interfaces: list[RedisSessionInterface] = []

    def make(**options: Any) -> flask.Flask:
        app = make_old_app()
        app.session_interface = interface = RedisSessionInterface(
            **{"url": valkey.url, "timeout": 10.0, **options},
            migrate_from="session:",
            old_interface=app.session_interface,
        )
        interfaces.append(interface)
        return app

    yield make
    for interface in interfaces:
        interface.close()


def test_a_reader_leaves_sessions_to_flask_session_until_another_node_migrates_them(
    make_old_app: MakeApp, make_reader: MakeApp, make_new_app: MakeApp
) -> None:
    old, reader, new = make_old_app(), make_reader(), make_new_app()
    client = reader.test_client()
    visit(reader, client, put(user=1))
    cookie = cookie_of(client)
    assert len(cookie) == 43
    assert content(old, client) == content(reader, client) == {"user": 1, "_permanent": True}
    visit(new, client, put(user=2))
    assert content(reader, client) == {"user": 2, "_permanent": True}
    # Whoever still comes with the old cookie is given the new one.
    late = with_cookie(reader, cookie)
    assert content(reader, late) == {"user": 2, "_permanent": True}
    assert cookie_of(late) == cookie_of(client)


def test_nobody_is_logged_out_while_nodes_are_replaced(
    make_old_app: MakeApp, make_reader: MakeApp, make_new_app: MakeApp
) -> None:
    rolling = random.Random(20261121)
    old, reader, new = make_old_app(), make_reader(), make_new_app()
    client = old.test_client()
    visit(old, client, put(user="ada", visits=0))

    def come_back(session: Any) -> int:
        session["visits"] += 1
        return session["visits"]

    mixes = ([old], [old, reader], [reader], [reader, new], [new], [new, reader], [reader])
    visits = 0
    for nodes in mixes:
        for _ in range(10):
            visits += 1
            assert visit(rolling.choice(nodes), client, come_back) == str(visits)
    assert content(new, client)["user"] == "ada"


def test_a_reader_answers_503_in_an_outage_of_a_session_that_may_be_migrated(
    make_reader: MakeApp, make_new_app: MakeApp, own_server: Server
) -> None:
    reader = make_reader(url=own_server.url)
    client = with_cookie(reader, "A" * 43)
    own_server.kill()
    assert visit(reader, client, lambda session: "fine") == "fine"
    response = client.get("/", environ_base={"view": dict})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
