"""SessionValues: what was read and written, and the changes it turns into."""

from __future__ import annotations

from typing import Any

import pytest

from framework.sessions import Session, SessionTooLarge, SessionUnavailable, codec
from framework.sessions.changes import apply_changes


def stored(**values: Any) -> Session:
    """A session that was stored with ``values``."""
    session = Session(codec)
    session.update(values)
    return reloaded(session)


def reloaded(session: Session) -> Session:
    """The session as the next request finds it."""
    fields = apply_changes(session._fields, session.changes())
    return Session(codec, fields, session_id="id")


def test_it_is_a_mapping() -> None:
    session = stored(a=1, b=[2], c=None)
    assert dict(session) == {"a": 1, "b": [2], "c": None}
    assert (len(session), sorted(session)) == (3, ["a", "b", "c"])
    assert "a" in session
    assert "x" not in session
    assert session.pop("a") == 1
    assert session.setdefault("a", 5) == 5
    session.clear()
    assert dict(session) == {}
    with pytest.raises(KeyError):
        session["a"]
    with pytest.raises(KeyError):
        del session["a"]


def test_only_what_is_looked_at_is_decoded() -> None:
    session = Session(codec, {b"=a": codec.encode("a", "x"), b"=b": b"\xc1"})
    assert session["a"] == "x"
    with pytest.raises(SessionUnavailable, match="cannot be read"):
        session["b"]


def test_a_value_that_was_read_is_guarded_when_it_is_written() -> None:
    session = stored(cart=["a"])
    session["cart"] = [*session["cart"], "b"]
    changes = session.changes()
    assert changes.guards == {b"=cart": codec.encode("cart", ["a"])}
    assert changes.sets == {b"=cart": codec.encode("cart", ["a", "b"])}


def test_a_value_that_was_only_written_is_not_guarded() -> None:
    session = stored(cart=["a"])
    session["cart"] = ["b"]
    assert session["cart"] == ["b"]
    assert session.changes().guards == {}


def test_a_key_that_was_looked_for_in_vain_is_guarded_in_both_forms() -> None:
    session = stored()
    session.setdefault("cart", {})["3"] = 1
    assert session.changes().guards == {b"=cart": b"", b"+cart": b""}


def test_a_change_inside_a_value_is_found() -> None:
    session = stored(cart={"items": [{"id": 1, "tags": {"x"}}]}, other=[1])
    session["cart"]["items"][0]["tags"].add("y")
    assert len(session["other"]) == 1
    changes = session.changes()
    assert list(changes.sets) == list(changes.guards) == [b"=cart"]
    assert reloaded(session)["cart"]["items"][0]["tags"] == {"x", "y"}


def test_a_value_changed_after_it_was_set_is_saved_as_it_is_at_the_end() -> None:
    session = Session(codec)
    cart = session["cart"] = {}
    cart["3"] = 1
    assert reloaded(session)["cart"] == {"3": 1}


def test_setting_what_is_stored_already_writes_nothing() -> None:
    session = stored(a=[1], n=1)
    session["a"], session["n"] = [1], 1
    assert not session.modified


def test_a_key_changes_between_number_and_value() -> None:
    session = stored(n=1)
    session["n"] = "one"
    session = reloaded(session)
    assert session["n"] == "one"
    session["n"] = 2
    assert dict(reloaded(session)) == {"n": 2}


def test_numbers_too_large_to_count_are_kept_exactly() -> None:
    session = stored(n=2**53 + 1, flag=True)
    assert session["n"] == 2**53 + 1
    assert session["flag"] is True
    with pytest.raises(TypeError, match="cannot be counted up"):
        session.incr("n")
    with pytest.raises(TypeError, match="cannot be counted up"):
        session.incr("flag")


def test_deleting_is_guarded_only_after_reading() -> None:
    session = stored(a="x", b="y")
    del session["a"]
    session.pop("b")
    changes = session.changes()
    assert set(changes.deletes) >= {b"=a", b"=b"}
    assert list(changes.guards) == [b"=b"]
    assert "a" not in session
    session["a"] = "x"
    assert b"=a" not in session.changes().deletes
    session["only here"] = 1
    del session["only here"]
    assert b"+only here" not in session.changes().deletes


def test_incr_adds_and_never_guards() -> None:
    session = stored(n=5)
    assert session["n"] == 5
    assert (session.incr("n"), session.incr("n", 10), session.incr("new", -1)) == (6, 16, -1)
    assert (session["n"], dict(session)) == (16, {"n": 16, "new": -1})
    changes = session.changes()
    assert changes.increments == {b"+n": 11, b"+new": -1}
    assert not changes.guards
    assert not changes.sets


def test_a_number_set_after_counting_is_the_number() -> None:
    session = stored(n=5)
    session.incr("n")
    session["n"] = session["n"] * 10
    changes = session.changes()
    assert (changes.sets, changes.increments) == ({b"+n": b"60"}, {})
    assert changes.guards == {b"+n": b"5"}


def test_counting_after_setting_or_deleting_starts_from_there() -> None:
    session = stored(n=5, m=5)
    session["n"] = 1
    del session["m"]
    assert (session.incr("n"), session.incr("m")) == (2, 1)
    assert dict(reloaded(session)) == {"n": 2, "m": 1}


def test_counting_what_is_no_number_or_by_no_number_is_a_type_error() -> None:
    session = stored(name="x")
    with pytest.raises(TypeError, match=r"session\['name'\] is 'x'"):
        session.incr("name")
    with pytest.raises(TypeError, match=r"adds whole numbers, not 0\.5"):
        session.incr("n", 0.5)  # type: ignore[arg-type]
    with pytest.raises(OverflowError, match="2"):
        session.incr("n", 2**53 + 1)


@pytest.mark.parametrize("key", [1, None, ("a",), b"a"])
def test_keys_are_text(key: Any) -> None:
    with pytest.raises(TypeError, match="session keys are str"):
        Session(codec)[key] = 1
    with pytest.raises(TypeError, match="session keys are str"):
        Session(codec).get(key)
    assert key not in Session(codec)


def test_a_key_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(TypeError, match="not valid Unicode"):
        Session(codec)["\ud800"] = 1


def test_a_value_that_cannot_be_stored_fails_where_it_is_set() -> None:
    session = Session(codec)
    with pytest.raises(TypeError, match=r"session\['user'\] cannot be stored"):
        session["user"] = object()
    with pytest.raises(SessionTooLarge):
        session["text"] = "x" * 17_000
    with pytest.raises(SessionTooLarge):
        session.flash("x" * 17_000)
    assert not session.modified
