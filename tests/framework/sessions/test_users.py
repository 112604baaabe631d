"""Users: logged in, out, out everywhere and elsewhere, and logins that race with it."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from framework.sessions import (
    LoginRefused,
    SessionConfigError,
    SessionConflict,
    SessionCookie,
    SessionGone,
    SessionUnavailable,
)
from framework.sessions.cookie import SignedCookieSessionInterface

if TYPE_CHECKING:
    from collections.abc import Callable

# A Visitor comes from conftest.py, which tests cannot import.
Visitor = Any


@pytest.fixture
def user_id() -> str:
    return uuid.uuid4().hex


def log_in(user_id: Any) -> Callable[[Any], None]:
    return lambda session: session.log_in(user_id)


def log_in_again(visitor: Visitor, user_id: str) -> None:
    """Log in a user who was logged out everywhere just now; in the same moment that is refused."""
    for _ in range(100):
        with suppress(LoginRefused):
            visitor.visit(log_in(user_id))
            return
        time.sleep(0.05)
    raise AssertionError("refused again and again")


def who(visitor: Visitor) -> str:
    return str(visitor.visit(lambda session: session.user_id).text)


def listed(visitor: Visitor, user_id: str) -> set[bytes]:
    """What the user's list holds; asking it refuses logins that have begun."""
    user, *_ = visitor.interface.ids.user_keys(user_id)
    return set(visitor.interface.store.users.log_out(user).names)


def record_of(visitor: Visitor) -> bytes:
    found: bytes = visitor.interface.ids.verify(visitor.cookie).key
    return found


def test_a_login_gives_a_new_id_keeps_the_data_and_is_listed(
    visitor: Visitor, user_id: str
) -> None:
    visitor.visit(lambda session: session.update(cart=[1]))
    old = visitor.cookie
    visitor.visit(log_in(user_id))
    assert visitor.cookie != old
    assert who(visitor) == user_id
    assert visitor.visit(lambda session: session["cart"]).text == "[1]"
    assert listed(visitor, user_id) == {record_of(visitor)}
    visitor.cookies["session"] = old
    assert who(visitor) == "None"


def test_a_visitor_without_a_session_can_log_in(visitor: Visitor, user_id: str) -> None:
    visitor.visit(log_in(user_id))
    assert who(visitor) == user_id
    assert listed(visitor, user_id) == {record_of(visitor)}


def test_a_new_id_takes_the_place_of_the_old_one_on_the_list(
    visitor: Visitor, user_id: str
) -> None:
    visitor.visit(log_in(user_id))
    for _ in range(3):
        visitor.visit(lambda session: session.regenerate())
    assert who(visitor) == user_id
    assert listed(visitor, user_id) == {record_of(visitor)}


def test_a_logout_takes_the_session_off_the_list(visitor: Visitor, user_id: str) -> None:
    visitor.visit(log_in(user_id))
    visitor.visit(lambda session: session.delete())
    assert who(visitor) == "None"
    assert listed(visitor, user_id) == set()


def test_another_user_at_the_same_browser_inherits_nothing(visitor: Visitor, user_id: str) -> None:
    visitor.visit(log_in(user_id))
    visitor.visit(lambda session: session.update(secret="of the first"))
    first = visitor.another()
    first.cookies = dict(visitor.cookies)
    visitor.visit(log_in("somebody " + user_id))
    assert visitor.visit(lambda session: dict(session)).text == "{}"
    assert who(visitor) == "somebody " + user_id
    assert first.visit(lambda session: dict(session)).text == "{}"


def test_a_user_can_be_logged_out_everywhere(visitor: Visitor, user_id: str) -> None:
    visitors = [visitor.another() for _ in range(5)]
    bystander = visitor.another()
    for one in visitors:
        one.visit(log_in(user_id))
    bystander.visit(log_in("somebody else than " + user_id))
    assert visitor.interface.log_out_everywhere(user_id) == 5
    assert {who(one) for one in visitors} == {"None"}
    assert who(bystander) == "somebody else than " + user_id
    assert visitor.interface.log_out_everywhere(user_id) == 0
    log_in_again(visitors[0], user_id)
    assert who(visitors[0]) == user_id


def test_numbers_and_their_texts_are_one_user(visitor: Visitor) -> None:
    number = uuid.uuid4().int
    visitor.visit(log_in(str(number)))
    assert visitor.interface.log_out_everywhere(number) == 1
    assert who(visitor) == "None"


def test_a_user_can_be_logged_out_everywhere_but_here(visitor: Visitor, user_id: str) -> None:
    others = [visitor.another() for _ in range(3)]
    for one in [visitor, *others]:
        one.visit(log_in(user_id))

    def change_password(session: Any) -> None:
        session.log_out_elsewhere()
        session["changed"] = True

    before = visitor.cookie
    visitor.visit(change_password)
    assert visitor.cookie == before
    assert (who(visitor), {who(one) for one in others}) == (user_id, {"None"})
    assert visitor.visit(lambda session: session["changed"]).text == "True"
    visitor.visit(lambda session: session.log_out_elsewhere())
    assert who(visitor) == user_id


@pytest.mark.parametrize("already", [False, True])
def test_one_request_can_log_in_here_and_out_elsewhere(
    visitor: Visitor, user_id: str, already: bool
) -> None:
    other = visitor.another()
    other.visit(log_in(user_id))
    if already:
        visitor.visit(log_in(user_id))

    def reset_password(session: Any) -> None:
        session.log_in(user_id)
        session.log_out_elsewhere()

    visitor.visit(reset_password)
    assert (who(visitor), who(other)) == (user_id, "None")
    assert listed(visitor, user_id) == {record_of(visitor)}


def test_requests_in_flight_do_not_survive_a_logout_everywhere(
    visitor: Visitor, user_id: str
) -> None:
    visitor.visit(log_in(user_id))
    reader, writer, renewer = (visitor.start() for _ in range(3))
    visitor.interface.log_out_everywhere(user_id)
    assert reader.session.user_id == user_id
    assert "Set-Cookie" not in reader.finish().headers
    writer.session["late"] = True
    with pytest.raises(SessionGone):
        writer.finish()
    renewer.session.regenerate()
    with pytest.raises(LoginRefused):
        renewer.finish()
    assert who(visitor) == "None"
    assert listed(visitor, user_id) == set()


def test_a_login_that_was_under_way_does_not_survive_a_logout_everywhere(
    visitor: Visitor, user_id: str
) -> None:
    """The password was checked before it was changed."""
    visitor.visit(lambda session: session.update(cart=[1]))
    known, stranger = visitor.start(), visitor.another().start()
    visitor.interface.log_out_everywhere(user_id)
    for login in (known, stranger):
        login.session.log_in(user_id)
        with pytest.raises(LoginRefused) as refused:
            login.finish()
        assert refused.value.code == 409
    assert (who(visitor), listed(visitor, user_id)) == ("None", set())
    assert visitor.visit(lambda session: session["cart"]).text == "[1]"
    log_in_again(visitor, user_id)
    assert who(visitor) == user_id


@pytest.mark.parametrize(
    ("had_session", "before"),
    [
        *((False, step) for step in ("join", "commit", "confirm")),
        *((True, step) for step in ("join", "rotate", "confirm")),
    ],
)
@pytest.mark.parametrize("by", ["everywhere", "elsewhere"])
def test_a_logout_everywhere_between_any_two_steps_of_a_login_wins(
    visitor: Visitor,
    user_id: str,
    monkeypatch: pytest.MonkeyPatch,
    had_session: bool,
    before: str,
    by: str,
) -> None:
    if had_session:
        visitor.visit(lambda session: session.update(cart=[1]))
    store = visitor.interface.store
    owner = store if before in ("commit", "rotate") else store.users
    step = getattr(owner, before)
    other = visitor.another()
    other.visit(log_in(user_id))
    login = visitor.start()
    login.session.log_in(user_id)

    def interrupted(*args: Any, **options: Any) -> Any:
        patch.undo()
        if by == "everywhere":
            visitor.interface.log_out_everywhere(user_id)
        else:
            other.visit(lambda session: session.log_out_elsewhere())
        return step(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(owner, before, interrupted)
        with pytest.raises(LoginRefused):
            login.finish()
    new_id = login.session.next_id
    assert store.load(new_id) is None
    assert new_id.key not in listed(visitor, user_id)
    assert who(other) == ("None" if by == "everywhere" else user_id)


def test_two_logins_that_each_end_the_others_leave_one_at_most(
    visitor: Visitor, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other login comes between the listing and the logout of this one."""
    users = visitor.interface.store.users
    log_out, other = users.log_out, visitor.another()

    def login_and_end(session: Any) -> None:
        session.log_in(user_id)
        session.log_out_elsewhere()

    def interrupted(user: bytes) -> Any:
        patch.undo()
        other.visit(login_and_end)
        return log_out(user)

    with monkeypatch.context() as patch:
        patch.setattr(users, "log_out", interrupted)
        with pytest.raises(LoginRefused):
            visitor.visit(login_and_end)
    assert visitor.cookies == {}
    assert who(other) == user_id


def test_logins_and_logouts_at_the_same_time_leave_nobody_unlisted(
    visitor: Visitor, user_id: str, at_once: Callable[[list[Any]], list[Any]]
) -> None:
    visitors = [visitor.another() for _ in range(16)]
    logins = [lambda one=one: one.visit(log_in(user_id)) for one in visitors]
    logouts = [lambda: visitor.interface.log_out_everywhere(user_id)] * 4
    results = at_once([*logins[:8], *logouts, *logins[8:]])
    errors = [result for result in results if isinstance(result, Exception)]
    assert {type(error) for error in errors} <= {LoginRefused}
    alive = {record_of(one) for one in visitors if one.cookies and who(one) == user_id}
    assert alive <= listed(visitor, user_id)
    visitor.interface.log_out_everywhere(user_id)
    assert {who(one) for one in visitors} == {"None"}


def test_a_login_past_the_cap_ends_the_oldest_session(
    visitor: Visitor, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("memory_store", "redis_users"):
        monkeypatch.setattr(f"framework.sessions.{module}.MAX_SESSIONS", 3)
    visitors = [visitor.another() for _ in range(5)]
    for one in visitors:
        one.visit(log_in(user_id))
        time.sleep(0.005)  # Deadlines are kept in milliseconds.
    assert [who(one) == user_id for one in visitors] == [False, False, True, True, True]
    assert listed(visitor, user_id) == {record_of(one) for one in visitors[2:]}


def test_a_former_signing_key_still_finds_the_users_sessions(
    visitor: Visitor, user_id: str
) -> None:
    visitor.visit(log_in(user_id))
    interface = visitor.interface
    new = type(interface)(
        interface.store,
        type(interface.ids)(["a new key", "only for these tests"]),
        interface.cookie,
        time_budget=60.0,
    )
    visitor.interface = new
    assert who(visitor) == user_id
    other = visitor.another()
    other.visit(log_in(user_id))
    other.visit(lambda session: session.log_out_elsewhere())
    assert (who(visitor), who(other)) == ("None", user_id)


def test_a_logout_everywhere_finds_what_former_signing_keys_have_listed(
    visitor: Visitor, user_id: str
) -> None:
    visitor.visit(log_in(user_id))
    interface = visitor.interface
    ids = type(interface.ids)(["a new key", "only for these tests"])
    new = type(interface)(interface.store, ids, interface.cookie, time_budget=60.0)
    other = visitor.another()
    other.interface = new
    other.visit(log_in(user_id))
    assert new.log_out_everywhere(user_id) == 2
    assert (who(visitor), who(other)) == ("None", "None")


def test_a_conflict_in_the_login_leaves_the_session_as_it_was(
    visitor: Visitor, user_id: str
) -> None:
    visitor.visit(lambda session: session.update(n=[1]))
    login = visitor.start()
    login.session["n"].append(2)
    visitor.visit(lambda session: session.update(n=[5]))
    login.session.log_in(user_id)
    with pytest.raises(SessionConflict):
        login.finish()
    assert visitor.visit(lambda session: (session.user_id, session["n"])).text == "(None, [5])"
    assert listed(visitor, user_id) == set()


def test_a_list_that_cannot_be_tidied_does_not_hinder_a_logout(
    visitor: Visitor, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.visit(log_in(user_id))

    def away(*args: object) -> None:
        raise SessionUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(visitor.interface.store.users, "leave", away)
        visitor.visit(lambda session: session.delete())
    assert visitor.cookies == {}
    assert visitor.interface.log_out_everywhere(user_id) == 0


def test_signed_cookies_know_the_user_and_cannot_be_ended_from_here(
    make_visitor_of: Callable[[Any], Visitor], user_id: str
) -> None:
    visitor = make_visitor_of(
        SignedCookieSessionInterface(
            ["k"],
            SessionCookie("session", secure=False, max_age=1000),
            idle_timeout=100,
            absolute_timeout=1000,
        )
    )
    visitor.visit(lambda session: session.update(cart=[1]))
    visitor.visit(log_in(user_id))
    assert visitor.visit(lambda session: (session.user_id, session["cart"])).text == (
        f"({user_id!r}, [1])"
    )
    visitor.visit(log_in("another"))
    assert visitor.visit(lambda session: (session.user_id, dict(session))).text == "('another', {})"
    with pytest.raises(SessionConfigError, match="REDIS_URL"):
        visitor.visit(lambda session: session.log_out_elsewhere())
    with pytest.raises(SessionConfigError, match="REDIS_URL"):
        visitor.interface.log_out_everywhere(user_id)
    visitor.visit(lambda session: session.delete())
    assert who(visitor) == "None"
