"""Session: the mapping a view sees, and the changes it turns into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from framework.sessions import Session, SessionUnavailable, codec
from framework.sessions.changes import apply_changes

if TYPE_CHECKING:
    from collections.abc import Callable


def stored(**values: Any) -> Session:
    """A session that was stored with ``values``."""
    session = Session(codec)
    session.update(values)
    return reloaded(session)


def reloaded(session: Session) -> Session:
    """The session as the next request finds it."""
    fields = apply_changes(session._fields, session.changes())
    return Session(codec, fields, session_id="id")


def test_a_new_session_is_new_and_neither_accessed_nor_modified() -> None:
    session = Session(codec)
    assert (session.new, session.accessed, session.modified) == (True, False, False)
    assert not session.changes()


@pytest.mark.parametrize(
    "use",
    [
        lambda s: s.get("a"),
        lambda s: "a" in s,
        lambda s: len(s),
        lambda s: list(s),
        lambda s: s.update(a=2),
        lambda s: s.incr("n"),
        lambda s: s.flash("x"),
        lambda s: s.pop_flashes(),
        lambda s: s.regenerate(),
        lambda s: s.delete(),
        lambda s: s.clear(),
        lambda s: s.user_id,
        lambda s: s.log_in("ada"),
        lambda s: s.update_atomic("a", lambda value: 2),
    ],
)
def test_every_use_counts_as_access(use: Callable[[Session], Any]) -> None:
    session = stored(a=1)
    assert not session.accessed
    use(session)
    assert session.accessed


def test_a_deleted_session_is_empty_and_what_follows_is_new() -> None:
    session = stored(a=1)
    session.delete()
    assert dict(session) == {}
    assert session.new
    assert session.modified
    assert session.session_id is None
    session["b"] = 2
    assert session.changes().sets == {b"+b": b"2"}


def test_the_repr_shows_keys_and_neither_values_nor_the_id() -> None:
    session = Session(codec, {b"=password": codec.encode("p", "secret")}, session_id="the id")
    assert repr(session) == "<Session stored, keys ['password']>"


@pytest.mark.parametrize("user_id", ["ada", 7, UUID(int=7)])
def test_a_user_who_logs_in_is_known_from_then_on_under_a_new_id(user_id: Any) -> None:
    session = stored(cart=[1])
    assert session.user_id is None
    session.log_in(user_id)
    assert (session.user_id, session.regenerated, dict(session)) == (user_id, True, {"cart": [1]})
    again = reloaded(session)
    assert (again.user_id, type(again.user_id)) == (user_id, type(user_id))
    assert dict(again) == {"cart": [1]}


@pytest.mark.parametrize("user_id", [None, True, 7.0, b"ada", ("ada",), object()])
def test_a_user_id_is_text_a_number_or_a_uuid(user_id: Any) -> None:
    session = stored()
    with pytest.raises(TypeError, match="a user id is"):
        session.log_in(user_id)
    assert not session.modified


def test_another_user_gets_a_session_without_the_data_of_the_first() -> None:
    session = stored(cart=[1])
    session.log_in(7)
    session = reloaded(session)
    session.log_in("7")
    assert not session.deleted
    session.log_in(8)
    assert session.deleted
    assert session.new
    assert (session.user_id, dict(session)) == (8, {})


def test_only_a_user_can_be_logged_out_elsewhere() -> None:
    session = stored()
    with pytest.raises(RuntimeError, match=r"log_in\(user_id\)"):
        session.log_out_elsewhere()
    session.log_in("ada")
    session.log_out_elsewhere()
    assert session.logs_out_elsewhere
    session.delete()
    assert not session.logs_out_elsewhere
    assert session.user_id is None


@pytest.mark.parametrize(
    "write",
    [
        lambda s: s.update(a=2),
        lambda s: s.setdefault("a", 1),
        lambda s: s.incr("n"),
        lambda s: s.update_atomic("n", lambda value: 1),
        lambda s: s.flash("x"),
        lambda s: s.clear(),
        lambda s: s.regenerate(),
        lambda s: s.delete(),
        lambda s: s.log_in("ada"),
        lambda s: s.log_out_elsewhere(),
    ],
)
def test_while_the_store_is_away_a_session_is_empty_and_refuses_every_write(
    write: Callable[[Session], Any],
) -> None:
    session = Session(codec)
    session.unavailable = True
    assert session.get("a") is None
    assert (list(session), session.pop_flashes(), session.user_id) == ([], [], None)
    with pytest.raises(SessionUnavailable, match="read-only") as refused:
        write(session)
    assert refused.value.code == 503
    assert not session.modified
