"""RedisSessionStore: the record, the commands it costs, and refusals of a real server."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from redis.crc import key_slot

from framework.redis_transport.transport import RedisTransport
from framework.sessions import (
    ServerSideSessionInterface,
    SessionCookie,
    SessionIds,
    SessionUnavailable,
    codec,
)
from framework.sessions.changes import Changes
from framework.sessions.redis_store import RedisSessionStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.integration

SECRET = "only for these tests"


def make_store(server: Any, **timeouts: float) -> RedisSessionStore:
    timeouts = {"idle_timeout": 1000.0, "absolute_timeout": 10_000.0} | timeouts
    return RedisSessionStore(RedisTransport(server.url, timeout=10.0), **timeouts)


@pytest.fixture
def store(server: Any) -> Iterator[RedisSessionStore]:
    made = make_store(server)
    yield made
    made.close()


@pytest.fixture
def visitor(make_visitor_of: Callable[..., Any], store: RedisSessionStore) -> Any:
    cookie = SessionCookie("session", secure=False, max_age=1000)
    return make_visitor_of(
        ServerSideSessionInterface(store, SessionIds([SECRET]), cookie, time_budget=20.0)
    )


def sets(**values: Any) -> Changes:
    return Changes(sets={f"={key}".encode(): codec.encode(key, v) for key, v in values.items()})


def test_what_each_kind_of_request_costs(server: Any, visitor: Any, ids: SessionIds) -> None:
    visitor.visit(lambda session: session.update(a=1))
    visitor.visit(lambda session: session.get("a"))
    costs = {
        "untouched": server.commands(lambda: visitor.visit()),
        "read": server.commands(lambda: visitor.visit(lambda session: session.get("a"))),
        "write": server.commands(lambda: visitor.visit(lambda session: session.update(b=[1]))),
        "login": server.commands(lambda: visitor.visit(lambda session: session.regenerate())),
        "logout": server.commands(lambda: visitor.visit(lambda session: session.delete())),
        "first write": server.commands(lambda: visitor.visit(lambda s: s.update(a=1))),
    }
    visitor.cookies["session"] = SessionIds(["forged"]).new().value
    costs["forged"] = server.commands(lambda: visitor.visit(lambda session: session.get("a")))
    visitor.cookies["session"] = "x" * 4000
    costs["oversized"] = server.commands(lambda: visitor.visit(lambda session: session.get("a")))
    assert costs == {
        "untouched": [],
        "read": ["HGETALL"],
        "write": ["HGETALL", "EVALSHA"],
        "login": ["HGETALL", "EVALSHA"],
        # The first use of the script for logout sends it whole.
        "logout": ["HGETALL", "EVALSHA", *costs["logout"][2:]],
        "first write": ["EVALSHA"],
        "forged": [],
        "oversized": [],
    }
    assert costs["logout"][2:] in ([], ["EVAL"])


def test_a_session_is_touched_at_most_once_in_a_tenth_of_its_idle_timeout(
    server: Any, visitor: Any, wait_until: Callable[..., None]
) -> None:
    visitor.visit(lambda session: session.update(a=1))
    store = visitor.interface.store

    def read_ten_times() -> None:
        for _ in range(10):
            visitor.visit(lambda session: session["a"])

    read_ten_times()
    assert server.commands(read_ten_times) == ["HGETALL"] * 10
    # As if a tenth of the timeout had passed on the server's clock.
    store._note_time((store._now(b"") + 101) * 1000)
    commands = server.commands(lambda: visitor.visit(lambda session: session["a"]))
    assert [name for name in commands if name != "EVAL"] == ["HGETALL", "EVALSHA"]
    assert server.commands(read_ten_times) == ["HGETALL"] * 10


def test_a_process_that_only_reads_asks_for_the_time_once(server: Any, ids: SessionIds) -> None:
    session_id = ids.new()
    make_store(server).commit(session_id, sets(a=1), create=True)
    store = make_store(server)

    def read() -> None:
        record = store.load(session_id)
        assert record is not None
        store.touch(session_id, record)

    assert server.commands(read) == ["HGETALL", "TIME"]
    assert server.commands(read) == ["HGETALL"]


def test_the_record_is_laid_out_as_documented(
    server: Any, store: RedisSessionStore, ids: SessionIds
) -> None:
    session_id = ids.new()
    first = Changes(
        sets={b"=cart": codec.encode("cart", [1]), b"!1": b"flash"}, increments={b"+n": 2}
    )
    store.commit(session_id, first, create=True)
    nonces = [first.nonce]
    for _ in range(9):
        changes = Changes(increments={b"+n": 1})
        store.commit(session_id, changes)
        nonces.insert(0, changes.nonce)
    record = server.client.hgetall(session_id.key)
    assert set(record) == {b"h", b"t", b"n", b"=cart", b"+n", b"!1"}
    version, check, created, deadline, idle = record[b"h"].split(b" ")
    assert (version, check, idle) == (b"1", session_id.check, b"1000000")
    assert int(deadline) - int(created) == 10_000_000
    assert int(created) <= int(record[b"t"]) <= int(deadline)
    assert record[b"n"] == b"".join(nonces[:8])
    assert record[b"+n"] == b"11"
    assert 0 < server.client.pttl(session_id.key) <= 1_000_000


def test_every_key_of_a_session_expires_and_shares_a_cluster_slot(
    server: Any, store: RedisSessionStore, ids: SessionIds
) -> None:
    old_id = ids.new()
    new_id = ids.new(old_id.tag)
    store.commit(old_id, sets(a=1), create=True)
    late = store.load(old_id)
    assert late is not None
    store.rotate(old_id, new_id, sets(b=1))
    store._note_time((store._now(b"") + 500) * 1000)
    store.touch(old_id, late)
    retired = store.load(old_id)
    assert retired is not None
    assert server.commands(lambda: store.touch(old_id, retired)) == []
    assert set(server.client.hgetall(old_id.key)) == {b"h", b"m", b"n"}
    assert 0 < server.client.pttl(old_id.key) <= 10_000
    assert 0 < server.client.pttl(new_id.key) <= 1_000_000
    assert old_id.key.startswith(b"s:{" + old_id.tag.encode() + b"}:")
    assert new_id.key.startswith(b"s:{" + old_id.tag.encode() + b"}:")


def test_activity_never_moves_expiry_past_the_absolute_deadline(
    server: Any, ids: SessionIds
) -> None:
    store, session_id = make_store(server, idle_timeout=1000.0, absolute_timeout=50.0), ids.new()
    store.commit(session_id, sets(a=1), create=True)
    deadline = int(server.client.hget(session_id.key, "h").split()[3])
    store.commit(session_id, sets(b=1))
    server.client.pexpire(session_id.key, 10_000)
    record = store.load(session_id)
    assert record is not None
    store._note_time((store._now(b"") + 500) * 1000)
    store.touch(session_id, record)
    # PEXPIRETIME says it in one word, but only since Redis 7.
    (seconds, _), left = server.client.time(), server.client.pttl(session_id.key)
    assert abs(seconds * 1000 + left - deadline) < 10_000  # the idle timeout is 950 s away


def test_scripts_that_the_server_forgot_are_sent_again(
    server: Any, visitor: Any, store: RedisSessionStore
) -> None:
    visitor.visit(lambda session: session.update(n=1))
    server.client.script_flush()
    assert visitor.visit(lambda session: session.incr("n")).text == "2"
    server.client.script_flush()
    visitor.visit(lambda session: session.regenerate())
    assert visitor.visit(lambda session: session["n"]).text == "2"
    server.client.script_flush()
    visitor.visit(lambda session: session.delete())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda client, key: client.hset(key, "h", b"2" + client.hget(key, "h")[1:]),
        lambda client, key: client.hset(key, "h", "nonsense"),
        lambda client, key: client.hdel(key, "h"),
        lambda client, key: client.hset(key, "h", b"x" + client.hget(key, "h")),
        lambda client, key: (client.delete(key), client.set(key, "a string")),
    ],
    ids=["newer version", "nonsense", "no header", "no number", "no hash"],
)
def test_a_record_of_another_make_is_unavailable_and_never_wiped(
    server: Any, store: RedisSessionStore, ids: SessionIds, spoil: Any
) -> None:
    session_id = ids.new()
    store.commit(session_id, sets(a=1), create=True)
    record = store.load(session_id)
    spoil(server.client, session_id.key)
    spoilt = server.client.dump(session_id.key)
    with pytest.raises(SessionUnavailable):
        store.load(session_id)
    with pytest.raises(SessionUnavailable):
        store.commit(session_id, sets(a=2))
    with pytest.raises(SessionUnavailable):
        store.rotate(session_id, ids.new(session_id.tag), sets(a=2))
    with pytest.raises(SessionUnavailable):
        store.load_exclusively(session_id, b"token", 10.0)
    assert server.client.dump(session_id.key) == spoilt
    assert record is not None


def test_a_touch_of_a_newer_record_is_unavailable(
    server: Any, store: RedisSessionStore, ids: SessionIds
) -> None:
    session_id = ids.new()
    store.commit(session_id, sets(a=1), create=True)
    record = store.load(session_id)
    assert record is not None
    server.client.hset(session_id.key, "h", b"2" + server.client.hget(session_id.key, "h")[1:])
    store._note_time((store._now(b"") + 500) * 1000)
    with pytest.raises(SessionUnavailable, match="unknown version"):
        store.touch(session_id, record)


def test_a_record_without_its_time_is_unavailable(
    server: Any, store: RedisSessionStore, ids: SessionIds
) -> None:
    session_id = ids.new()
    store.commit(session_id, sets(a=1), create=True)
    for spoil in (
        lambda: server.client.hset(session_id.key, "t", "soon"),
        lambda: server.client.hdel(session_id.key, "t"),
    ):
        spoil()
        with pytest.raises(SessionUnavailable, match="damaged"):
            store.load(session_id)


def test_fields_of_a_newer_version_are_kept(
    server: Any, store: RedisSessionStore, ids: SessionIds, visitor: Any
) -> None:
    visitor.visit(lambda session: session.update(a=1))
    session_id = SessionIds([SECRET]).verify(visitor.cookie)
    assert session_id is not None
    server.client.hset(session_id.key, "~later", "x")
    assert visitor.visit(lambda session: dict(session)).text == "{'a': 1}"
    visitor.visit(lambda session: session.update(b=1))
    assert server.client.hget(session_id.key, "~later") == b"x"


def test_the_record_of_another_id_is_refused_and_the_connections_are_dropped(
    server: Any, store: RedisSessionStore, ids: SessionIds, caplog: pytest.LogCaptureFixture
) -> None:
    mine, theirs = ids.new(), ids.new()
    store.commit(theirs, sets(user="them"), create=True)
    server.client.copy(theirs.key, mine.key)
    uses: list[Callable[[], object]] = [
        lambda: store.load(mine),
        lambda: store.commit(mine, sets(a=1)),
    ]
    for use in uses:
        connection = store.transport.execute(b"CLIENT", b"ID")
        with pytest.raises(SessionUnavailable, match="another session id"):
            use()
        assert store.transport.execute(b"CLIENT", b"ID") != connection
    assert {record.levelno for record in caplog.records} == {logging.CRITICAL}
    assert mine.value not in caplog.text


def test_neither_monitor_nor_a_dump_shows_a_usable_id(server: Any, visitor: Any) -> None:
    import redis

    with redis.Redis(port=server.port) as watcher, watcher.monitor() as monitor:
        visitor.visit(lambda session: session.update(a=1))
        visitor.visit(lambda session: session.regenerate())
        visitor.visit(lambda session: session["a"])
        server.client.echo("that was all")
        seen = ""
        while "that was all" not in seen:
            seen += monitor.next_command()["command"]
    assert "HGETALL" in seen
    secret = visitor.cookie[3:46]
    assert all(secret[i : i + 12] not in seen for i in range(len(secret) - 11))


@pytest.mark.parametrize(
    ("setting", "value"),
    [("maxmemory", "1"), ("min-replicas-to-write", "1")],
    ids=["full", "no replicas"],
)
def test_a_server_that_refuses_writes_is_unavailable_and_still_read(
    own_server: Any, ids: SessionIds, setting: str, value: str
) -> None:
    store, session_id = make_store(own_server), ids.new()
    store.commit(session_id, sets(a=1), create=True)
    own_server.client.config_set(setting, value)
    before = store.load(session_id)
    assert before is not None
    deleting = Changes(deletes=(b"=a",), sets=sets(b=1).sets)
    for changes in (sets(a=2), deleting, Changes(increments={b"+n": 1})):
        with pytest.raises(SessionUnavailable):
            store.commit(session_id, changes)
    with pytest.raises(SessionUnavailable):
        store.rotate(session_id, ids.new(session_id.tag), sets(a=2))
    assert store.load(session_id) == before
    own_server.client.config_set(setting, "0")
    store.commit(session_id, sets(a=2))


def test_who_is_active_stays_logged_in_while_the_server_is_full(
    own_server: Any, ids: SessionIds
) -> None:
    store, session_id = make_store(own_server), ids.new()
    store.commit(session_id, sets(user="ada"), create=True)
    record = store.load(session_id)
    assert record is not None
    own_server.client.expire(session_id.key, 100)
    own_server.client.hset(session_id.key, "t", b"%d" % ((record.touched - 900) * 1000))
    own_server.client.config_set("maxmemory", "1")
    before = store.load(session_id)
    assert before is not None
    store.touch(session_id, before)
    assert own_server.client.ttl(session_id.key) > 900
    touched = store.load(session_id)
    assert touched is not None
    assert touched.touched >= record.touched


def test_a_demoted_primary_is_unavailable_and_its_connections_are_dropped(
    own_server: Any, ids: SessionIds
) -> None:
    store, session_id = make_store(own_server), ids.new()
    store.commit(session_id, sets(a=1), create=True)
    connection = store.transport.execute(b"CLIENT", b"ID")
    own_server.client.replicaof("127.0.0.1", "1")
    with pytest.raises(SessionUnavailable, match="read only replica"):
        store.commit(session_id, sets(a=2))
    assert store.transport.execute(b"CLIENT", b"ID") != connection
    own_server.client.replicaof("NO", "ONE")
    store.commit(session_id, sets(a=2))


@pytest.mark.parametrize("known", [-3600.0, 3600.0])
def test_what_is_known_of_another_clock_is_corrected_by_the_way(
    server: Any, store: RedisSessionStore, ids: SessionIds, known: float
) -> None:
    session_id = ids.new()
    store.commit(session_id, sets(a=1), create=True)

    def forget() -> None:
        """As after a failover: what is known of the clock is that of another server."""
        store._note_time((store._now(b"") + known) * 1000)

    def is_right() -> bool:
        return abs(store._now(b"") - float(server.client.time()[0])) < 60

    forget()
    record = store.load_exclusively(session_id, b"token", 10.0)
    assert record is not None
    assert is_right()
    forget()
    store.commit(session_id, sets(a=2))
    assert is_right()
    forget()
    server.client.expire(session_id.key, 10)
    store.touch(session_id, record)
    assert is_right()
    assert server.client.ttl(session_id.key) > 60


def test_a_clock_that_cannot_be_known_is_unavailable(
    store: RedisSessionStore, ids: SessionIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    store._note_time((store._now(b"") - 3600) * 1000)
    monkeypatch.setattr(store, "_note_time", lambda milliseconds: None)
    with pytest.raises(SessionUnavailable, match="clock"):
        store.commit(ids.new(), sets(a=1), create=True)


def test_the_node_of_a_cluster_that_has_the_session_is_asked_for_its_time(
    cluster: Any, ids: SessionIds
) -> None:
    session_id = ids.new()
    while (node := cluster.node_of(key_slot(session_id.key))) is cluster.node_of(0):
        session_id = ids.new()
    make_store(cluster).commit(session_id, sets(a=1), create=True)
    store = make_store(cluster)
    record = store.load(session_id)
    assert record is not None
    assert node.commands(lambda: store.touch(session_id, record)) == ["TIME"]


def test_the_clock_of_the_node_does_not_matter(
    server: Any, ids: SessionIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    for skew in (-60.0, 60.0):
        with monkeypatch.context() as patch:
            now = __import__("time").time
            patch.setattr("time.time", lambda now=now, skew=skew: now() + skew)
            store, session_id = make_store(server, idle_timeout=100.0), ids.new()
            store.commit(session_id, sets(a=1), create=True)
            record = store.load(session_id)
            assert record is not None
            commands = server.commands(
                lambda store=store, i=session_id, r=record: store.touch(i, r)
            )
            assert commands == []
            assert 60 < server.client.ttl(session_id.key) <= 100
