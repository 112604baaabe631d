from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as WerkzeugResponse

from framework import Response, Rule
from framework.exceptions import ReturnValueError
from framework.testing import TestClient

if TYPE_CHECKING:
    from conftest import MakeApp

HTML = "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("value", "status", "body", "content_type"),
    [
        ("text ä", 200, "text ä", HTML),
        (b"bytes", 200, "bytes", HTML),
        ({"a": 1}, 200, '{"a":1}', "application/json"),
        ([1, 2], 200, "[1,2]", "application/json"),
        ((part for part in ("a", "ä")), 200, "aä", HTML),
        (iter([b"a", b"b"]), 200, "ab", HTML),
        (None, 204, "", None),
        (Response("mine", 202), 202, "mine", HTML),
        (WerkzeugResponse("plain"), 200, "plain", "text/plain; charset=utf-8"),
        (("made", 201), 201, "made", HTML),
        (("made", HTTPStatus.CREATED), 201, "made", HTML),
        (("made", "299 Fine"), 299, "made", HTML),
        (({"a": 1}, 201), 201, '{"a":1}', "application/json"),
        ((None, 304), 304, "", None),
        (("x", {"Content-Type": "text/csv"}), 200, "x", "text/csv"),
        (("x", 201, [("Content-Type", "text/csv")]), 201, "x", "text/csv"),
        (("x", 201, Headers({"Content-Type": "text/csv"})), 201, "x", "text/csv"),
    ],
)
def test_value_of_a_view_becomes_a_response(
    make_app: MakeApp, value: Any, status: int, body: str, content_type: str | None
) -> None:
    answer = TestClient(make_app(Rule("/", lambda request: value, endpoint="view"))).get("/")
    assert (answer.status_code, answer.text) == (status, body)
    if content_type:
        assert answer.headers["Content-Type"] == content_type


@pytest.mark.parametrize(
    "value", [3, True, object(), {1}, (), ("a",), ("a", 1, {}, 2), ("a", b"x"), ("a", {}, 1)]
)
def test_other_value_is_refused_with_the_endpoint_and_the_choices(
    make_app: MakeApp, value: Any
) -> None:
    app = make_app(Rule("/", lambda request: value, endpoint="item"), debug=True)
    with pytest.raises(ReturnValueError, match=r"endpoint 'item' is a .*Return a str, bytes, dict"):
        TestClient(app).get("/")


def test_view_that_returns_a_coroutine_says_so(make_app: MakeApp) -> None:
    async def coroutine():
        return ""

    view: Any = lambda request: coroutine()  # noqa: E731 no coroutine function itself

    with pytest.raises(ReturnValueError, match="endpoint 'view' is a coroutine, of an"):
        TestClient(make_app(Rule("/", view, endpoint="view"), debug=True)).get("/")


@pytest.mark.parametrize(("debug", "hinted"), [(True, True), (False, False)])
def test_page_that_is_none_is_hinted_at_in_debug_mode(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, debug: bool, hinted: bool
) -> None:
    rule = Rule("/", lambda request: None, endpoint="forgetful", methods=["GET", "POST"])
    client = TestClient(make_app(rule, debug=debug))
    client.post("/")
    assert caplog.text == ""
    client.get("/")
    assert ("endpoint 'forgetful') returned None" in caplog.text) is hinted


def test_exception_that_is_returned_says_to_raise_it(make_app: MakeApp) -> None:
    value: Any = NotFound()
    app = make_app(Rule("/", lambda request: value, endpoint="item"), debug=True)
    with pytest.raises(ReturnValueError, match=r"endpoint 'item' is an exception.* Raise it"):
        TestClient(app).get("/")


@pytest.mark.parametrize("headers", [list, Headers])
def test_headers_that_come_twice_are_all_sent(make_app: MakeApp, headers: Any) -> None:
    cookies = headers([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    app = make_app(Rule("/", lambda request: ("x", 200, cookies), endpoint="view"))
    assert TestClient(app).get("/").headers.getlist("Set-Cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize("status", ["text/plain", "", True, 0, 99, 1000, "404 No\r\nX-Forged: 1"])
def test_status_that_is_none_is_refused(make_app: MakeApp, status: Any) -> None:
    app = make_app(Rule("/", lambda request: ("x", status), endpoint="item"), debug=True)
    with pytest.raises(ReturnValueError, match=r"endpoint 'item' has the status .* a number like"):
        TestClient(app).get("/")


async def coroutine_hook(request, response):
    return response


@pytest.mark.parametrize("value", ["text", b"", {}, ("a", 200), coroutine_hook])
def test_after_hook_that_returns_no_response_is_a_500_that_says_so(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, value: Any
) -> None:
    app = make_app(Rule("/", lambda request: "page", endpoint="item"))
    app.after_request(value if callable(value) else lambda request, response: value)
    assert TestClient(app).get("/").status_code == 500
    assert "An after-hook of endpoint 'item' returned a" in caplog.text
