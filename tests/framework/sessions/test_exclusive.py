"""Exclusive sessions: requests of one session run one after another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.exceptions import Forbidden

from framework import App, Blueprint, Rule
from framework.exceptions import RoutingError, SetupError
from framework.redis_transport.transport import RedisTransport
from framework.sessions import (
    ExclusiveAccess,
    ServerSideSessionInterface,
    SessionBusy,
    SessionConfigError,
    SessionConflict,
    SessionCookie,
    SessionGone,
    SessionIds,
    SessionUnavailable,
)
from framework.sessions.redis_store import RedisSessionStore
from framework.testing import TestClient, make_request

ROOT = Path(__file__).resolve().parents[3]

# A Visitor and its factory come from conftest.py, which tests cannot import.
Visitor = Any
MakeVisitor = Callable[..., Visitor]
AtOnce = Callable[[list[Callable[[], Any]]], list[Any]]

PATIENT = {"exclusive": ExclusiveAccess(lease=60.0, wait=60.0)}
IMPATIENT = {"exclusive": ExclusiveAccess(lease=60.0, wait=0.05)}


def add_one(session: Any) -> None:
    session["n"] = session["n"] + 1


def test_fifty_requests_that_read_and_write_one_key_all_count(
    make_visitor: MakeVisitor, at_once: AtOnce
) -> None:
    visitor = make_visitor(options=PATIENT)
    visitor.visit(lambda session: session.update(n=0))

    def one_request() -> int:
        return int(visitor.visit(add_one, exclusive=True).status_code)

    assert at_once([one_request] * 50) == [200] * 50
    assert visitor.visit(lambda session: session["n"]).text == "50"


def test_two_requests_are_never_inside_at_once(make_visitor: MakeVisitor, at_once: AtOnce) -> None:
    visitor = make_visitor(options=PATIENT)
    visitor.visit(lambda session: session.update(n=0))
    inside: list[int] = []
    most: list[int] = []

    def view(session: Any) -> None:
        inside.append(1)
        time.sleep(0.005)
        most.append(len(inside))
        inside.pop()
        if len(most) % 2:
            session["n"] = len(most)

    at_once([lambda: visitor.visit(view, exclusive=True)] * 12)
    assert most == [1] * 12


def test_a_request_that_waited_in_vain_is_told_to_come_again(make_visitor: MakeVisitor) -> None:
    visitor = make_visitor(options=IMPATIENT)
    visitor.visit(lambda session: session.update(n=0))
    holder = visitor.start(exclusive=True)
    with pytest.raises(SessionBusy) as busy:
        visitor.visit(add_one, exclusive=True)
    response = busy.value.get_response()
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.headers["Cache-Control"] == "no-store"
    # Other routes take no notice, and neither do other visitors.
    assert visitor.visit(lambda session: session["n"]).text == "0"
    assert visitor.another().visit(add_one_to_nothing, exclusive=True).status_code == 200
    holder.finish()
    visitor.visit(add_one, exclusive=True)


def add_one_to_nothing(session: Any) -> None:
    session["n"] = session.get("n", 0) + 1


@pytest.mark.parametrize(
    "end",
    ["read", "untouched", "written", "logged in", "logged out", "over again", "raised", "conflict"],
)
def test_a_session_is_given_back_however_a_request_ends(
    make_visitor: MakeVisitor, end: str
) -> None:
    visitor = make_visitor(options=IMPATIENT)
    visitor.visit(lambda session: session.update(n=0))

    def view(session: Any) -> None:
        match end:
            case "read":
                assert session["n"] == 0
            case "written":
                session["n"] = 1
            case "logged in":
                session.log_in("ada")
            case "logged out":
                session.delete()
            case "over again":
                session.delete()
                session["n"] = 1
            case "raised":
                session["n"] = 1
                raise ZeroDivisionError
            case "conflict":
                assert session["n"] == 0
                visitor.visit(lambda other: other.update(n=5))
                session["n"] = 1

    errors = {"raised": ZeroDivisionError, "conflict": SessionConflict}
    if end in errors:
        with pytest.raises(errors[end]):
            visitor.visit(view, exclusive=True)
    else:
        visitor.visit(view, exclusive=True)
    assert visitor.visit(add_one_to_nothing, exclusive=True).status_code == 200


def test_a_write_from_elsewhere_is_still_guarded_against(make_visitor: MakeVisitor) -> None:
    visitor = make_visitor(options=IMPATIENT)
    visitor.visit(lambda session: session.update(n=0))
    holder = visitor.start(exclusive=True)
    add_one(holder.session)
    visitor.visit(lambda session: session.update(n=10))
    with pytest.raises(SessionConflict):
        holder.finish()
    assert visitor.visit(lambda session: session["n"]).text == "10"


def test_after_its_lease_a_request_writes_nothing(make_visitor: MakeVisitor) -> None:
    visitor = make_visitor(options={"exclusive": ExclusiveAccess(lease=0.1, wait=60.0)})
    visitor.visit(lambda session: session.update(n=0))
    slow = visitor.start(exclusive=True)
    slow.session["late"] = True
    visitor.visit(lambda session: session.get("n"), exclusive=True)
    with pytest.raises(SessionConflict):
        slow.finish()
    assert visitor.visit(lambda session: dict(session)).text == "{'n': 0}"


def test_who_waits_for_a_session_that_ends_meanwhile_gets_an_empty_one(
    make_visitor: MakeVisitor,
) -> None:
    visitor = make_visitor(options=PATIENT)
    visitor.visit(lambda session: session.update(n=0))
    holder = visitor.start(exclusive=True)
    found: list[Any] = []
    waiting = threading.Thread(
        target=lambda: visitor.visit(lambda s: found.append(dict(s)), exclusive=True)
    )
    waiting.start()
    holder.session.delete()
    holder.finish()
    waiting.join(60)
    assert found == [{}]


def test_an_unfinished_wait_leaves_nothing_locked(
    make_visitor: MakeVisitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = make_visitor(options=IMPATIENT)
    visitor.visit(lambda session: session.update(n=0))
    store = visitor.interface.store
    load = store.load_exclusively

    def interrupted(*args: Any) -> None:
        load(*args)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(store, "load_exclusively", interrupted)
        with pytest.raises(SystemExit):
            visitor.start(exclusive=True)
    visitor.visit(add_one, exclusive=True)


def test_a_retired_id_is_not_waited_for(make_visitor: MakeVisitor) -> None:
    visitor = make_visitor(options=IMPATIENT)
    visitor.visit(lambda session: session.update(n=0))
    old = dict(visitor.cookies)
    visitor.visit(lambda session: session.regenerate())
    visitor.cookies = old
    for _ in range(2):
        assert visitor.start(exclusive=True).session.get("n") is None
    with pytest.raises(SessionGone):
        visitor.visit(lambda session: session.update(n=1), exclusive=True)


# On a real server


@pytest.fixture
def make_interface() -> Callable[..., ServerSideSessionInterface]:
    def make(server: Any, access: dict[str, Any], **transport: Any) -> ServerSideSessionInterface:
        options: dict[str, Any] = {"timeout": 10.0} | transport
        store = RedisSessionStore(
            RedisTransport(server.url, **options), idle_timeout=1000, absolute_timeout=10_000
        )
        cookie = SessionCookie("session", secure=False, max_age=1000)
        ids = SessionIds(["only for these tests"])
        budget = 6 * options["timeout"]
        return ServerSideSessionInterface(store, ids, cookie, time_budget=budget, **access)

    return make


@pytest.fixture
def visitor_of_server(server: Any, make_visitor_of: Any, make_interface: Any) -> Visitor:
    return make_visitor_of(make_interface(server, IMPATIENT))


@pytest.mark.integration
def test_an_exclusive_request_costs_no_more_commands(server: Any, visitor_of_server: Any) -> None:
    visitor = visitor_of_server
    visitor.visit(lambda session: session.update(n=0))
    visitor.visit(add_one, exclusive=True)
    visitor.visit(lambda session: session["n"], exclusive=True)
    assert server.commands(lambda: visitor.visit(add_one, exclusive=True)) == ["EVALSHA"] * 2
    read = server.commands(lambda: visitor.visit(lambda s: s["n"], exclusive=True))
    assert read == ["EVALSHA"] * 2
    assert server.commands(lambda: visitor.visit(add_one)) == ["HGETALL", "EVALSHA"]


@pytest.mark.integration
def test_a_waiting_request_holds_no_connection(
    server: Any, make_visitor_of: Any, make_interface: Any
) -> None:
    visitor = make_visitor_of(make_interface(server, PATIENT, max_connections=1))
    visitor.visit(lambda session: session.update(n=0))
    holder = visitor.start(exclusive=True)
    waiting = threading.Thread(target=lambda: visitor.visit(add_one, exclusive=True))
    waiting.start()
    for _ in range(20):
        assert visitor.visit(lambda session: session["n"]).text == "0"
    assert waiting.is_alive()
    holder.finish()
    waiting.join(60)
    assert visitor.visit(lambda session: session["n"]).text == "1"


@pytest.mark.integration
def test_a_lock_of_a_node_that_died_ends_with_its_lease(
    server: Any, visitor_of_server: Any
) -> None:
    visitor = visitor_of_server
    visitor.visit(lambda session: session.update(n=0))
    script = f"""
import sys, time
from framework.redis_transport.transport import RedisTransport
from framework.sessions import SessionIds
from framework.sessions.redis_store import RedisSessionStore

store = RedisSessionStore(RedisTransport({server.url!r}, timeout=10.0),
                          idle_timeout=1000, absolute_timeout=10_000)
session_id = SessionIds(["only for these tests"]).verify({visitor.cookie!r})
store.load_exclusively(session_id, b"doomed", 2.0)
print("locked", flush=True)
time.sleep(60)
"""
    node = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
    assert node.stdout is not None
    assert node.stdout.readline() == b"locked\n"
    os.kill(node.pid, signal.SIGKILL)
    node.wait()
    node.stdout.close()
    session_id = visitor.interface.ids.verify(visitor.cookie)
    assert server.client.hget(session_id.key, "l").startswith(b"doomed ")
    visitor.interface.exclusive = ExclusiveAccess(lease=60.0, wait=60.0)
    visitor.visit(add_one, exclusive=True)
    assert visitor.visit(lambda session: session["n"]).text == "1"


@pytest.mark.integration
def test_a_server_that_was_hung_locks_for_nobody_who_gave_up(
    own_server: Any,
    make_visitor_of: Any,
    make_interface: Any,
    wait_until: Callable[..., None],
) -> None:
    visitor = make_visitor_of(make_interface(own_server, IMPATIENT, timeout=0.25))
    wait_until(lambda: _succeeds(lambda: visitor.visit(lambda session: session.update(n=0))))
    # The server knows the script by now, so that nothing has to be sent twice.
    wait_until(lambda: _succeeds(lambda: visitor.visit(add_one, exclusive=True)))
    own_server.pause()
    with pytest.raises(SessionUnavailable):
        visitor.visit(add_one, exclusive=True)
    time.sleep(0.6)
    own_server.resume()
    wait_until(lambda: _succeeds(lambda: visitor.visit(lambda session: session["n"])))
    locked = own_server.client.eval(
        "return redis.call('HEXISTS', redis.call('KEYS', 's:*')[1], 'l')", 0
    )
    assert locked == 0


def _succeeds(action: Callable[[], Any]) -> bool:
    try:
        action()
    except SessionUnavailable:
        return False
    return True


# In an app


def make_app(url: str, *rules: Any) -> App:
    settings = {
        "debug": True,
        "secret_key": "only for these tests",
        "redis_url": url,
        "session_redis_timeout": 10.0,
        "session_exclusive_lease": 600.0,
        "session_exclusive_wait": 60.0,
    }
    return App(__name__, urls=[Rule("/start", start), *rules], config=settings)


def start(request: Any) -> str:
    request.session["n"] = 0
    return "started"


def count(request: Any) -> str:
    n = request.session["n"]
    time.sleep(0.002)
    request.session["n"] = n + 1
    return str(n)


def fail(request: Any) -> None:
    assert request.session["n"] >= 0
    raise LookupError


def stream(request: Any) -> Any:
    assert request.session["n"] >= 0
    yield "one"


@pytest.mark.integration
def test_a_route_can_have_the_session_to_itself(valkey: Any, at_once: AtOnce) -> None:
    app = make_app(
        valkey.url,
        Rule("/count", count, session="exclusive"),
        Blueprint(
            "shop",
            prefix="/shop",
            session="exclusive",
            rules=[
                Rule("/count", count),
                Rule("/fail", fail),
                Rule("/stream", stream),
                Rule("/shared", count, session="shared", endpoint="shared"),
            ],
        ),
    )
    app.error_handler(LookupError)(lambda request, error: ("failed", 500))
    client = TestClient(app)
    client.get("/start")
    cookie = client.get_cookie("__Host-session")
    assert cookie is not None

    def visit(path: str) -> int:
        own = TestClient(app)
        own.set_cookie("__Host-session", cookie.value, secure=True)
        return own.get(path).status_code

    paths = ["/count", "/shop/count", "/shop/fail", "/shop/stream"] * 8
    results = at_once([lambda path=path: visit(path) for path in paths])  # type: ignore[misc]
    assert results == [200, 200, 500, 200] * 8
    assert client.get("/shop/shared").text == "16"
    endpoints = app.url_map.endpoints
    assert [name for name in endpoints if endpoints[name].exclusive_session] == [
        *("count", "shop.count", "shop.fail", "shop.stream"),
    ]
    app.stop_worker()


@pytest.mark.integration
def test_a_session_is_given_back_when_the_worker_interrupts_the_view(valkey: Any) -> None:
    def interrupted(request: Any) -> None:
        assert request.session["n"] == 0
        raise KeyboardInterrupt

    app = make_app(
        valkey.url,
        Rule("/interrupted", interrupted, session="exclusive"),
        Rule("/count", count, session="exclusive"),
    )
    client = TestClient(app)
    client.get("/start")
    with pytest.raises(KeyboardInterrupt):
        client.get("/interrupted")
    assert client.get("/count").text == "0"
    app.stop_worker()


@pytest.mark.integration
def test_a_session_is_given_back_when_it_is_not_even_saved(valkey: Any) -> None:
    app = make_app(valkey.url, Rule("/count", count, session="exclusive"))

    def refuse(request: Any, response: Any) -> None:
        if "refuse" in request.args:
            raise Forbidden

    app.after_request(refuse)
    client = TestClient(app)
    client.get("/start")
    assert client.get("/count?refuse").status_code == 403
    assert client.get("/count").text == "0"
    app.stop_worker()


def test_signed_cookies_cannot_be_exclusive() -> None:
    settings = {"debug": True, "secret_key": "only for these tests"}
    app = App(__name__, urls=[Rule("/", count, session="exclusive")], config=settings)
    with pytest.raises(SetupError, match=r"'count' has session='exclusive'.*REDIS_URL"):
        app.start_worker()
    with pytest.raises(SessionConfigError, match=r"'/' is to be exclusive.*REDIS_URL"):
        _ = make_request(app, "/").session


def test_what_a_route_says_about_its_session_is_checked() -> None:
    typo: Any = "exlusive"
    with pytest.raises(RoutingError, match="rule '/' has session='exlusive'"):
        Rule("/", count, session=typo)
    with pytest.raises(RoutingError, match="blueprint 'shop' has session='exlusive'"):
        Blueprint("shop", session=typo)
    app = App(__name__, urls=[Rule("/a", count, session="exclusive"), Rule("/b", count)], config={})
    with pytest.raises(RoutingError, match=r"'count' has session='exclusive' at one .*'/b'"):
        _ = app.url_map
