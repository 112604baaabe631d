"""CSRF tokens: they follow from the session's id, and nothing is stored for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from framework.sessions import (
    CsrfTokenRefused,
    MemorySessionStore,
    ServerSideSessionInterface,
    Session,
    SessionCookie,
    SessionIds,
    codec,
    require_csrf_token,
)
from framework.sessions.cookie import SignedCookieSessionInterface
from framework.sessions.csrf import CsrfTokens

if TYPE_CHECKING:
    from collections.abc import Callable

# A Visitor comes from conftest.py, which tests cannot import.
Visitor = Any


def token(visitor: Visitor) -> str:
    return str(visitor.visit(lambda session: session.csrf_token).text)


def accepts(visitor: Visitor, given: str | None) -> bool:
    return visitor.visit(lambda session: session.is_csrf_token(given)).text == "True"


@pytest.fixture
def cookie_visitor(make_visitor_of: Callable[[Any], Visitor]) -> Visitor:
    return make_visitor_of(
        SignedCookieSessionInterface(
            ["k"],
            SessionCookie("session", secure=False, max_age=1000),
            idle_timeout=100,
            absolute_timeout=1000,
        )
    )


@pytest.fixture
def memory_visitor(make_visitor_of: Callable[[Any], Visitor]) -> Visitor:
    store = MemorySessionStore(idle_timeout=100, absolute_timeout=1000)
    cookie = SessionCookie("session", secure=False, max_age=1000)
    return make_visitor_of(ServerSideSessionInterface(store, SessionIds(["k"]), cookie))


@pytest.fixture(params=["memory", "cookie"])
def any_visitor(request: pytest.FixtureRequest) -> Visitor:
    return request.getfixturevalue(f"{request.param}_visitor")


def test_a_token_stays_the_same_while_the_id_does(any_visitor: Visitor) -> None:
    visitor = any_visitor
    visitor.visit(lambda session: session.update(a=1))
    first = token(visitor)
    visitor.visit(lambda session: session.update(a=2))
    assert token(visitor) == first
    assert accepts(visitor, first)
    for wrong in (None, "", first[:-1], first + "x", "ü" * 32, first[::-1]):
        assert not accepts(visitor, wrong)


def test_a_token_is_good_for_one_visitor_only(any_visitor: Visitor) -> None:
    one, other = any_visitor, any_visitor.another()
    assert token(one) != token(other)
    assert not accepts(one, token(other))


@pytest.mark.parametrize(
    "renew", [lambda s: s.regenerate(), lambda s: s.log_in("ada"), lambda s: s.delete()]
)
def test_a_token_changes_with_the_id(any_visitor: Visitor, renew: Any) -> None:
    visitor = any_visitor
    visitor.visit(lambda session: session.update(a=1))
    before = token(visitor)
    visitor.visit(renew)
    after = token(visitor)
    assert after != before
    assert accepts(visitor, after)
    assert not accepts(visitor, before)


def test_the_token_of_a_page_that_renews_the_id_is_that_of_the_new_one(
    any_visitor: Visitor,
) -> None:
    visitor = any_visitor
    visitor.visit(lambda session: session.update(a=1))

    def log_in(session: Any) -> str:
        session.log_in("ada")
        return str(session.csrf_token)

    assert accepts(visitor, visitor.visit(log_in).text)


def test_a_form_for_a_visitor_without_a_session_works(any_visitor: Visitor) -> None:
    visitor = any_visitor
    assert not accepts(visitor, "anything")
    response = visitor.visit(lambda session: session.csrf_token)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Vary"] == "Cookie"
    given = response.text
    assert accepts(visitor, given)
    assert "Set-Cookie" not in visitor.visit(lambda session: session.csrf_token).headers
    assert token(visitor) == given


def test_the_token_and_the_first_write_of_one_page_belong_together(any_visitor: Visitor) -> None:
    visitor = any_visitor

    def first_page(session: Any) -> str:
        session["visits"] = 1
        first = str(session.csrf_token)
        assert session.csrf_token == first
        return first

    assert accepts(visitor, visitor.visit(first_page).text)
    assert visitor.visit(lambda session: session["visits"]).text == "1"
    visitor.cookies.clear()
    visitor.visit(lambda session: session.csrf_token)
    assert accepts(visitor, visitor.visit(first_page).text)


def test_an_id_that_came_with_a_token_is_not_adopted_by_a_session(visitor: Visitor) -> None:
    visitor.visit(lambda session: session.csrf_token)
    planted = visitor.cookie
    assert visitor.interface.store.load(visitor.interface.ids.verify(planted)) is None
    visitor.visit(lambda session: session.update(user="ada"))
    assert visitor.cookie != planted
    visitor.cookies["session"] = planted
    assert visitor.visit(lambda session: session.get("user")).text == "None"


def test_after_a_logout_a_token_belongs_to_a_new_id(visitor: Visitor) -> None:
    visitor.visit(lambda session: session.update(a=1))

    before = token(visitor)

    def log_out(session: Any) -> str:
        assert session.is_csrf_token(before)
        session.delete()
        assert not session.is_csrf_token(before)
        return str(session.csrf_token)

    old = visitor.cookie
    response = visitor.visit(log_out)
    assert len(response.headers.getlist("Set-Cookie")) == 1
    assert visitor.cookie != old
    assert accepts(visitor, response.text)


def test_a_former_key_is_still_accepted() -> None:
    made = CsrfTokens(["old"]).make(b"id")
    assert CsrfTokens(["new", "old"]).verify(b"id", made)
    assert CsrfTokens(["new", "old"]).make(b"id") != made
    assert not CsrfTokens(["new"]).verify(b"id", made)


def test_a_session_on_its_own_has_no_token() -> None:
    with pytest.raises(NotImplementedError):
        _ = Session(codec).csrf_token
    with pytest.raises(NotImplementedError):
        Session(codec).is_csrf_token("x")


def request_of(visitor: Visitor, method: str, **options: Any) -> Request:
    environ = EnvironBuilder(method=method, **options).get_environ()
    environ["HTTP_COOKIE"] = f"session={visitor.cookie}"
    return Request(environ)


def test_a_request_that_changes_something_has_to_bring_the_token(any_visitor: Visitor) -> None:
    visitor = any_visitor
    given = token(visitor)
    good = [
        request_of(visitor, "POST", data={"csrf_token": given}),
        request_of(visitor, "DELETE", headers={"X-CSRF-Token": given}),
        request_of(visitor, "GET"),
        request_of(visitor, "HEAD"),
    ]
    bad = [
        request_of(visitor, "POST"),
        request_of(visitor, "POST", data={"csrf_token": given[1:] + given[0]}),
        request_of(visitor, "PUT", query_string={"csrf_token": given}),
        request_of(visitor, "POST", headers={"X-CSRF-Token": "x"}, data={"csrf_token": given}),
    ]
    for request in good:
        require_csrf_token(request, visitor.interface.open(request))
    for request in bad:
        with pytest.raises(CsrfTokenRefused) as refused:
            require_csrf_token(request, visitor.interface.open(request))
        assert refused.value.code == 403
