"""The contract every session store keeps; run on each of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from framework.sessions import (
    LoginRefused,
    SessionBusy,
    SessionConflict,
    SessionGone,
    SessionIds,
    SessionTooLarge,
    codec,
)
from framework.sessions.changes import Changes

MakeStore = Callable[..., Any]


def sets(**values: Any) -> Changes:
    return Changes(sets={f"={key}".encode(): codec.encode(key, v) for key, v in values.items()})


def incr(by: int = 1) -> Changes:
    return Changes(increments={b"+n": by})


def values(store: Any, session_id: Any) -> dict[str, Any]:
    record = store.load(session_id)
    assert record is not None
    return {
        name[1:].decode(): int(data) if name[:1] == b"+" else codec.decode(data)
        for name, data in record.fields.items()
        if name[:1] in b"=+"
    }


def test_an_unknown_id_is_nothing_and_never_adopted(make_store: MakeStore, ids: SessionIds) -> None:
    store, unknown = make_store(), ids.new()
    assert store.load(unknown) is None
    with pytest.raises(SessionGone):
        store.commit(unknown, sets(a=1))
    with pytest.raises(SessionGone):
        store.rotate(unknown, ids.new(unknown.tag), sets(a=1))
    assert store.load(unknown) is None
    store.delete(unknown)


def test_what_is_created_is_loaded(make_store: MakeStore, ids: SessionIds) -> None:
    store, session_id = make_store(), ids.new()
    store.commit(session_id, sets(a=[1], b={"x": ()}), create=True)
    store.commit(session_id, incr(3))
    assert values(store, session_id) == {"a": [1], "b": {"x": ()}, "n": 3}


def test_a_session_is_created_once(make_store: MakeStore, ids: SessionIds) -> None:
    store, session_id = make_store(), ids.new()
    store.commit(session_id, sets(a=1), create=True)
    with pytest.raises(SessionGone):
        store.commit(session_id, sets(a=2), create=True)
    assert values(store, session_id) == {"a": 1}


def test_fifty_writers_of_different_keys_all_succeed(
    make_store: MakeStore, ids: SessionIds, at_once: Callable[[list[Any]], list[Any]]
) -> None:
    store, session_id = make_store(), ids.new()
    store.commit(session_id, sets(start=True), create=True)

    def writer(index: int) -> Callable[[], None]:
        return lambda: store.commit(session_id, sets(**{f"key{index}": index + 0.5}))

    assert at_once([writer(index) for index in range(50)]) == [None] * 50
    assert len(values(store, session_id)) == 51


def test_of_fifty_guarded_writers_of_one_key_one_succeeds(
    make_store: MakeStore, ids: SessionIds, at_once: Callable[[list[Any]], list[Any]]
) -> None:
    store, session_id = make_store(), ids.new()
    store.commit(session_id, sets(cart="read by all"), create=True)
    guards = {b"=cart": codec.encode("cart", "read by all")}

    def writer(index: int) -> Callable[[], None]:
        changes = Changes(guards=guards, sets=sets(cart=index, other=index).sets)
        return lambda: store.commit(session_id, changes)

    results = at_once([writer(index) for index in range(50)])
    assert results.count(None) == 1
    losers = [error for error in results if error]
    assert {(type(error), error.key) for error in losers} == {(SessionConflict, "cart")}
    assert set(values(store, session_id).values()) == {results.index(None)}


def test_fifty_increments_are_all_counted(
    make_store: MakeStore, ids: SessionIds, at_once: Callable[[list[Any]], list[Any]]
) -> None:
    store, session_id = make_store(), ids.new()
    store.commit(session_id, sets(start=True), create=True)
    assert at_once([lambda: store.commit(session_id, incr(2))] * 50) == [None] * 50
    assert values(store, session_id)["n"] == 100


def test_a_guard_can_demand_that_a_field_is_missing(make_store: MakeStore, ids: SessionIds) -> None:
    store, session_id = make_store(), ids.new()
    store.commit(session_id, sets(a=1), create=True)
    first = Changes(guards={b"=cart": b"", b"+cart": b""}, sets=sets(cart="mine").sets)
    store.commit(session_id, first)
    again = Changes(guards={b"=cart": b"", b"+cart": b""}, sets=sets(cart="theirs").sets)
    with pytest.raises(SessionConflict):
        store.commit(session_id, again)
    assert values(store, session_id)["cart"] == "mine"


def test_the_same_changes_sent_again_are_applied_once(
    make_store: MakeStore, ids: SessionIds
) -> None:
    store, session_id = make_store(), ids.new()
    created, counted = sets(a=1), incr()
    for _ in range(2):
        store.commit(session_id, created, create=True)
    store.commit(session_id, counted)
    for _ in range(7):
        store.commit(session_id, incr())
    store.commit(session_id, counted)
    assert values(store, session_id) == {"a": 1, "n": 8}


def test_a_refused_commit_changes_nothing_at_all(make_store: MakeStore, ids: SessionIds) -> None:
    store, session_id = make_store(), ids.new()
    store.commit(session_id, sets(a=1, b=2), create=True)
    before = store.load(session_id)
    refused = Changes(
        guards={b"=a": b"something else"},
        sets=sets(c=3).sets,
        deletes=(b"=b",),
        increments={b"+n": 1},
    )
    with pytest.raises(SessionConflict):
        store.commit(session_id, refused)
    assert store.load(session_id) == before


def test_a_key_is_stored_in_one_form(make_store: MakeStore, ids: SessionIds) -> None:
    store, session_id = make_store(), ids.new()
    store.commit(session_id, incr(), create=True)
    store.commit(session_id, sets(n="text"))
    assert values(store, session_id) == {"n": "text"}
    with pytest.raises(SessionConflict) as conflict:
        store.commit(session_id, incr())
    assert conflict.value.key == "n"
    store.commit(session_id, Changes(sets={b"+n": b"7"}))
    assert values(store, session_id) == {"n": 7}
    with pytest.raises(SessionConflict):
        store.commit(session_id, incr(2**53))
    store.commit(session_id, Changes(deletes=(b"=n", b"+n")))
    assert values(store, session_id) == {}


def test_a_deleted_field_can_be_set_in_the_same_commit(
    make_store: MakeStore, ids: SessionIds
) -> None:
    store, session_id = make_store(), ids.new()
    store.commit(session_id, sets(a=1), create=True)
    store.commit(session_id, Changes(deletes=(b"=a", b"+a"), sets=sets(a=2).sets))
    assert values(store, session_id) == {"a": 2}


def test_a_session_is_bounded_in_keys_and_bytes(make_store: MakeStore, ids: SessionIds) -> None:
    store, session_id = make_store(), ids.new()
    store.commit(session_id, sets(**{f"k{i}": "v" for i in range(128)}), create=True)
    with pytest.raises(SessionTooLarge, match="129 keys"):
        store.commit(session_id, sets(one_more=1))
    with pytest.raises(SessionTooLarge, match="65536 bytes"):
        store.commit(session_id, sets(**{f"k{i}": "v" * 13_100 for i in range(5)}))
    assert len(values(store, session_id)) == 128
    store.commit(session_id, Changes(deletes=(b"=k0",), sets=sets(one_more=1).sets))
    assert len(values(store, session_id)) == 128


def test_nothing_brings_a_deleted_session_back(make_store: MakeStore, ids: SessionIds) -> None:
    store, session_id = make_store(), ids.new()
    store.commit(session_id, sets(a=1), create=True)
    record = store.load(session_id)
    store.delete(session_id)
    for changes in (sets(a=2), incr(), Changes(deletes=(b"=a",))):
        with pytest.raises(SessionGone):
            store.commit(session_id, changes)
    with pytest.raises(SessionGone):
        store.rotate(session_id, ids.new(session_id.tag), sets(a=2))
    store.touch(session_id, record)
    store.delete(session_id)
    assert store.load(session_id) is None


def test_a_rotated_session_lives_under_its_new_id_alone(
    make_store: MakeStore, ids: SessionIds
) -> None:
    store, old_id = make_store(), ids.new()
    new_id = ids.new(old_id.tag)
    store.commit(old_id, sets(cart=[1]), create=True)
    store.rotate(old_id, new_id, sets(user="ada"))
    assert values(store, new_id) == {"cart": [1], "user": "ada"}
    retired = store.load(old_id)
    assert (retired.retired, retired.fields) == (True, {})
    for changes in (sets(a=2), incr()):
        with pytest.raises(SessionGone):
            store.commit(old_id, changes)
    with pytest.raises(SessionGone):
        store.rotate(old_id, ids.new(old_id.tag), sets(a=2))
    with pytest.raises(SessionGone):
        store.delete(old_id)
    store.touch(old_id, retired)
    assert store.load(old_id).retired
    assert values(store, new_id) == {"cart": [1], "user": "ada"}


def test_a_rotation_sent_again_is_done_once(make_store: MakeStore, ids: SessionIds) -> None:
    store, old_id = make_store(), ids.new()
    new_id, changes = ids.new(old_id.tag), incr()
    store.commit(old_id, sets(a=1), create=True)
    store.rotate(old_id, new_id, changes)
    store.rotate(old_id, new_id, changes)
    assert values(store, new_id) == {"a": 1, "n": 1}


def test_a_commit_sent_again_after_a_rotation_is_done_once(
    make_store: MakeStore, ids: SessionIds
) -> None:
    store, old_id, counted = make_store(), ids.new(), incr()
    new_id = ids.new(old_id.tag)
    store.commit(old_id, sets(a=1), create=True)
    store.commit(old_id, counted)
    store.rotate(old_id, new_id, sets(a=2))
    store.commit(old_id, counted)
    assert values(store, new_id) == {"a": 2, "n": 1}


def test_a_refused_rotation_leaves_the_old_id_in_place(
    make_store: MakeStore, ids: SessionIds
) -> None:
    store, old_id = make_store(), ids.new()
    new_id = ids.new(old_id.tag)
    store.commit(old_id, sets(a=1), create=True)
    with pytest.raises(SessionConflict):
        store.rotate(old_id, new_id, Changes(guards={b"=a": b"other"}, sets=sets(b=1).sets))
    assert values(store, old_id) == {"a": 1}
    assert store.load(new_id) is None


def test_an_unused_session_ends_after_its_idle_timeout(
    make_store: MakeStore, ids: SessionIds, wait_until: Callable[..., None]
) -> None:
    store, session_id = make_store(idle_timeout=0.2), ids.new()
    store.commit(session_id, sets(a=1), create=True)
    wait_until(lambda: store.load(session_id) is None)
    with pytest.raises(SessionGone):
        store.commit(session_id, sets(a=2))


def test_no_activity_carries_a_session_past_its_absolute_timeout(
    make_store: MakeStore, ids: SessionIds
) -> None:
    store, session_id = make_store(idle_timeout=30.0, absolute_timeout=1.0), ids.new()
    begun = time.monotonic()
    store.commit(session_id, sets(a=1), create=True)

    def busy() -> None:
        while time.monotonic() - begun < 30:
            store.commit(session_id, incr())
            time.sleep(0.05)

    with pytest.raises(SessionGone):
        busy()
    assert time.monotonic() - begun > 0.9


def test_reading_keeps_a_session_alive(make_store: MakeStore, ids: SessionIds) -> None:
    store = make_store(idle_timeout=2.0)
    for _ in range(5):
        if longest_pause_while_reading(store, ids.new(), seconds=2.6) < 1.5:
            return
    pytest.fail("the session ended, or this machine paused five times")


def longest_pause_while_reading(store: Any, session_id: Any, *, seconds: float) -> float:
    """Read a session again and again; infinite if it ended though it was read often enough."""
    store.commit(session_id, sets(a=1), create=True)
    begun = last = time.monotonic()
    longest = 0.0
    while last - begun < seconds:
        record = store.load(session_id)
        if record is None:
            return max(longest, time.monotonic() - last, 1.5)
        store.touch(session_id, record)
        time.sleep(0.05)
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    return longest


def test_a_touch_before_a_tenth_of_the_idle_timeout_does_nothing(
    make_store: MakeStore, ids: SessionIds
) -> None:
    store, session_id = make_store(idle_timeout=1000.0), ids.new()
    store.commit(session_id, sets(a=1), create=True)
    before = store.load(session_id)
    time.sleep(0.01)
    store.touch(session_id, before)
    assert store.load(session_id).touched == before.touched


def test_a_sign_of_life_and_a_close_are_harmless(make_store: MakeStore, ids: SessionIds) -> None:
    store, session_id = make_store(), ids.new()
    store.check()
    store.commit(session_id, sets(a=1), create=True)
    store.close()
    assert values(store, session_id) == {"a": 1}


def test_a_session_belongs_to_one_request_at_a_time(make_store: MakeStore, ids: SessionIds) -> None:
    store, session_id = make_store(), ids.new()
    assert store.load_exclusively(session_id, b"one", 100.0) is None
    store.commit(session_id, sets(a=1), create=True)
    loaded = store.load_exclusively(session_id, b"one", 100.0)
    assert loaded.fields.items() <= store.load(session_id).fields.items()
    # Asked again, for its first reply was lost.
    assert store.load_exclusively(session_id, b"one", 100.0) is not None
    with pytest.raises(SessionBusy):
        store.load_exclusively(session_id, b"two", 100.0)
    assert values(store, session_id) == {"a": 1}
    store.commit(session_id, sets(b=2))
    with pytest.raises(SessionBusy):
        store.load_exclusively(session_id, b"two", 100.0)
    store.unlock(session_id, b"two")
    with pytest.raises(SessionBusy):
        store.load_exclusively(session_id, b"two", 100.0)
    store.unlock(session_id, b"one")
    assert store.load_exclusively(session_id, b"two", 100.0) is not None
    assert values(store, session_id) == {"a": 1, "b": 2}


def test_a_commit_gives_a_session_back(make_store: MakeStore, ids: SessionIds) -> None:
    store, session_id = make_store(), ids.new()
    store.commit(session_id, sets(a=1), create=True)
    store.load_exclusively(session_id, b"one", 100.0)
    changes = Changes(sets=sets(a=2).sets, lock=b"one")
    store.commit(session_id, changes)
    store.commit(session_id, changes)
    store.load_exclusively(session_id, b"two", 100.0)
    new_id = ids.new(session_id.tag)
    store.rotate(session_id, new_id, Changes(sets=sets(a=3).sets, lock=b"two"))
    assert store.load_exclusively(new_id, b"three", 100.0) is not None
    assert values(store, new_id) == {"a": 3}


def test_a_session_under_a_new_id_is_free_whoever_had_the_old_one(
    make_store: MakeStore, ids: SessionIds
) -> None:
    store, session_id = make_store(), ids.new()
    new_id = ids.new(session_id.tag)
    store.commit(session_id, sets(a=1), create=True)
    store.load_exclusively(session_id, b"one", 100.0)
    store.rotate(session_id, new_id, sets(a=2))
    assert store.load_exclusively(session_id, b"two", 100.0).retired
    store.unlock(session_id, b"one")
    assert store.load_exclusively(new_id, b"three", 100.0) is not None


def test_a_lease_ends_and_its_holder_can_write_no_more(
    make_store: MakeStore, ids: SessionIds, wait_until: Callable[..., None]
) -> None:
    store, session_id = make_store(), ids.new()
    store.commit(session_id, sets(a=1), create=True)
    store.load_exclusively(session_id, b"one", 0.2)

    def taken_over() -> bool:
        try:
            return store.load_exclusively(session_id, b"two", 100.0) is not None
        except SessionBusy:
            return False

    wait_until(taken_over)
    late = Changes(sets=sets(late=True).sets, lock=b"one")
    with pytest.raises(SessionConflict) as conflict:
        store.commit(session_id, late)
    assert conflict.value.key is None
    store.commit(session_id, Changes(sets=sets(a=2).sets, lock=b"two"))
    with pytest.raises(SessionConflict):
        store.commit(session_id, late)
    assert values(store, session_id) == {"a": 2}


def test_who_holds_a_session_and_whose_it_is_count_as_no_data(
    make_store: MakeStore, ids: SessionIds
) -> None:
    store, session_id = make_store(), ids.new()
    full = sets(**{f"k{i}": "v" for i in range(128)})
    store.commit(session_id, Changes(sets={**full.sets, b"u": b"\xa3ada"}), create=True)
    store.load_exclusively(session_id, b"one", 100.0)
    store.commit(session_id, sets(k0="other"))
    with pytest.raises(SessionTooLarge, match="129 keys"):
        store.commit(session_id, sets(one_more=1))
    assert store.load(session_id).fields[b"u"] == b"\xa3ada"


def test_a_session_can_be_ended_by_the_name_of_its_record(
    make_store: MakeStore, ids: SessionIds
) -> None:
    store, session_id = make_store(), ids.new()
    new_id = ids.new(session_id.tag)
    store.commit(session_id, sets(a=1), create=True)
    store.rotate(session_id, new_id, sets(a=2))
    assert not store.end(session_id.key)
    assert store.load(session_id).retired
    assert store.end(new_id.key)
    assert not store.end(new_id.key)
    assert store.load(new_id) is None


def test_a_user_has_a_list_of_sessions(make_store: MakeStore, ids: SessionIds) -> None:
    users, user = make_store().users, ids.user_keys(ids.new().value)[0]
    one, two, three = (ids.new() for _ in range(3))
    assert users.log_out(user).names == []
    for session_id in (one, two, three, one):
        assert join_again(users, user, session_id).surplus == ()
    users.leave(user, [two.key])
    assert sorted(users.log_out(user).names) == sorted([one.key, three.key])
    users.leave(user, [one.key, three.key])
    assert users.log_out(user).names == []


def join_again(users: Any, user: bytes, session_id: Any) -> Any:
    """List a session of a user who may have been logged out everywhere just now."""
    for _ in range(100):
        with suppress(LoginRefused):
            return users.join(user, session_id, time.monotonic())
        time.sleep(0.05)
    raise AssertionError("refused again and again")


def test_a_login_that_began_before_the_user_was_logged_out_is_refused(
    make_store: MakeStore, ids: SessionIds
) -> None:
    users, user = make_store().users, ids.user_keys(ids.new().value)[0]
    opened = time.monotonic()
    before = users.join(user, ids.new(), opened)
    users.confirm(user, before.begun)
    first = users.log_out(user)
    assert (first.before, first.at > before.begun) == (0, True)
    with pytest.raises(LoginRefused):
        users.confirm(user, before.begun)
    with pytest.raises(LoginRefused):
        users.join(user, ids.new(), opened)
    after = join_again(users, user, ids.new())
    users.confirm(user, after.begun)
    second = users.log_out(user)
    assert second.before == first.at
    assert len(second.names) == 2


def test_a_user_with_too_many_sessions_loses_the_one_that_would_end_next(
    make_store: MakeStore, ids: SessionIds
) -> None:
    users, user = make_store().users, ids.user_keys(ids.new().value)[0]
    made = [ids.new() for _ in range(101)]
    surplus = []
    for session_id in made:
        surplus += users.join(user, session_id, time.monotonic()).surplus
        time.sleep(0.002)  # Deadlines are kept in milliseconds.
    assert surplus == [made[0].key]
    users.leave(user, surplus)
    assert len(users.log_out(user).names) == 100
