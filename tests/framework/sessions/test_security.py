"""The security checklist for sessions (after OWASP), line by line, on an app with a real server.

Line 11, access control and TLS of the server, is with the transport's tests.
"""

from __future__ import annotations

import ast
import base64
import logging
import pickle
import secrets
import uuid
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from framework import App, Rule
from framework.sessions import (
    InsecureSessionCookie,
    LoginRefused,
    SessionConflict,
    SessionGone,
    SessionIds,
    SessionTooLarge,
    SessionUnavailable,
    codec,
    require_csrf_token,
)
from framework.sessions.server_side import ServerSideSessionInterface
from framework.testing import TestClient

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]
KEY = "only for these tests, and for no site"
COOKIE = "__Host-session"


def show(request: Any) -> dict[str, Any]:
    session = request.session
    return {"user": session.user_id, "keys": sorted(session), "token": session.csrf_token}


def put(request: Any) -> str:
    request.session[request.args["key"]] = request.args["value"]
    return "put"


def log_in(request: Any) -> str:
    request.session.log_in(request.args["user"])
    return "in"


def log_out(request: Any) -> str:
    request.session.delete()
    return "out"


def more_rights(request: Any) -> str:
    request.session.regenerate()
    return "more"


def look(request: Any) -> str:
    return str(request.session.get("a"))


def change(request: Any) -> str:
    require_csrf_token(request, request.session)
    request.session["changed"] = True
    return "changed"


def plain(request: Any) -> str:
    return "plain"


RULES = [
    *(Rule("/show", show), Rule("/put", put), Rule("/in", log_in), Rule("/out", log_out)),
    *(Rule("/more", more_rights), Rule("/look", look), Rule("/plain", plain)),
    Rule("/change", change, methods=["POST"]),
]

MakeApp = Callable[..., App]


@pytest.fixture
def make_app(own_server: Any) -> Iterator[MakeApp]:
    made = []

    def make(**settings: Any) -> App:
        config = {"secret_key": KEY, "redis_url": own_server.url, "session_redis_timeout": 20.0}
        app = App(__name__, urls=RULES, config={**config, **settings})
        made.append(app)
        return app

    yield make
    for app in made:
        app.close_session_interface()


@pytest.fixture
def app(make_app: MakeApp) -> App:
    return make_app()


@pytest.fixture
def client(app: App) -> TestClient:
    return TestClient(app)


def cookie_of(client: TestClient) -> str:
    cookie = client.get_cookie(COOKIE)
    return "" if cookie is None else cookie.value


def with_cookie(app: App, value: str) -> TestClient:
    client = TestClient(app)
    client.set_cookie(COOKIE, value, secure=True)
    return client


def shown(client: TestClient) -> dict[str, Any]:
    found = client.get("/show").json
    assert isinstance(found, dict)
    return found


def interface_of(app: App) -> ServerSideSessionInterface:
    interface = app.session_interface
    assert isinstance(interface, ServerSideSessionInterface)
    return interface


def test_1_an_id_has_256_random_bits_and_no_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = SessionIds([KEY])
    made = [ids.new().value for _ in range(500)]
    assert len({value[3:46] for value in made}) == 500
    assert {len(base64.urlsafe_b64decode(value[3:46] + "=")) for value in made} == {32}
    monkeypatch.setattr(secrets, "token_urlsafe", lambda size: "x" * (size * 4 // 3 + 1))
    assert ids.new().value[:46] == "x" * 46


@pytest.mark.parametrize(
    "forge",
    [
        lambda cookie: "x",
        lambda cookie: cookie[:46],
        lambda cookie: cookie[:-1],
        lambda cookie: cookie[:-1] + ("A" if cookie[-1] != "A" else "B"),
        lambda cookie: cookie[3:] + cookie[:3],
        lambda cookie: "A" * 57,
        lambda cookie: "x" * 4000,
        lambda cookie: SessionIds(["somebody else's key"]).new().value,
        lambda cookie: SessionIds([KEY]).new().value,
    ],
    ids=["short", "unsigned", "cut", "wrong", "swapped", "made up", "4 kB", "other key", "unknown"],
)
def test_2_an_id_that_is_not_a_sessions_is_never_adopted(
    own_server: Any, app: App, forge: Callable[[str], str]
) -> None:
    victim = TestClient(app)
    victim.get("/put?key=a&value=1")
    value = forge(cookie_of(victim))
    signed = SessionIds([KEY]).verify(value) is not None
    commands = own_server.commands(lambda: with_cookie(app, value).get("/look"))
    assert commands == (["HGETALL"] if signed else [])
    attacked = with_cookie(app, value)
    attacked.get("/put?key=a&value=2")
    assert cookie_of(attacked) not in ("", value)
    assert with_cookie(app, value).get("/look").text == "None"
    assert victim.get("/look").text == "1"


@pytest.mark.parametrize("renew", ["/in?user=ada", "/more", "/out"])
def test_3_a_change_of_rights_changes_the_id_and_the_old_one_is_worth_nothing(
    app: App, renew: str
) -> None:
    client = TestClient(app)
    client.get("/put?key=a&value=1")
    old = cookie_of(client)
    client.get(renew)
    assert cookie_of(client) != old
    holder = with_cookie(app, old)
    read = holder.get("/look")
    assert (read.text, "Set-Cookie" in read.headers) == ("None", False)
    if renew == "/out":
        return
    for path in ("/put?key=a&value=2", "/in?user=eve", "/more", "/out"):
        refused = holder.get(path)
        assert (refused.status_code, "Set-Cookie" in refused.headers) == (409, False)
    assert cookie_of(holder) == old
    assert client.get("/look").text == "1"


def test_4_whoever_is_in_flight_at_a_logout_the_session_stays_dead(app: App) -> None:
    client = TestClient(app)
    client.get("/put?key=a&value=1")
    value = cookie_of(client)
    interface = interface_of(app)
    environ = {"HTTP_COOKIE": f"{COOKIE}={value}", "wsgi.url_scheme": "https"}
    request = app.request_class(environ, app)
    reader, writer, counter, renewer = (interface.open(request) for _ in range(4))
    client.get("/out")
    assert reader["a"] == "1"
    interface.save(request, reader, app.response_class())
    writer["a"] = "2"
    counter.incr("n")
    renewer.regenerate()
    for session in (writer, counter, renewer):
        with pytest.raises(SessionGone):
            interface.save(request, session, app.response_class())
    assert with_cookie(app, value).get("/look").text == "None"


def test_5_the_server_enforces_both_timeouts_on_every_key(
    own_server: Any, make_app: MakeApp, wait_until: Callable[..., None]
) -> None:
    app = make_app(session_idle_timeout=500.0, session_absolute_timeout=1000.0)
    client = TestClient(app)
    client.get("/put?key=a&value=1")
    client.get("/in?user=ada")
    client.get("/more")
    interface_of(app).log_out_everywhere("bob")
    keys = list(own_server.client.scan_iter("*"))
    assert all(key.startswith(b"s:") for key in keys)
    # The session, two former ids, two lists of users' sessions at most, one time of a logout.
    assert len(keys) >= 4
    assert all(0 < own_server.client.pttl(key) <= 3_600_000 for key in keys)
    name = interface_of(app).ids.verify(cookie_of(client))
    assert name is not None
    assert own_server.client.pttl(name.key) <= 500_000
    # As if the absolute deadline were near: using the session does not move it.
    version, check, created, _, idle = own_server.client.hget(name.key, "h").split()
    soon = int(own_server.client.time()[0]) * 1000 + 100_000
    own_server.client.hset(name.key, "h", b"%s %s %s %d %s" % (version, check, created, soon, idle))
    client.get("/put?key=a&value=2")
    assert own_server.client.pexpiretime(name.key) == soon
    own_server.client.pexpire(name.key, 1)
    wait_until(lambda: client.get("/look").text == "None")


def test_6_a_user_can_be_logged_out_everywhere_and_elsewhere(app: App) -> None:
    user = uuid.uuid4().hex
    clients = [TestClient(app) for _ in range(3)]
    for client in clients:
        client.get(f"/in?user={user}")
    interface = interface_of(app)
    environ = {"HTTP_COOKIE": f"{COOKIE}={cookie_of(clients[0])}", "wsgi.url_scheme": "https"}
    request = app.request_class(environ, app)
    session = interface.open(request)
    session.log_out_elsewhere()
    interface.save(request, session, app.response_class())
    assert [shown(client)["user"] for client in clients] == [user, None, None]
    # A login that began before counts as one of those that end.
    late = interface.open(app.request_class({"wsgi.url_scheme": "https"}, app))
    assert interface.log_out_everywhere(user) == 1
    late.log_in(user)
    with pytest.raises(LoginRefused):
        interface.save(request, late, app.response_class())
    assert shown(clients[0])["user"] is None


def test_7_the_cookie_is_bound_to_the_host_and_refused_without_tls(app: App) -> None:
    name, *flags = TestClient(app).get("/in?user=ada").headers["Set-Cookie"].split("; ")
    assert name.startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(flags)
    assert not any(flag.startswith("Domain") for flag in flags)
    over_http = TestClient(app, base_url="http://localhost")
    app.worker.start()
    response = over_http.get("/in?user=ada")
    assert (response.status_code, "Set-Cookie" in response.headers) == (500, False)
    with pytest.raises(InsecureSessionCookie, match="SESSION_COOKIE_SECURE"):
        interface_of(app).cookie.require_https(app.request_class({"wsgi.url_scheme": "http"}, app))


def test_8_an_id_comes_from_the_cookie_alone_and_shows_up_nowhere(
    own_server: Any, app: App, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = TestClient(app)
    response = client.get("/put?key=a&value=1")
    assert response.headers["Cache-Control"] == "no-store"
    value = cookie_of(client)
    stranger = TestClient(app)
    tries = stranger.get(
        f"/look?session={value}&{COOKIE}={value}&sid={value}",
        headers={"X-Session": value, "Authorization": f"Bearer {value}", "Session": value},
    )
    assert tries.text == "None"
    holder = with_cookie(app, value)
    client.get("/out")
    session_id = interface_of(app).ids.verify(value)
    assert session_id is not None
    own_server.client.hset(session_id.key, "h", "1 foreign 1 1 1")
    refused = holder.get("/look")
    assert refused.status_code == 503
    shown = refused.text + str(refused.headers) + caplog.text
    names = b" ".join(own_server.client.scan_iter("*")).decode()
    secret = value[3:46]
    assert not any(secret[i : i + 8] in shown + names for i in range(len(secret) - 7))


class Evil:
    """Would run code when it is unpickled."""

    def __reduce__(self) -> Any:
        return (pytest.fail, ("unpickled",))


def test_9_stored_bytes_run_no_code_and_are_bounded(own_server: Any, app: App) -> None:
    client = TestClient(app)
    client.get("/put?key=a&value=1")
    key = interface_of(app).ids.verify(cookie_of(client)).key  # type: ignore[union-attr]
    deep = b"\x91" * 10_000 + b"\xc0"
    for data in (pickle.dumps(Evil()), pickle.dumps({"a": 1}), b"\xd4\x7fx", deep):
        own_server.client.hset(key, "=a", data)
        own_server.client.hdel(key, "+a")
        assert client.get("/look").status_code == 503
        assert own_server.client.hget(key, "=a") == data
    for value, error in ((Evil(), TypeError), ("x" * 17_000, SessionTooLarge)):
        with pytest.raises(error, match=r"session\['a'\]"):
            codec.encode("a", value)
    sources = [*(ROOT / "framework").rglob("*.py")]
    assert len(sources) > 50
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "shelve", "marshal", "dill"} & set(names), path


def test_10_a_foreign_record_is_refused_and_connections_are_dropped(
    own_server: Any, app: App, caplog: pytest.LogCaptureFixture
) -> None:
    mine, theirs = TestClient(app), TestClient(app)
    mine.get("/put?key=a&value=mine")
    theirs.get("/put?key=a&value=theirs")
    ids = interface_of(app).ids
    my_key, their_key = (ids.verify(cookie_of(c)).key for c in (mine, theirs))  # type: ignore[union-attr]
    own_server.client.copy(their_key, my_key, replace=True)
    before = own_server.client.client_list(_type="normal")
    response = mine.get("/look")
    assert (response.status_code, "theirs" in response.text) == (503, False)
    assert len(own_server.client.client_list(_type="normal")) < len(before)
    assert mine.get("/put?key=a&value=2").status_code == 503
    assert theirs.get("/look").text == "theirs"
    assert any(record.levelno == logging.CRITICAL for record in caplog.records)


def test_12_a_csrf_token_follows_from_the_id(app: App) -> None:
    client = TestClient(app)
    token = shown(client)["token"]
    assert client.post("/change").status_code == 403
    assert client.post("/change", data={"csrf_token": token}).text == "changed"
    token = shown(client)["token"]
    assert shown(client)["token"] == token
    assert client.post("/change", headers={"X-CSRF-Token": token}).text == "changed"
    assert TestClient(app).post("/change", data={"csrf_token": token}).status_code == 403
    client.get("/in?user=ada")
    assert client.post("/change", data={"csrf_token": token}).status_code == 403
    token = shown(client)["token"]
    assert client.post("/change", data={"csrf_token": token}).text == "changed"


def test_13_anonymous_traffic_and_forged_ids_make_no_records(own_server: Any, app: App) -> None:
    unknown = SessionIds([KEY]).new().value
    for cookie in ("", "x" * 57, unknown, "x" * 4000):
        client = with_cookie(app, cookie) if cookie else TestClient(app)
        for path in ("/plain", "/look", "/show", "/more", "/out", "/nowhere"):
            client.get(path)
        client.post("/change")
    assert own_server.client.dbsize() == 0
    TestClient(app).get("/put?key=a&value=1")
    assert own_server.client.dbsize() == 1


def test_14_a_new_signing_key_logs_nobody_out(make_app: MakeApp) -> None:
    before, after = make_app(), make_app(secret_key=f"new {KEY}", secret_key_fallbacks=(KEY,))
    client = TestClient(before)
    client.get("/in?user=ada")
    token = shown(client)["token"]
    client.get("/put?key=a&value=1")
    holder = with_cookie(after, cookie_of(client))
    found = shown(holder)
    assert (found["user"], found["keys"]) == ("ada", ["a"])
    assert holder.post("/change", data={"csrf_token": token}).text == "changed"
    holder.get("/more")
    only_new = make_app(secret_key=f"new {KEY}")
    assert shown(with_cookie(only_new, cookie_of(holder)))["user"] == "ada"


def test_14_a_new_signing_key_is_rolled_out_while_nodes_with_the_old_one_serve(
    make_app: MakeApp,
) -> None:
    new = f"new {KEY}"
    steps = [
        make_app(),
        make_app(secret_key_fallbacks=(new,)),
        make_app(secret_key=new, secret_key_fallbacks=(KEY,)),
        make_app(secret_key=new),
    ]
    forth = list(pairwise(steps))
    back = [(newer, older) for older, newer in forth]
    for number, (first, second) in enumerate([*forth, *back]):
        # A user each, for a login in the moment of a logout everywhere may be refused.
        user = f"ada{number}"
        client = TestClient(first)
        client.get(f"/in?user={user}")
        token = shown(client)["token"]
        moved = with_cookie(second, cookie_of(client))
        assert moved.post("/change", data={"csrf_token": token}).text == "changed"
        moved.get("/put?key=a&value=1")
        assert cookie_of(moved) == cookie_of(client)
        assert shown(client)["user"] == user
        assert second.session_interface.log_out_everywhere(user) == 1
        assert shown(client)["user"] is None


def test_a_lost_race_and_a_store_that_is_away_name_no_id() -> None:
    for error in (SessionConflict("a"), SessionGone(), SessionUnavailable("away")):
        assert error.get_response().headers["Cache-Control"] == "no-store"
