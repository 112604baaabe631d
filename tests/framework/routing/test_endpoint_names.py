from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from framework import Blueprint, Rule
from framework.exceptions import URLBuildError
from framework.routing.endpoint_names import absolute_endpoint, nearest_endpoint
from framework.testing import make_request

if TYPE_CHECKING:
    from conftest import MakeApp


def view(request, **values):
    return {"endpoint": request.endpoint, **values}


def test_endpoint_of_the_same_view_in_a_blueprint_is_suggested(make_app: MakeApp) -> None:
    cart = Blueprint("cart", prefix="/cart", rules=[Rule("/", view, endpoint="show")])
    app = make_app(cart, Rule("/shop", view))
    with pytest.raises(URLBuildError, match=r"no endpoint 'show'. Did you mean 'cart.show'\?"):
        make_request(app).url_for("show")
    names = ["s.items.views", "cart.view", "shop.items.view"]
    assert nearest_endpoint("s.items.view", names) == " Did you mean 'shop.items.view'?"
    names = ["indexes", "admin.users.index"]
    assert nearest_endpoint("index", names) == " Did you mean 'admin.users.index'?"


@pytest.mark.parametrize(
    ("endpoint", "blueprint", "expected"),
    [
        ("a.b", "x", "a.b"),
        (".b", None, "b"),
        (".b", "x.y", "x.y.b"),
        ("..b", "x.y", "x.b"),
        ("...b", "x.y", "b"),
    ],
)
def test_dots_in_front_lead_through_the_blueprints(
    endpoint: str, blueprint: str | None, expected: str
) -> None:
    assert absolute_endpoint(endpoint, blueprint) == expected


@pytest.mark.parametrize(("endpoint", "blueprint"), [("..b", None), ("....b", "x.y")])
def test_too_many_dots_are_refused(endpoint: str, blueprint: str | None) -> None:
    with pytest.raises(URLBuildError, match="more dots than there are blueprints"):
        absolute_endpoint(endpoint, blueprint)
