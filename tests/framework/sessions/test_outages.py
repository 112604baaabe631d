"""Sessions while Redis is hung, killed, cut off, demoted, full, loading or moving its keys.

What the transport does about it is tested beside it; here it is what becomes of sessions.
"""

from __future__ import annotations

import time
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
from framework.sessions.store import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework.sessions import SessionId

pytestmark = pytest.mark.integration

SECRET = "only for these tests"


def make_store(url: str, timeout: float = 20.0) -> RedisSessionStore:
    """A patient store; those of the tests that wait in vain are not."""
    transport = RedisTransport(url, timeout=timeout)
    return RedisSessionStore(transport, idle_timeout=1000, absolute_timeout=10_000)


def sets(**values: Any) -> Changes:
    return Changes(sets={f"={key}".encode(): codec.encode(key, v) for key, v in values.items()})


def is_served(action: Callable[[], Any]) -> bool:
    """Whether ``action`` was carried out and not answered with 503."""
    try:
        action()
    except SessionUnavailable:
        return False
    return True


def test_a_reply_lost_after_the_commit_is_counted_once(
    server: Any, proxy: Any, ids: SessionIds
) -> None:
    store = make_store(f"redis://127.0.0.1:{proxy.port}")
    session_id = ids.new()
    new_id = ids.new(session_id.tag)
    steps: list[Callable[[], object]] = [
        lambda: store.commit(session_id, Changes(increments={b"+n": 1}), create=True),
        lambda: store.commit(session_id, Changes(increments={b"+n": 1})),
        lambda: store.load(session_id),
        lambda: store.rotate(session_id, new_id, Changes(increments={b"+n": 1})),
        lambda: store.commit(new_id, Changes(increments={b"+n": 1})),
    ]
    # The server knows the script now, so the reply that is lost is that of a commit.
    store.commit(ids.new(), sets(warm=1), create=True)
    for step in steps:
        proxy.lose_next_reply = True
        step()
        assert not proxy.lose_next_reply
    assert server.client.hget(new_id.key, "+n") == b"4"
    proxy.lose_next_reply = True
    store.delete(new_id)
    assert store.load(new_id) is None


def test_a_server_that_hangs_for_a_moment_logs_nobody_out(
    own_server: Any, ids: SessionIds, wait_until: Callable[..., None]
) -> None:
    patient, store, session_id = (
        make_store(own_server.url),
        make_store(own_server.url, 0.1),
        ids.new(),
    )
    patient.commit(session_id, sets(user="ada"), create=True)
    own_server.pause()
    assert not any(is_served(lambda: store.load(session_id)) for _ in range(30))
    own_server.resume()
    wait_until(lambda: is_served(lambda: store.load(session_id)))
    record = patient.load(session_id)
    assert record is not None
    assert codec.decode(record.fields[b"=user"]) == "ada"


def test_a_server_that_hangs_in_mid_commit_counts_it_once(
    own_server: Any, ids: SessionIds, wait_until: Callable[..., None]
) -> None:
    store, session_id = make_store(own_server.url, 0.2), ids.new()
    make_store(own_server.url).commit(session_id, sets(user="ada"), create=True)
    wait_until(lambda: is_served(lambda: store.load(session_id)))
    changes = Changes(increments={b"+n": 1})
    own_server.pause()
    assert not is_served(lambda: store.commit(session_id, changes))
    own_server.resume()
    wait_until(lambda: is_served(lambda: store.commit(session_id, changes)))
    assert own_server.client.hget(session_id.key, "+n") == b"1"


GIVEN_UP: dict[str, Callable[[RedisSessionStore, SessionId, SessionId], object]] = {
    "commit": lambda store, old, new: store.commit(old, sets(user="mallory")),
    "begin": lambda store, old, new: store.commit(new, sets(user="mallory"), create=True),
    "regenerate": lambda store, old, new: store.rotate(old, new, Changes()),
    "migrate": lambda store, old, new: store.adopt(new, sets(user="mallory").sets, None),
    "lock": lambda store, old, new: store.load_exclusively(old, b"token", 60.0),
}


@pytest.mark.parametrize("write", GIVEN_UP.values(), ids=list(GIVEN_UP))
def test_a_write_that_was_given_up_is_not_made_when_the_server_goes_on(
    own_server: Any,
    ids: SessionIds,
    wait_until: Callable[..., None],
    write: Callable[[RedisSessionStore, SessionId, SessionId], object],
) -> None:
    session_id = ids.new()
    new_id = ids.new(session_id.tag)
    patient, store = make_store(own_server.url), make_store(own_server.url, 0.2)
    # The server knows the script by now, so that what hangs is the write itself.
    other = ids.new()
    patient.commit(other, sets(user="eve"), create=True)
    write(patient, other, ids.new(other.tag))
    patient.commit(session_id, sets(user="ada"), create=True)
    wait_until(lambda: is_served(lambda: store.touch(session_id, Record({}))))
    before = own_server.client.hgetall(session_id.key)
    own_server.pause()
    assert not is_served(lambda: write(store, session_id, new_id))
    time.sleep(0.4)
    own_server.resume()
    wait_until(lambda: is_served(lambda: store.load(session_id)))
    assert own_server.client.hgetall(session_id.key) == before
    assert not own_server.client.exists(new_id.key)


def test_a_server_paused_for_writes_is_still_read(
    own_server: Any, ids: SessionIds, wait_until: Callable[..., None]
) -> None:
    patient, session_id = make_store(own_server.url), ids.new()
    patient.commit(session_id, sets(user="ada"), create=True)
    own_server.client.client_pause(60_000, all=False)
    hasty = make_store(own_server.url, 0.2)
    assert not is_served(lambda: hasty.commit(session_id, sets(a=1)))
    assert is_served(lambda: patient.load(session_id))
    own_server.client.client_unpause()
    wait_until(lambda: is_served(lambda: hasty.commit(session_id, sets(a=1))))


def test_all_sessions_are_there_after_a_restart(
    own_server: Any, ids: SessionIds, wait_until: Callable[..., None]
) -> None:
    store = make_store(own_server.url)
    session_ids = [ids.new() for _ in range(8)]
    for session_id in session_ids:
        store.commit(session_id, sets(user="ada"), create=True)
    own_server.kill()
    assert not any(is_served(lambda: store.load(session_ids[0])) for _ in range(20))
    own_server.start()
    wait_until(lambda: is_served(lambda: store.load(session_ids[0])))
    assert all(store.load(session_id) for session_id in session_ids)


def test_one_request_waits_for_a_hung_server_once(own_server: Any, make_visitor_of: Any) -> None:
    interface = ServerSideSessionInterface(
        make_store(own_server.url, 60.0),
        SessionIds([SECRET]),
        SessionCookie("session", secure=False, max_age=1000),
        time_budget=0.3,
    )
    visitor = make_visitor_of(interface)
    # The limit for one command is long enough here for a busy machine; the request's is not.
    interface.time_budget = 60.0
    visitor.visit(lambda session: session.update(a=1))
    in_flight = visitor.start()
    in_flight.session["a"] = 2
    in_flight.session.budget.left = 0.3
    own_server.pause()
    with pytest.raises(SessionUnavailable, match="Timeout"):
        in_flight.finish()
    with pytest.raises(SessionUnavailable, match="waited long enough"):
        in_flight.finish()


def test_a_session_survives_the_end_of_its_primary(
    replicated: Any, ids: SessionIds, wait_until: Callable[..., None]
) -> None:
    store, session_id = make_store(replicated.url, 0.5), ids.new()
    make_store(replicated.url).commit(session_id, sets(a=1), create=True)
    replicated.primary.client.wait(1, 10_000)
    replicated.watch_closely()
    replicated.primary.kill()
    changes = Changes(increments={b"+n": 1})
    wait_until(lambda: is_served(lambda: store.commit(session_id, changes)), within=60.0)
    record = make_store(replicated.url).load(session_id)
    assert record is not None
    assert (record.fields[b"=a"], record.fields[b"+n"]) == (codec.encode("a", 1), b"1")


def test_a_session_is_read_and_written_while_its_slot_moves(cluster: Any, ids: SessionIds) -> None:
    store, session_id = make_store(cluster.url), ids.new()
    slot = key_slot(session_id.key)
    store.commit(session_id, Changes(increments={b"+n": 1}), create=True)
    source, target = cluster.begin_move(slot)
    store.commit(session_id, Changes(increments={b"+n": 1}))
    cluster.move_keys(slot, source, target)
    # Gone from the one, and the other is asked only for what the one sends there.
    store.commit(session_id, Changes(increments={b"+n": 1}))
    assert store.load(session_id) is not None
    cluster.end_move(slot, target)
    store.commit(session_id, Changes(increments={b"+n": 1}))
    assert target.client.hget(session_id.key, "+n") == b"4"
    new_id = ids.new(session_id.tag)
    store.rotate(session_id, new_id, Changes(increments={b"+n": 1}))
    assert target.client.hget(new_id.key, "+n") == b"5"


def test_a_regeneration_in_mid_move_changes_nothing_or_all(cluster: Any, ids: SessionIds) -> None:
    hasty, patient, session_id = make_store(cluster.url, 0.5), make_store(cluster.url), ids.new()
    slot, new_id = key_slot(session_id.key), ids.new(session_id.tag)
    patient.commit(session_id, sets(a=1), create=True)
    source, target = cluster.begin_move(slot)
    # The record is on the one side and its new name would be on the other.
    assert not is_served(lambda: hasty.rotate(session_id, new_id, sets(b=1)))
    cluster.move_keys(slot, source, target)
    cluster.end_move(slot, target)
    assert patient.load(new_id) is None
    patient.rotate(session_id, new_id, sets(b=1))
    record = patient.load(new_id)
    assert record is not None
    assert record.fields[b"=b"] == codec.encode("b", 1)
