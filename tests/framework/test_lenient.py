from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from werkzeug.test import run_wsgi_app

from framework import Rule
from framework.testing import make_request

if TYPE_CHECKING:
    from conftest import MakeApp


@pytest.mark.parametrize("query", ["a=caf\xe9&b=\xff", "a=caf%E9&b=%FF"])
def test_query_that_is_not_utf_8_stays_percent_encoded(make_app: MakeApp, query: str) -> None:
    app = make_app(Rule("/", lambda request: [request.args, request.full_path], endpoint="view"))
    environ = {**make_request(app).environ, "QUERY_STRING": query}
    body, status, _ = run_wsgi_app(app, environ)
    assert status == "200 OK"
    assert json.loads(b"".join(body)) == [{"a": "caf%E9", "b": "%FF"}, "/?a=caf%E9&b=%FF"]


def test_redirect_keeps_a_query_that_is_not_utf_8(make_app: MakeApp) -> None:
    app = make_app(
        Rule("/slash/", lambda request: "", endpoint="slash"), Rule("/old", redirect_to="slash")
    )
    for path in ("/slash", "/old"):
        environ = {**make_request(app, path).environ, "QUERY_STRING": "a=\xff"}
        _, _, headers = run_wsgi_app(app, environ)
        assert headers["Location"].endswith("/slash/?a=%FF")


@pytest.mark.parametrize(
    ("header", "username"),
    [("Basic YTpi", "a"), ("Basic \xff", None), ("Basic ====", None), ("", None)],
)
def test_credentials_that_cannot_be_read_are_none(
    make_app: MakeApp, header: str, username: str | None
) -> None:
    def view(request):
        return [request.authorization and request.authorization.username]

    app = make_app(Rule("/", view))
    environ = {**make_request(app).environ, "HTTP_AUTHORIZATION": header}
    body, status, _ = run_wsgi_app(app, environ)
    assert (status, json.loads(b"".join(body))) == ("200 OK", [username])
