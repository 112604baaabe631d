from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from markupsafe import Markup
from werkzeug.exceptions import Conflict, ServiceUnavailable, Unauthorized, abort
from werkzeug.wrappers import Response

from framework import Rule
from framework.testing import TestClient

if TYPE_CHECKING:
    from conftest import MakeApp


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        (None, "text/html"),
        ("*/*", "text/html"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("application/json", "application/problem+json"),
        ("application/problem+json", "application/problem+json"),
        ("application/json, text/html;q=0.5", "application/problem+json"),
        ("image/png", "text/html"),
    ],
)
def test_error_is_a_page_or_json_as_the_client_prefers(
    make_app: MakeApp, accept: str | None, mimetype: str
) -> None:
    headers = {"Accept": accept} if accept else {}
    answer = TestClient(make_app()).get("/nowhere", headers=headers)
    assert (answer.status_code, answer.mimetype) == (404, mimetype)
    assert answer.headers["Vary"] == "Accept"


def test_json_has_the_members_of_a_problem_document(make_app: MakeApp) -> None:
    def view(request):
        raise Conflict("changed meanwhile")

    answer = TestClient(make_app(Rule("/", view))).get("/", headers={"Accept": "application/json"})
    assert answer.json == {"status": 409, "title": "Conflict", "detail": "changed meanwhile"}


def test_page_needs_nothing_else_and_escapes_its_text(make_app: MakeApp) -> None:
    def view(request):
        raise Conflict("<script>")

    page = TestClient(make_app(Rule("/", view))).get("/").text
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "src=" not in page
    assert "href=" not in page


def test_text_and_the_same_text_as_markup_have_pages_of_their_own(make_app: MakeApp) -> None:
    def view(request, kind):
        raise Conflict(Markup("<b>") if kind == "markup" else "<b>")

    client = TestClient(make_app(Rule("/<kind>", view)))
    for _ in range(2):
        assert "<p><b></p>" in client.get("/markup").text
        assert "<p>&lt;b&gt;</p>" in client.get("/text").text


def test_description_that_is_made_when_it_is_read_is_read_each_time(make_app: MakeApp) -> None:
    class Lazy:
        def __str__(self) -> str:
            return next(texts)

    def view(request):
        raise Conflict(lazy)

    lazy: Any = Lazy()
    texts = iter(["one", "two"])
    client = TestClient(make_app(Rule("/", view)))
    assert "<p>one</p>" in client.get("/").text
    assert "<p>two</p>" in client.get("/").text


def test_headers_of_the_error_are_kept(make_app: MakeApp) -> None:
    def view(request, kind):
        if kind == "busy":
            raise ServiceUnavailable(retry_after=3)
        raise Unauthorized(www_authenticate=[])

    client = TestClient(make_app(Rule("/<kind>", view)))
    assert client.get("/busy").headers["Retry-After"] == "3"
    assert client.get("/login").status_code == 401


def test_response_carried_by_the_error_is_used(make_app: MakeApp) -> None:
    def view(request):
        abort(Response("mine", 418))

    answer = TestClient(make_app(Rule("/", view))).get("/")
    assert (answer.status_code, answer.text) == (418, "mine")
