"""MemorySessionStore: what the contract cannot show without waiting, on a clock of its own."""

from __future__ import annotations

import time

import pytest

from framework.sessions import MemorySessionStore, SessionIds
from framework.sessions.changes import Changes


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> MemorySessionStore:
    return MemorySessionStore(idle_timeout=100, absolute_timeout=1000, clock=clock)


WRITE = Changes(sets={b"=a": b"\x01"})


def test_a_session_slides_until_its_absolute_timeout(
    store: MemorySessionStore, clock: Clock, ids: SessionIds
) -> None:
    session_id = ids.new()
    store.commit(session_id, WRITE, create=True)
    for _ in range(19):
        clock.now += 50
        record = store.load(session_id)
        assert record is not None
        store.touch(session_id, record)
    clock.now += 50
    assert store.load(session_id) is None


def test_an_unused_session_ends_and_cannot_be_ended_again(
    store: MemorySessionStore, clock: Clock, ids: SessionIds
) -> None:
    session_id = ids.new()
    store.commit(session_id, WRITE, create=True)
    clock.now += 101
    assert not store.end(session_id.key)
    assert store.load(session_id) is None


def test_a_replaced_id_is_known_as_such_for_ten_seconds(
    store: MemorySessionStore, clock: Clock, ids: SessionIds
) -> None:
    old_id = ids.new()
    store.commit(old_id, WRITE, create=True)
    store.rotate(old_id, ids.new(old_id.tag), Changes())
    clock.now += 9.9
    record = store.load(old_id)
    assert record is not None
    assert record.retired
    clock.now += 0.2
    assert store.load(old_id) is None


def test_a_users_list_forgets_sessions_at_their_deadline(
    store: MemorySessionStore, clock: Clock, ids: SessionIds
) -> None:
    (user,) = ids.user_keys("ada")
    first, second = ids.new(), ids.new()
    store.users.join(user, first, time.monotonic())
    clock.now += 1001
    store.users.join(user, second, time.monotonic())
    assert store.users.log_out(user).names == [second.key]
