"""Flashes: messages that come back once, in order, whoever else flashes."""

from __future__ import annotations

from markupsafe import Markup

from framework.sessions import Flash, Session, codec
from framework.sessions.changes import apply_changes


def reloaded(session: Session) -> Session:
    """The session as the next request finds it."""
    return Session(codec, apply_changes(session._fields, session.changes()), session_id="id")


def test_flashes_come_back_once_and_in_order() -> None:
    session = Session(codec)
    session.flash("one")
    session.flash(Markup("<b>two</b>"), "error")
    session = reloaded(session)
    session.flash("three")
    assert session.pop_flashes() == [
        Flash("message", "one"),
        Flash("error", "<b>two</b>"),
        Flash("message", "three"),
    ]
    assert session.pop_flashes() == []
    assert reloaded(session).pop_flashes() == []
    assert list(session) == []
    session.flash("four")
    assert [flash.message for flash in session.pop_flashes()] == ["four"]


def test_flashes_stay_when_they_are_only_looked_at() -> None:
    session = Session(codec)
    session.flash("one")
    session = reloaded(session)
    session.flash("two")
    assert [flash.message for flash in session.flashes] == ["one", "two"]
    assert session.accessed
    session = reloaded(session)
    assert session.flashes == session.pop_flashes()
    assert session.flashes == []


def test_what_can_be_stored_comes_back_as_it_was_flashed_and_anything_else_as_its_text() -> None:
    class Lazy:
        def __str__(self) -> str:
            return "translated"

    session = Session(codec)
    for message in (Markup("<b>bold</b>"), ("title", 1), Lazy()):
        session.flash(message)
    messages = [flash.message for flash in reloaded(session).pop_flashes()]
    assert messages == [Markup("<b>bold</b>"), ("title", 1), "translated"]
    assert [type(message) for message in messages] == [Markup, tuple, str]


def test_a_session_keeps_the_last_flashes_when_nobody_reads_them() -> None:
    session = Session(codec)
    for number in range(40):
        session.flash(f"message {number}")
        if number % 7 == 0:
            session = reloaded(session)
    messages = [flash.message for flash in reloaded(session).pop_flashes()]
    assert messages == [f"message {number}" for number in range(24, 40)]


def test_popping_flashes_deletes_only_those_that_were_seen() -> None:
    session = Session(codec)
    session.flash("seen")
    seen = apply_changes({}, session.changes())
    session = Session(codec, seen)
    session.pop_flashes()
    late = Session(codec, {})
    late.flash("late")
    both = apply_changes(seen, late.changes())
    left = Session(codec, apply_changes(both, session.changes()))
    assert [flash.message for flash in left.pop_flashes()] == ["late"]
