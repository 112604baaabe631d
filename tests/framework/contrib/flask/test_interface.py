"""RedisSessionInterface: the answers to lost races and outages, the cookie, and time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import flask
import pytest
from flask.sessions import SecureCookieSession
from werkzeug.http import parse_date

from framework.contrib.flask import RedisSessionInterface
from framework.redis_transport.exceptions import RedisURLError
from framework.sessions import SessionConfigError, SessionTooLarge, SessionUnavailable

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.framework.redis_servers import Server

pytestmark = pytest.mark.integration

MakeApp = Callable[..., flask.Flask]


def add_views(app: flask.Flask) -> None:
    @app.get("/plain")
    def plain() -> str:
        return "plain"

    @app.get("/get")
    def get() -> str:
        return str(flask.session.get("n"))

    @app.get("/set")
    def set_to_one() -> str:
        flask.session["n"] = 1
        return "set"

    @app.get("/clear")
    def clear() -> str:
        flask.session.clear()
        return "cleared"


def lose_a_race(app: flask.Flask) -> None:
    """Add a view whose session is changed by somebody else while it runs."""

    @app.get("/lose")
    def lose() -> Any:
        flask.session["n"] += 1
        # Would need another cookie, if it were saved.
        flask.session.permanent = True
        cookie = flask.request.cookies["session"]
        with app.test_client() as other:
            other.set_cookie("session", cookie)
            other.get("/set5")
        return flask.Response("won", headers={"Set-Cookie": "from=view"})

    @app.get("/set5")
    def set_to_five() -> str:
        flask.session["n"] = 5
        return ""


def is_503(response: TestResponse) -> bool:
    return (response.status_code, response.headers.get("Retry-After")) == (503, "1")


# Lost races


@pytest.mark.parametrize("testing", [True, False])
def test_a_lost_race_is_a_409_that_can_be_repeated(make_app: MakeApp, testing: bool) -> None:
    app = make_app(TESTING=testing)
    add_views(app)
    lose_a_race(app)
    client = app.test_client()
    client.get("/set")
    response = client.get("/lose")
    assert response.status_code == 409
    assert "changed your session at the same moment" in response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in response.headers
    assert client.get("/get").text == "5"


def test_a_409_is_given_to_the_apps_error_handlers_and_after_request_functions(
    make_app: MakeApp,
) -> None:
    app = make_app()
    add_views(app)
    lose_a_race(app)

    @app.errorhandler(409)
    def conflict(error: Exception) -> Any:
        return {"again": True, "n": flask.session["n"]}, 409

    @app.after_request
    def allow(response: flask.Response) -> flask.Response:
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    client = app.test_client()
    client.get("/set")
    response = client.get("/lose")
    assert (response.status_code, response.json) == (409, {"again": True, "n": 2})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Content-Type"] == "application/json"


def test_the_body_that_a_409_takes_the_place_of_is_closed(make_app: MakeApp) -> None:
    app = make_app()
    add_views(app)
    lose_a_race(app)
    events: list[str] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            events.append("read")
            yield b"won"

        def close(self) -> None:
            events.append("closed")

    @app.get("/stream")
    def stream() -> flask.Response:
        app.view_functions["lose"]()
        response = flask.Response(Body())
        response.call_on_close(lambda: events.append("on close"))
        return response

    client = app.test_client()
    client.get("/set")
    response = client.get("/stream")
    assert response.status_code == 409
    response.close()
    assert "read" not in events
    assert {"closed", "on close"} <= set(events)


def test_a_failed_request_keeps_nothing_and_is_not_saved_twice(
    make_app: MakeApp, valkey: Server
) -> None:
    app = make_app(PROPAGATE_EXCEPTIONS=False)
    add_views(app)

    @app.get("/crash")
    def crash() -> str:
        flask.session["n"] = 1
        flask.session.incr("count")  # type: ignore[attr-defined]
        return ""

    def fail(sender: flask.Flask, response: flask.Response) -> None:
        if response.status_code == 200 and flask.request.path == "/crash":
            raise ZeroDivisionError

    flask.request_finished.connect(fail, app)
    client = app.test_client()
    response = client.get("/crash")
    assert response.status_code == 500
    # It was saved before it failed, and the answer that is sent says so.
    assert len(response.headers.getlist("Set-Cookie")) == 1
    with client.session_transaction() as session:
        assert dict(session) == {"n": 1, "count": 1}


def test_what_cannot_be_stored_is_the_developers_error(make_app: MakeApp) -> None:
    app = make_app(TESTING=True)

    @app.get("/")
    def view() -> str:
        values = flask.session["values"] = []
        values.append("x" * 20_000)
        return ""

    with pytest.raises(SessionTooLarge, match=r"session\['values'\] takes"):
        app.test_client().get("/")
    app.testing = False
    assert app.test_client().get("/").status_code == 500


# Outages


@dataclass
class Shop:
    """An app with a Redis of its own."""

    app: flask.Flask
    server: Server

    def visitor(self) -> FlaskClient:
        """A visitor who has a session."""
        client = self.app.test_client()
        assert client.get("/set").status_code == 200
        return client


@pytest.fixture
def shop(make_app: MakeApp, own_server: Server) -> Shop:
    app = make_app(own_server.url)
    add_views(app)
    return Shop(app, own_server)


def test_an_outage_is_a_503_and_only_where_the_session_is_used(shop: Shop) -> None:
    client = shop.visitor()
    shop.server.kill()
    assert client.get("/plain").status_code == 200
    for path in ("/get", "/set", "/clear"):
        response = client.get(path)
        assert is_503(response), path
        assert "Set-Cookie" not in response.headers
        assert response.headers["Cache-Control"] == "no-store"
    # Those who come without a cookie have no session to ask for, but none can begin.
    assert shop.app.test_client().get("/get").status_code == 200
    assert is_503(shop.app.test_client().get("/set"))


def test_a_hung_redis_is_a_503_and_nobody_is_logged_out(
    make_app: MakeApp, own_server: Server, wait_until: Callable[[Callable[[], Any]], None]
) -> None:
    app = make_app(own_server.url, timeout=0.1)
    add_views(app)
    client = app.test_client()
    wait_until(lambda: client.get("/set").status_code == 200)
    own_server.pause()
    assert is_503(client.get("/get"))
    assert client.get("/plain").status_code == 200
    own_server.resume()
    wait_until(lambda: client.get("/get").text == "1")


def test_an_outage_between_loading_and_saving_is_a_503(shop: Shop) -> None:
    @shop.app.get("/write")
    def write() -> str:
        flask.session["n"] += 1
        shop.server.kill()
        return "written"

    response = shop.visitor().get("/write")
    assert is_503(response)
    assert "written" not in response.text


def test_error_pages_and_after_request_functions_see_an_empty_session_in_an_outage(
    shop: Shop,
) -> None:
    """Flask would make a 500 of what they raise."""

    @shop.app.errorhandler(503)
    def page(error: Exception) -> Any:
        return f"away, {flask.session.get('user', 'anonymous')}", 503

    @shop.app.after_request
    def remember(response: flask.Response) -> flask.Response:
        flask.session["_remember"] = "set"
        flask.session.pop("_remember")
        return response

    client = shop.visitor()
    shop.server.kill()
    response = client.get("/get")
    assert (response.status_code, response.text) == (503, "away, anonymous")


def test_an_after_request_function_that_uses_the_session_first_gets_the_503(shop: Shop) -> None:
    @shop.app.after_request
    def remember(response: flask.Response) -> flask.Response:
        if "_remember" in flask.session:
            flask.session.pop("_remember")
        return response

    @shop.app.errorhandler(500)
    def page(error: Exception) -> Any:
        return "a crash", 500

    client = shop.visitor()
    shop.server.kill()
    assert is_503(client.get("/plain"))


def test_a_view_may_go_on_without_the_session_as_long_as_it_writes_nothing(shop: Shop) -> None:
    @shop.app.get("/anyway")
    def anyway() -> str:
        try:
            user = flask.session["user"]
        except SessionUnavailable:
            user = "somebody"
        if "write" in flask.request.args:
            flask.session["seen"] = True
        return f"Hello {user}"

    client = shop.visitor()
    shop.server.kill()
    response = client.get("/anyway")
    assert (response.status_code, response.text) == (200, "Hello somebody")
    assert is_503(client.get("/anyway?write"))


def test_anonymous_visitors_are_served_in_an_outage_if_the_app_wants_that(
    make_app: MakeApp, own_server: Server
) -> None:
    app = make_app(own_server.url, anonymous_fallback=True)
    add_views(app)
    client = app.test_client()
    client.get("/set")
    own_server.kill()
    assert client.get("/get").text == "None"
    response = client.get("/set")
    assert is_503(response)
    assert "Set-Cookie" not in response.headers


# Ids and keys


def test_ids_of_others_are_never_adopted_and_cost_no_command(
    app: flask.Flask, valkey: Server
) -> None:
    add_views(app)
    client = app.test_client()
    client.get("/set")  # From now on Redis knows the script.
    for planted in ("A" * 57, "A" * 43, "x" * 4000, ""):
        client.set_cookie("session", planted)
        assert valkey.commands(lambda: client.get("/get")) == []
        assert valkey.commands(lambda: client.get("/set")) == ["EVALSHA"]
        found = client.get_cookie("session")
        assert found is not None
        assert found.value != planted


def test_keys_that_signed_formerly_still_open_sessions(app: flask.Flask) -> None:
    add_views(app)
    client = app.test_client()
    for keys in (("0", ["-1"]), (b"+1", ["-1", "0"]), ("+2", (b"+1", "0"))):
        app.secret_key, app.config["SECRET_KEY_FALLBACKS"] = keys[0], keys[1]
        if keys[0] == "0":
            client.get("/set")
        assert client.get("/get").text == "1"
    app.config["SECRET_KEY_FALLBACKS"] = None
    assert client.get("/get").text == "None"


def test_two_apps_with_one_interface_keep_to_their_own_settings(make_app: MakeApp) -> None:
    one, two = make_app(), make_app(SESSION_COOKIE_NAME="two", SECRET_KEY_FALLBACKS=["x"])
    two.session_interface = one.session_interface
    for app, name in ((one, "session"), (two, "two")):
        add_views(app)
        client = app.test_client()
        assert client.get("/set").headers["Set-Cookie"].startswith(f"{name}=")
        assert client.get("/get").text == "1"


@pytest.mark.parametrize("login_keys", ["user", ["user", "role"]])
def test_a_key_that_says_who_is_logged_in_changes_the_id(
    make_app: MakeApp, login_keys: Any
) -> None:
    app = make_app(login_keys=login_keys)
    client = app.test_client()
    ids: list[str] = []
    for change in ({"cart": 1}, {"user": 7}, {"cart": 2}, {"user": None}, {"u": 1}):
        with client.session_transaction() as session:
            session.update(change)
        cookie = client.get_cookie("session")
        assert cookie is not None
        ids.append(cookie.value)
    first, second, third = ids[0], ids[1], ids[3]
    assert ids == [first, second, second, third, third]
    assert len({first, second, third}) == 3


# The cookie


def cookie_of(app: flask.Flask, path: str = "/set") -> str:
    if "set_to_one" not in app.view_functions:
        add_views(app)
    return app.test_client().get(path, "https://shop.example/").headers["Set-Cookie"]


def test_the_cookie_is_shaped_by_flasks_settings(make_app: MakeApp) -> None:
    app = make_app(
        SESSION_COOKIE_NAME="visitor",
        SESSION_COOKIE_DOMAIN=".shop.example",
        SESSION_COOKIE_PATH="/set",
        SESSION_COOKIE_HTTPONLY=False,
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_PARTITIONED=True,
        SESSION_COOKIE_SAMESITE="Strict",
    )
    name, _, attributes = cookie_of(app).partition("=")
    assert name == "visitor"
    assert set(attributes.split("; ")[1:]) == {
        *("Domain=shop.example", "Path=/set", "Secure", "Partitioned", "SameSite=Strict")
    }


def test_the_cookie_is_cleared_with_the_same_attributes(make_app: MakeApp) -> None:
    app = make_app(SESSION_COOKIE_SECURE=True, SESSION_COOKIE_PATH="/", APPLICATION_ROOT="/shop")
    add_views(app)
    client = app.test_client()
    assert "Set-Cookie" not in client.get("/clear", "https://shop.example/").headers
    client.get("/set", "https://shop.example/")
    cleared = client.get("/clear", "https://shop.example/").headers["Set-Cookie"]
    assert cleared.startswith("session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0;")
    assert cleared.endswith("Secure; HttpOnly; Path=/")


def test_the_cookies_path_is_the_apps_root_unless_set(make_app: MakeApp) -> None:
    assert cookie_of(make_app(APPLICATION_ROOT="/shop")).endswith("; HttpOnly; Path=/shop")


def test_an_unknown_samesite_is_refused_as_by_flask(make_app: MakeApp) -> None:
    with pytest.raises(ValueError, match="SameSite must be"):
        cookie_of(make_app(TESTING=True, SESSION_COOKIE_SAMESITE="invalid"))


def test_a_subclass_may_choose_the_cookies_name_for_each_request(
    make_app: MakeApp, valkey: Server
) -> None:
    class ByHost(RedisSessionInterface):
        def get_cookie_name(self, app: flask.Flask) -> str:
            return f"session_{flask.request.host.partition('.')[0]}"

    app = make_app()
    app.session_interface = interface = ByHost(valkey.url, timeout=10.0)
    add_views(app)
    client = app.test_client()
    for host in ("http://one.example", "http://two.example"):
        assert client.get("/get", host).text == "None"
        assert client.get("/set", host).headers["Set-Cookie"].startswith(f"session_{host[7:10]}=")
        assert client.get("/get", host).text == "1"
    interface.close()


def test_a_cookie_is_sent_once_for_each_id_and_never_stored_by_caches(app: flask.Flask) -> None:
    add_views(app)
    client = app.test_client()
    first = client.get("/set")
    assert first.headers["Cache-Control"] == "no-store"
    with client.session_transaction() as session:
        session["n"] = 2
    again = client.get("/set")
    assert "Set-Cookie" not in again.headers
    assert "Cache-Control" not in again.headers


# Time


def expiry(response: TestResponse) -> datetime | None:
    found = re.search(r"Expires=([^;]+)", response.headers["Set-Cookie"])
    return parse_date(found[1]) if found else None


def test_a_permanent_session_stays_when_the_browser_is_closed(make_app: MakeApp) -> None:
    app = make_app(absolute_timeout=timedelta(days=60))

    @app.get("/<int:permanent>")
    def view(permanent: int) -> str:
        flask.session["n"] = 1
        flask.session.permanent = bool(permanent)
        return ""

    client = app.test_client()
    assert expiry(client.get("/0")) is None
    for _ in range(2):
        # The id stays, but its cookie has to be kept longer, or shorter, from now on.
        kept = expiry(client.get("/1"))
        assert kept is not None
        assert timedelta(days=59) < kept - datetime.now(UTC) <= timedelta(days=60)
        assert "Set-Cookie" not in client.get("/1").headers
        assert expiry(client.get("/0")) is None


def test_all_sessions_are_permanent_if_the_interface_is_told_so(make_app: MakeApp) -> None:
    app = make_app(permanent=True)
    add_views(app)
    client = app.test_client()
    assert expiry(client.get("/set")) is not None
    with client.session_transaction() as session:
        assert session.permanent is True
        assert "_permanent" not in session


def stored_key(valkey: Server, app: flask.Flask, client: Any) -> bytes:
    cookie = client.get_cookie("session")
    interface: Any = app.session_interface
    key: bytes = interface.sessions_of(app).ids.verify(cookie.value).key
    return key


@pytest.mark.parametrize(("refresh", "moved"), [(True, True), (False, False)])
def test_reading_moves_the_deadline_unless_refreshing_is_off(
    make_app: MakeApp, valkey: Server, refresh: bool, moved: bool
) -> None:
    app = make_app(PERMANENT_SESSION_LIFETIME=1000, SESSION_REFRESH_EACH_REQUEST=refresh)
    add_views(app)
    client = app.test_client()
    client.get("/set")
    key = stored_key(valkey, app, client)
    assert 900_000 < valkey.client.pttl(key) <= 1_000_000
    # As though it had last been used half of its lifetime ago.
    touched = int(valkey.client.hget(key, "t"))
    valkey.client.hset(key, "t", touched - 500_000)
    valkey.client.pexpire(key, 500_000)
    assert client.get("/get").headers["Vary"] == "Cookie"
    assert (valkey.client.pttl(key) > 900_000) == moved
    with client.session_transaction() as session:
        session["n"] = 2
    assert valkey.client.pttl(key) > 900_000


def test_no_use_moves_the_deadline_past_the_absolute_timeout(
    make_app: MakeApp, valkey: Server
) -> None:
    app = make_app(PERMANENT_SESSION_LIFETIME=1000, absolute_timeout=1000)
    add_views(app)
    client = app.test_client()
    client.get("/set")
    key = stored_key(valkey, app, client)
    version, check, created, deadline, idle = valkey.client.hget(key, "h").split()
    deadline = b"%d" % (int(deadline) - 900_000)
    valkey.client.hset(key, "h", b" ".join((version, check, created, deadline, idle)))
    with client.session_transaction() as session:
        session["n"] = 2
    assert valkey.client.pttl(key) <= 100_000


def test_a_url_that_leads_nowhere_is_refused_at_once() -> None:
    with pytest.raises(RedisURLError):
        RedisSessionInterface("localhost:6379")


def test_an_old_interface_without_a_migration_is_refused() -> None:
    old = flask.Flask.session_interface
    with pytest.raises(SessionConfigError, match="needs migrate_from"):
        RedisSessionInterface("redis://127.0.0.1:1", old_interface=old)


def test_check_asks_redis_for_a_sign_of_life(app: flask.Flask) -> None:
    app.session_interface.check(app)  # type: ignore[attr-defined]


@pytest.mark.parametrize("key", [None, ""])
def test_check_refuses_an_app_without_a_secret_key(app: flask.Flask, key: str | None) -> None:
    app.secret_key = key
    with pytest.raises(SessionConfigError, match="SECRET_KEY is not set"):
        app.session_interface.check(app)  # type: ignore[attr-defined]


def test_a_session_of_another_kind_is_left_alone(app: flask.Flask) -> None:
    interface: Any = app.session_interface
    session, response = SecureCookieSession({"a": 1}), flask.Response()
    interface.regenerate(session)
    interface.save_session(app, session, response)
    assert "Set-Cookie" not in response.headers


def test_a_session_notes_itself_that_it_was_looked_at(app: flask.Flask) -> None:
    """As for the versions of Flask that do not."""
    with app.test_request_context():
        session = app.session_interface.open_session(app, flask.request)
        assert session is not None
        assert not session.accessed
        assert session.get("a") is None
        assert session.accessed
