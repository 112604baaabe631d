from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from framework import Mount, Rule
from framework.exceptions import RoutingError
from framework.testing import TestClient

if TYPE_CHECKING:
    from conftest import MakeApp


def view(request, **values):
    return {"endpoint": request.endpoint, **values}


def mounted(environ, start_response):
    return []


def other(request, **values):
    return {"other": request.endpoint, **values}


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        (Rule("/a", view), Rule("/a", other), "GET"),
        (Rule("/a/<x>", view), Rule("/a//<string:y>", other), "GET"),
        (Rule("/a/<int(min=1):x>", view), Rule("/a/<int(min=1):y>", other), "GET"),
        (Rule("/a", view, methods=["GET", "PUT"]), Rule("/a", other, methods=["put"]), "PUT"),
        (Rule("/a", view), Rule("/a", view), "GET"),
        (Rule("/a", view, methods=["POST"]), Rule("/a", redirect_to="view"), "POST"),
        (Mount("/a", mounted, endpoint="x"), Mount("/a", mounted, endpoint="y"), "every method"),
    ],
)
def test_two_rules_for_one_url_and_method_are_refused(
    make_app: MakeApp, first: Any, second: Any, shared: str
) -> None:
    with pytest.raises(RoutingError, match=rf"Two rules answer '/a.*' for {shared}: .*methods="):
        _ = make_app(first, second).url_map


def test_one_url_may_lead_to_several_views_that_differ_in_something(make_app: MakeApp) -> None:
    app = make_app(
        Rule("/a", view),
        Rule("/a", other, methods=["POST"]),
        Rule("/a/<int:x>", view),
        Rule("/a/<x>", other),
        Rule("/a/<int(min=5):x>", other, endpoint="more"),
        Rule("/a/", other, endpoint="branch"),
    )
    client = TestClient(app)
    assert client.get("/a").json == {"endpoint": "view"}
    assert client.post("/a").json == {"other": "other"}
    assert client.get("/a/b").json == {"other": "other", "x": "b"}
