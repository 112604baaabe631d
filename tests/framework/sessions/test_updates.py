"""update_atomic: functions that are applied to what is there when the session is saved."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from framework.sessions import Session, SessionConflict, codec
from framework.sessions.changes import apply_changes


def stored(**values: Any) -> Session:
    """A session that was stored with ``values``."""
    session = Session(codec)
    session.update(values)
    return Session(codec, saved(session), session_id="id")


def saved(session: Session, onto: dict[bytes, bytes] | None = None) -> dict[bytes, bytes]:
    """The fields after saving; ``onto`` what another request has stored meanwhile."""
    fields = dict(session._fields) if onto is None else onto
    with suppress(SessionConflict):
        return apply_changes(fields, session.changes())
    session.repeat_on(fields)
    return apply_changes(fields, session.changes())


def values(fields: dict[bytes, bytes]) -> dict[str, Any]:
    return dict(Session(codec, fields))


def changed(session: Session, **others: Any) -> dict[bytes, bytes]:
    """The fields after another request has set ``others``."""
    other = Session(codec, session._fields)
    other.update(others)
    return apply_changes(session._fields, other.changes())


def add(item: object) -> Any:
    def function(items: list[object]) -> list[object]:
        items.append(item)
        return items

    return function


def test_it_sets_what_the_function_makes_of_the_value() -> None:
    session = stored(items=["a"], n=1)
    assert session.update_atomic("items", add("b")) == ["a", "b"]
    assert session.update_atomic("n", lambda n: n + 0.5) == 1.5
    assert session.update_atomic("new", add("x"), default=[]) == ["x"]
    assert session.update_atomic("other", lambda value: (value,)) == (None,)
    assert dict(session) == {"items": ["a", "b"], "n": 1.5, "new": ["x"], "other": (None,)}
    assert len(session) == 4
    assert "new" in session
    assert values(saved(session)) == dict(session)


def test_it_is_applied_to_what_another_request_has_stored_meanwhile() -> None:
    session = stored(items=["a"])
    session.update_atomic("items", add("mine"))
    session.update_atomic("new", add("mine"), default=[])
    session["other"] = True
    meanwhile = changed(session, items=["a", "theirs"], new=["theirs"])
    assert values(saved(session, meanwhile)) == {
        "items": ["a", "theirs", "mine"],
        "new": ["theirs", "mine"],
        "other": True,
    }


def test_a_default_is_a_new_one_each_time() -> None:
    session = stored()
    default: list[object] = []
    session.update_atomic("items", add(1), default=default)
    meanwhile = changed(session, unrelated=1)
    session.repeat_on(meanwhile)
    session.repeat_on(meanwhile)
    assert values(saved(session, meanwhile))["items"] == [1]
    assert default == []


def test_a_key_that_was_read_before_is_not_guarded() -> None:
    session = stored(items=["a"])
    assert session["items"] == ["a"]
    session.update_atomic("items", add("mine"))
    assert session["items"] == ["a", "mine"]
    meanwhile = changed(session, items=["b"])
    assert values(saved(session, meanwhile)) == {"items": ["b", "mine"]}


def test_updates_and_counts_of_one_key_add_up() -> None:
    session = stored(n=1)
    assert session.incr("n", 2) == 3
    assert session.update_atomic("n", lambda n: n * 10) == 30
    assert session.incr("n", 5) == 35
    assert session["n"] == 35
    assert values(saved(session, changed(session, n=0))) == {"n": 25}


def test_a_key_that_the_request_has_set_itself_is_updated_on_top_of_that() -> None:
    session = stored(items=["a"], gone=1, untouched=[1])
    session["items"] = ["set"]
    del session["gone"]
    session["untouched"].append("in place")
    assert session.update_atomic("items", add("b")) == ["set", "b"]
    assert session.update_atomic("gone", add("c"), default=[]) == ["c"]
    assert session.update_atomic("untouched", add(2)) == [1, "in place", 2]
    changes = session.changes()
    assert set(changes.guards) == {b"=untouched"}
    assert values(saved(session)) == {
        "items": ["set", "b"],
        "gone": ["c"],
        "untouched": [1, "in place", 2],
    }


def test_what_is_set_or_removed_afterwards_counts() -> None:
    session = stored(items=["a"], others=[1])
    session.update_atomic("items", add("b"))
    session["items"] = "set"
    session.update_atomic("others", add(2))
    del session["others"]
    session.update_atomic("only here", add(3), default=[])
    del session["only here"]
    assert dict(session) == {"items": "set"}
    assert values(saved(session)) == {"items": "set"}
    with pytest.raises(KeyError):
        del session["only here"]


def test_a_result_changed_in_place_afterwards_is_a_write_that_can_conflict() -> None:
    session = stored(items=["a"])
    session.update_atomic("items", add("b"))
    session["items"].append("in place")
    assert values(saved(session)) == {"items": ["a", "b", "in place"]}
    meanwhile = changed(session, items=["theirs"])
    with pytest.raises(SessionConflict) as conflict:
        apply_changes(meanwhile, session.changes())
    assert not session.can_repeat(conflict.value.key)
    # Nor is it lost when another key is begun again.
    session.repeat_on(meanwhile)
    assert session["items"] == ["a", "b", "in place"]


def test_what_it_returns_is_the_callers_own() -> None:
    session = stored(items=["a"])
    session.update_atomic("items", add("b")).append("not saved")
    assert values(saved(session)) == {"items": ["a", "b"]}


def test_a_result_that_changes_nothing_writes_nothing() -> None:
    session = stored(items=["a"])
    session.update_atomic("items", lambda items: items)
    assert not session.modified


def test_an_exception_from_the_function_changes_nothing() -> None:
    session = stored(items=["a"], n=1)
    session.incr("n")

    def refuse(value: object) -> object:
        raise LookupError("full")

    for key in ("items", "n", "new"):
        with pytest.raises(LookupError, match="full"):
            session.update_atomic(key, refuse)
    assert dict(session) == {"items": ["a"], "n": 2}
    assert values(saved(session)) == {"items": ["a"], "n": 2}


def test_a_function_that_returns_nothing_is_told_so() -> None:
    session = stored(items=["a"])
    with pytest.raises(TypeError, match=r"update_atomic\('items', …\) returned None"):
        session.update_atomic("items", lambda items: items.append("b"))
    assert dict(session) == {"items": ["a"]}


def test_a_result_that_cannot_be_stored_fails_where_it_is_made() -> None:
    session = stored()
    with pytest.raises(TypeError, match=r"session\['user'\] cannot be stored"):
        session.update_atomic("user", lambda value: object())
    assert not session.modified
