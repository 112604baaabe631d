"""Session ids: signed, checked without the store, and worth nothing in a dump."""

from __future__ import annotations

import pytest

from framework.sessions import SessionIds


def test_a_new_id_verifies_and_names_the_same_record() -> None:
    ids = SessionIds(["k"])
    session_id = ids.new()
    assert ids.verify(session_id.value) == session_id
    assert len(session_id.value) == 57


def test_ids_are_never_the_same() -> None:
    ids = SessionIds(["k"])
    made = [ids.new() for _ in range(1000)]
    assert len({session_id.value for session_id in made}) == 1000
    assert len({session_id.key for session_id in made}) == 1000


@pytest.mark.parametrize("position", range(57))
def test_an_id_with_any_character_changed_is_refused(position: int) -> None:
    ids = SessionIds(["k"])
    value = ids.new().value
    other = "A" if value[position] != "A" else "B"
    assert ids.verify(value[:position] + other + value[position + 1 :]) is None


@pytest.mark.parametrize(
    "value", ["", "x", "x" * 56, "x" * 57, "x" * 58, "ü" * 57, "x" * 4096, "\x00" * 57, "=" * 57]
)
def test_what_was_never_an_id_is_refused(value: str) -> None:
    assert SessionIds(["k"]).verify(value) is None


@pytest.mark.parametrize("end", range(57))
def test_a_truncated_id_is_refused(end: int) -> None:
    ids = SessionIds(["k"])
    assert ids.verify(ids.new().value[:end]) is None


def test_an_id_signed_by_a_former_key_names_the_record_it_always_named() -> None:
    before = SessionIds(["old"]).new()
    after = SessionIds(["new", "old"])
    assert after.verify(before.value) == before
    assert SessionIds(["new"]).verify(before.value) is None
    assert SessionIds(["new"]).verify(after.new().value) is not None


def test_neither_the_records_name_nor_the_repr_holds_a_part_of_the_secret() -> None:
    session_id = SessionIds(["k"]).new()
    secret = session_id.value[3:]
    assert secret[:8] not in session_id.key.decode() + session_id.check.decode()
    assert session_id.value not in repr(session_id)
    assert secret[:8] not in repr(session_id)


def test_a_regenerated_id_stays_in_the_cluster_slot_of_the_old_one() -> None:
    ids = SessionIds(["k"])
    old = ids.new()
    new = ids.new(old.tag)
    assert new.value[3:] != old.value[3:]
    tag = old.key[: old.key.index(b"}") + 1]
    assert tag == b"s:{%s}" % old.tag.encode()
    assert new.key.startswith(tag)


def test_an_id_that_is_derived_is_one_of_ours_and_always_the_same() -> None:
    ids = SessionIds(["new", "old"])
    derived = ids.derive("an id from elsewhere")
    assert ids.verify(derived.value) == derived
    assert ids.derive("an id from elsewhere") == derived
    assert ids.derive("another id") != derived
    assert SessionIds(["other"]).derive("an id from elsewhere") != derived
