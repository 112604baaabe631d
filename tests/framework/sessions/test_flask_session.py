"""Flask-Session's records, read without Flask."""

from __future__ import annotations

import json
import pickle
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from werkzeug.wrappers import Request, Response

from framework.redis_transport.transport import RedisTransport
from framework.sessions import SessionCookie, SessionIds, SessionTooLarge
from framework.sessions.flask_session import (
    FlaskSessionRecords,
    MigratingSessionInterface,
    OldRecord,
    decode,
)
from framework.sessions.redis_store import RedisSessionStore
from framework.sessions.server_side import ServerSideSessionInterface

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.framework.redis_servers import Server

OLD_ID = "old" + "x" * 40
Interfaces = Callable[..., MigratingSessionInterface]
Visitors = Callable[[Any], Any]

DATA = {
    "user": 7,
    "cart": {"items": [1, 2.5, None, True]},
    "time": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    "bytes": b"\xff",
    "ünïcödé": "☃",
}


@pytest.mark.parametrize("data", [{}, {"a": 1}, DATA, {f"key {n}": n for n in range(70_000)}])
def test_message_pack_is_decoded_as_flask_session_does(data: dict[str, Any]) -> None:
    assert decode(msgspec.msgpack.encode(data)) == data


@pytest.mark.parametrize("data", [{}, {"a": [1, {"b": None}]}, {"ünïcödé": "☃"}])
def test_json_is_decoded_as_flask_session_does(data: dict[str, Any]) -> None:
    assert decode(msgspec.json.encode(data)) == data
    assert decode(json.dumps(data).encode()) == data


def test_keys_that_are_no_text_become_text() -> None:
    assert decode(msgspec.msgpack.encode({1: "one", "2": "two"})) == {"1": "one", "2": "two"}


@pytest.mark.parametrize(
    "data",
    [
        *(pickle.dumps({"a": 1}, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
        *(pickle.dumps({}, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
        *(b"", b"x", b"{", b'{"a": ', b"\xc1", b"\x81\xa1a", b"[1]", b"null", b"\x90"),
        msgspec.msgpack.encode([1, 2]),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(data)


def records(**options: Any) -> FlaskSessionRecords:
    return FlaskSessionRecords(RedisTransport("redis://127.0.0.1:1"), **options)


@pytest.mark.parametrize("cookie", ["", "x" * 42, "x" * 44, "x" * 42 + ".", "x" * 42 + "é"])
def test_a_cookie_of_another_shape_costs_no_command(cookie: str) -> None:
    assert records().id_in(OLD_ID) == OLD_ID
    assert records().id_in(cookie) is None
    assert records(signing_keys=["k"]).id_in(cookie) is None


@pytest.fixture
def old_id() -> str:
    return secrets.token_urlsafe(32)


@pytest.fixture
def make_interface(valkey: Server, old_id: str) -> Iterator[Interfaces]:
    """Make an interface that takes sessions over, with a fresh record of Flask-Session."""
    interfaces: list[MigratingSessionInterface] = []

    def make(data: object = DATA, *, secure: bool = False) -> MigratingSessionInterface:
        transport = RedisTransport(valkey.url, timeout=10.0)
        store = RedisSessionStore(transport, idle_timeout=100, absolute_timeout=1000)
        cookie = SessionCookie("session", secure=secure, max_age=1000)
        sessions = ServerSideSessionInterface(store, SessionIds(["k"]), cookie, time_budget=60.0)
        interface = MigratingSessionInterface(sessions, store, FlaskSessionRecords(transport))
        interfaces.append(interface)
        valkey.client.set(f"session:{old_id}", msgspec.msgpack.encode(data), ex=100)
        return interface

    yield make
    for interface in interfaces:
        interface.close()


@pytest.mark.integration
def test_a_visitor_goes_on_with_the_old_data_under_a_new_id(
    make_interface: Interfaces, make_visitor_of: Visitors, old_id: str
) -> None:
    visitor = make_visitor_of(make_interface())
    visitor.cookies["session"] = old_id
    seen: dict[str, Any] = {}
    response = visitor.visit(seen.update)
    assert seen == DATA
    assert response.headers["Cache-Control"] == "no-store"
    assert len(visitor.cookie) == 57
    visitor.visit(lambda session: session.incr("user"))
    assert visitor.visit(lambda session: session["user"]).text == "8"


@pytest.mark.integration
def test_a_cookie_with_a_prefix_takes_the_place_of_one_without(
    make_interface: Interfaces, make_visitor_of: Visitors, old_id: str
) -> None:
    visitor = make_visitor_of(make_interface(secure=True))
    visitor.scheme = "https"
    visitor.cookies["session"] = old_id
    assert visitor.visit(lambda session: session["user"]).text == "7"
    assert set(visitor.cookies) == {"session", "__Host-session"}
    visitor.visit(lambda session: session.delete())
    assert visitor.visit(lambda session: session.get("user")).text == "None"


@pytest.mark.integration
def test_a_session_that_is_read_without_being_used_hands_nothing_out(
    make_interface: Interfaces, make_visitor_of: Visitors, old_id: str
) -> None:
    visitor = make_visitor_of(make_interface())
    visitor.cookies["session"] = old_id
    assert "Set-Cookie" not in visitor.visit(lambda session: None).headers
    assert visitor.cookie == old_id


@pytest.mark.integration
def test_what_is_too_large_stays_where_it_is(
    make_interface: Interfaces, make_visitor_of: Visitors, valkey: Server, old_id: str
) -> None:
    visitor = make_visitor_of(make_interface({f"key {n}": n for n in range(200)}))
    visitor.cookies["session"] = old_id
    with pytest.raises(SessionTooLarge, match="200 keys"):
        visitor.visit(dict)
    assert valkey.client.exists(f"session:{old_id}")


@pytest.mark.integration
def test_a_logout_that_comes_in_between_is_final(
    make_interface: Interfaces, make_visitor_of: Visitors, valkey: Server, old_id: str
) -> None:
    interface = make_interface()
    early, late = make_visitor_of(interface), make_visitor_of(interface)
    early.cookies["session"] = late.cookies["session"] = old_id

    class Slow(FlaskSessionRecords):
        """Another request migrates and logs out while this one has read the old record."""

        def read(self, key: bytes) -> OldRecord | None:
            record = super().read(key)
            interface.records = quick
            early.visit(lambda session: session["user"])
            early.visit(lambda session: session.delete())
            return record

    quick, interface.records = interface.records, Slow(interface.store.transport)
    assert late.visit(lambda session: session.get("user")).text == "None"
    assert not valkey.client.exists(interface.sessions.ids.derive(old_id).key)


@pytest.mark.integration
def test_a_record_that_ends_while_it_is_read_is_none(
    make_interface: Interfaces, valkey: Server, monkeypatch: pytest.MonkeyPatch, old_id: str
) -> None:
    interface = make_interface()
    key = interface.records.key(old_id)
    execute = interface.records._redis.execute

    def end_before(*args: bytes) -> Any:
        if args[0] == b"PTTL":
            valkey.client.delete(key)
        return execute(*args)

    monkeypatch.setattr(interface.records._redis, "execute", end_before)
    assert interface.records.read(key) is None


@pytest.mark.integration
def test_a_session_is_made_of_old_data_once(make_interface: Interfaces, old_id: str) -> None:
    interface = make_interface()
    session_id = interface.sessions.ids.derive(old_id)
    assert interface.store.adopt(session_id, {b"=a": b"\x01"}, 5.0)
    assert not interface.store.adopt(session_id, {b"=a": b"\x02"}, None)
    record = interface.store.load(session_id)
    assert record is not None
    assert record.fields[b"=a"] == b"\x01"
    # As though it had last been used when that would have given it the five seconds.
    interface.store.touch(session_id, record)
    touched = interface.store.load(session_id)
    assert touched is not None
    assert touched.touched > record.touched + 90


@pytest.mark.integration
def test_an_old_session_can_be_exclusive(make_interface: Interfaces, old_id: str) -> None:
    interface = make_interface()
    request = Request({"HTTP_COOKIE": f"session={old_id}", "wsgi.url_scheme": "http"})
    session = interface.open(request, exclusive=True)
    session["user"] = 8
    interface.save(request, session, Response())
    interface.release(session)
    assert interface.open(request)["user"] == 8


@pytest.mark.integration
def test_users_are_logged_out_everywhere(
    make_interface: Interfaces, make_visitor_of: Visitors, old_id: str
) -> None:
    interface = make_interface()
    interface.check()
    visitor = make_visitor_of(interface)
    visitor.cookies["session"] = old_id
    visitor.visit(lambda session: session.log_in(7))
    assert interface.log_out_everywhere(7) == 1
    assert visitor.visit(lambda session: session.get("user")).text == "None"


class Settings:
    secret_key = "k"
    secret_key_fallbacks = ()
    redis_url = "redis://127.0.0.1:1"
    session_cookie_name = "session"
    session_cookie_secure = False
    session_idle_timeout = 60.0
    session_absolute_timeout = 600.0
    session_redis_timeout = 0.25
    session_exclusive_lease = 30.0
    session_exclusive_wait = 5.0
    session_anonymous_fallback = False


def test_settings_make_an_interface_without_connecting() -> None:
    interface = MigratingSessionInterface.from_config(Settings(), migrate_from="old:")
    assert interface.records.key("id") == b"old:id"
    assert interface.can_be_exclusive
    interface.close()


def test_visitors_are_anonymous_in_an_outage_if_the_app_wants_that() -> None:
    class Anonymous(Settings):
        session_anonymous_fallback = True

    interface = MigratingSessionInterface.from_config(Anonymous())
    request = Request({"HTTP_COOKIE": f"session={OLD_ID}", "wsgi.url_scheme": "http"})
    session = interface.open(request)
    assert session.unavailable
    assert dict(session) == {}
