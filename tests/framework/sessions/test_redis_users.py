"""RedisUserIndex: its keys, what it costs, and what is left when everything has ended."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from framework.redis_transport.transport import RedisTransport
from framework.sessions import (
    ServerSideSessionInterface,
    SessionCookie,
    SessionIds,
    SessionUnavailable,
)
from framework.sessions.redis_store import RedisSessionStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.integration

IDS = SessionIds(["only for these tests"])


@pytest.fixture
def store(server: Any) -> Iterator[RedisSessionStore]:
    made = RedisSessionStore(
        RedisTransport(server.url, timeout=10.0), idle_timeout=1000, absolute_timeout=10_000
    )
    yield made
    made.close()


@pytest.fixture
def visitor(make_visitor_of: Callable[..., Any], store: RedisSessionStore) -> Any:
    cookie = SessionCookie("session", secure=False, max_age=1000)
    return make_visitor_of(ServerSideSessionInterface(store, IDS, cookie, time_budget=60.0))


def user_key() -> bytes:
    (name,) = IDS.user_keys(uuid.uuid4())
    return name


def test_a_list_is_kept_by_deadline_and_expires(server: Any, store: RedisSessionStore) -> None:
    user, one, two = user_key(), IDS.new(), IDS.new()
    store.users.join(user, one, time.monotonic())
    store.users.join(user, two, time.monotonic())
    now = int(server.client.time()[0]) * 1000
    scores = dict(server.client.zrange(user, 0, -1, withscores=True))
    assert set(scores) == {one.key, two.key}
    assert all(0 <= score - 10_000_000 - now + 60_000 < 120_000 for score in scores.values())
    assert 0 < server.client.pttl(user) <= 10_060_000
    server.client.pexpire(user, 20_000_000)
    store.users.join(user, one, time.monotonic())
    assert server.client.pttl(user) > 10_060_000
    assert server.client.pttl(user + b":x") == -2
    store.users.log_out(user)
    assert 0 < server.client.pttl(user + b":x") <= 3_600_000


def test_sessions_past_their_deadline_are_forgotten_with_room_for_other_clocks(
    server: Any, store: RedisSessionStore
) -> None:
    user, session_id = user_key(), IDS.new()
    now = int(server.client.time()[0]) * 1000
    server.client.zadd(user, {"long ago": now - 120_000, "hardly": now})
    store.users.join(user, session_id, time.monotonic())
    assert set(server.client.zrange(user, 0, -1)) == {b"hardly", session_id.key}


def test_what_logins_and_logouts_cost(server: Any, visitor: Any) -> None:
    user_id = uuid.uuid4().hex

    def cost(view: Callable[[Any], Any]) -> list[str]:
        return [name for name in server.commands(lambda: visitor.visit(view)) if name != "EVAL"]

    visitor.visit(lambda session: session.update(a=1))
    assert cost(lambda session: session.log_in(user_id)) == ["HGETALL", *["EVALSHA"] * 2, "GET"]
    assert cost(lambda session: session.user_id) == ["HGETALL"]
    assert cost(lambda session: session.update(a=2)) == ["HGETALL", "EVALSHA"]
    assert cost(lambda session: session.regenerate()) == [
        *("HGETALL", "EVALSHA", "EVALSHA", "ZREM", "GET"),
    ]
    assert cost(lambda session: session.log_out_elsewhere()) == [
        *("HGETALL", "EVALSHA"),
    ]
    assert cost(lambda session: session.delete()) == ["HGETALL", "EVALSHA", "ZREM"]


def test_neither_the_user_nor_the_id_shows_in_the_names_of_keys(server: Any, visitor: Any) -> None:
    user_id = uuid.uuid4().hex
    visitor.visit(lambda session: session.log_in(user_id))
    visitor.interface.log_out_everywhere(user_id)
    names = b" ".join(server.client.scan_iter("s:*"))
    assert b"s:u:{" in names
    assert user_id.encode() not in names


def test_a_full_server_lets_nobody_in_and_nobody_stay_unlisted(
    own_server: Any, make_visitor_of: Callable[..., Any]
) -> None:
    store = RedisSessionStore(
        RedisTransport(own_server.url, timeout=10.0), idle_timeout=1000, absolute_timeout=10_000
    )
    cookie = SessionCookie("session", secure=False, max_age=1000)
    visitor = make_visitor_of(ServerSideSessionInterface(store, IDS, cookie, time_budget=60.0))
    visitor.visit(lambda session: session.update(a=1))
    own_server.client.config_set("maxmemory", "1")
    with pytest.raises(SessionUnavailable):
        visitor.visit(lambda session: session.log_in("ada"))
    with pytest.raises(SessionUnavailable):
        visitor.interface.log_out_everywhere("ada")
    assert visitor.visit(lambda session: (session.user_id, session["a"])).text == "(None, 1)"
    own_server.client.config_set("maxmemory", "0")
    visitor.visit(lambda session: session.log_in("ada"))
    assert visitor.visit(lambda session: session.user_id).text == "ada"
    store.close()
