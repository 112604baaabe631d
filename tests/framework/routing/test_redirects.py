from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.routing import BaseConverter

from framework import Blueprint, Rule
from framework.exceptions import RoutingError
from framework.testing import TestClient

if TYPE_CHECKING:
    from conftest import MakeApp


def view(request, **values):
    return {"endpoint": request.endpoint, **values}


class AnyPath(BaseConverter):
    regex = ".*"
    part_isolating = False


RULES = [
    Rule("/items/<int:item_id>", view, endpoint="item", methods=["GET", "POST"]),
    Rule("/old/<int:item_id>", redirect_to="item"),
    Rule("/feed.xml", redirect_to="https://feeds.example/all?a=1"),
    Rule("/docs/<path:rest>", redirect_to="https://docs.example/<rest>"),
    Rule("/away/<name>", redirect_to="/mounted/<name>"),
    Blueprint(
        "any",
        converters={"any_path": AnyPath},
        rules=[Rule("/to/<any_path:path>", redirect_to="/<path>")],
    ),
    Rule("/cdn/<name>", redirect_to="//cdn.example/<name>"),
    Rule("/part", redirect_to="/page?a=1#part"),
    Rule("/once", redirect_to="item", defaults={"item_id": 7}, methods=["GET"]),
    Blueprint(
        "cart",
        prefix="/cart",
        rules=[Rule("/", view, endpoint="show"), Rule("/basket", redirect_to=".show")],
    ),
]


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/old/3", "/base/items/3"),
        ("/old/3?a=%C3%A4&b=2", "/base/items/3?a=%C3%A4&b=2"),
        ("/feed.xml", "https://feeds.example/all?a=1"),
        ("/feed.xml?b=2", "https://feeds.example/all?a=1&b=2"),
        ("/part?b=2", "/base/page?a=1&b=2#part"),
        ("/docs/a%20b/c", "https://docs.example/a%20b/c"),
        ("/away/x%3Fy", "/base/mounted/x%3Fy"),
        ("/to//evil", "/base/evil"),
        ("/cdn/x", "//cdn.example/x"),
        ("/once", "/base/items/7"),
        ("/cart/basket", "/base/cart/"),
    ],
)
def test_redirect_leads_to_an_endpoint_or_a_url(
    make_app: MakeApp, path: str, location: str
) -> None:
    answer = TestClient(make_app(*RULES), base_url="https://h/base").get(path)
    assert (answer.status_code, answer.headers["Location"]) == (308, location)


def test_redirect_keeps_the_method_and_the_body(make_app: MakeApp) -> None:
    client = TestClient(make_app(*RULES))
    answer = client.post("/old/3", data={"a": "b"}, follow_redirects=True)
    assert answer.json == {"endpoint": "item", "item_id": 3}
    assert client.post("/once").status_code == 405


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (Rule("/old", redirect_to="itme"), "no endpoint 'itme'. Did you mean 'item'"),
        (Rule("/old", redirect_to="item"), "needs item_id; given: nothing"),
        (Rule("/old", redirect_to="https://a/<x>/<y>"), "its URL has no x, y"),
    ],
)
def test_redirect_that_leads_nowhere_is_refused(make_app: MakeApp, rule: Any, problem: str) -> None:
    with pytest.raises(RoutingError, match=f"The rule '/old' cannot redirect to .*: .*{problem}"):
        _ = make_app(RULES[0], rule).url_map


def test_rules_of_one_endpoint_may_lead_to_one_place_only(make_app: MakeApp) -> None:
    new = Rule("/new", lambda request: "new", endpoint="new")
    old = [Rule(path, redirect_to="new", endpoint="old") for path in ("/old", "/older")]
    client = TestClient(make_app(new, *old))
    assert client.get("/older").headers["Location"].endswith("/new")
    elsewhere = Rule("/oldest", redirect_to="/elsewhere", endpoint="old")
    with pytest.raises(RoutingError, match="'old' stands for two views: <Redirect to 'new'> and"):
        _ = make_app(new, *old, elsewhere).url_map
