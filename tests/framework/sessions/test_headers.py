"""SessionCookie and the headers that go with it, apart from any store."""

from __future__ import annotations

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from framework.sessions import InsecureSessionCookie, SessionCookie
from framework.sessions.headers import forbid_storing, vary_by_cookie


def request(scheme: str = "https") -> Request:
    return Request(EnvironBuilder(base_url=f"{scheme}://shop.example/").get_environ())


def test_a_secure_cookie_has_the_prefix_that_binds_it_to_its_host() -> None:
    response = Response()
    SessionCookie("id", secure=True, max_age=60.4).write(request(), response, "value")
    assert response.headers["Set-Cookie"] == (
        "__Host-id=value; Max-Age=60; Secure; HttpOnly; Path=/; SameSite=Lax"
    )
    assert response.headers["Cache-Control"] == "no-store"


def test_a_secure_cookie_is_not_written_over_plain_http() -> None:
    response = Response()
    with pytest.raises(InsecureSessionCookie, match="__Host-id"):
        SessionCookie("id", secure=True, max_age=60).write(request("http"), response, "value")
    assert "Set-Cookie" not in response.headers


def test_headers_are_added_to_what_is_there() -> None:
    response = Response(headers={"Vary": "Accept", "Cache-Control": "public, max-age=60"})
    vary_by_cookie(response)
    forbid_storing(response)
    assert response.headers["Vary"] == "Accept, Cookie"
    assert response.headers.getlist("Cache-Control") == ["no-store"]
