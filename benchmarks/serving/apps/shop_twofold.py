"""Pages of the example shop, and one page more: the shortest one.

Rules without a view are there because the templates link to them.
"""

from __future__ import annotations

import secrets
from os.path import relpath
from typing import TYPE_CHECKING

from framework import App, Blueprint, Request, Rule

from .pages import ITEMS, PREFIX, SHOP, STATIC, TEMPLATES, Contents, euros

if TYPE_CHECKING:
    from werkzeug.wrappers import Response


class Pages(App):
    template_folder = relpath(TEMPLATES, SHOP)
    static_folder = relpath(STATIC, SHOP)


def hello(request: Request) -> str:
    return "Hello, world"


def index(request: Request) -> str:
    return request.render("index.html", items=ITEMS.values())


def item(request: Request, item_id: int) -> str:
    return request.render("item.html", item=ITEMS[item_id])


def show(request: Request) -> str:
    session = request.session
    quantities = {
        int(key.removeprefix(PREFIX)): session[key]
        for key in sorted(session)
        if key.startswith(PREFIX)
    }
    return request.render("cart.html", contents=Contents.of(quantities))


def add(request: Request) -> Response:
    item = ITEMS[int(request.form["item_id"])]
    quantity = int(request.form["quantity"])
    request.session.incr(f"{PREFIX}{item.id}", quantity)
    if "visitor" not in request.session:
        request.session["visitor"] = secrets.token_hex(8)
    request.session.flash(f"{item.name}: {quantity} added to your cart.")
    return request.redirect(".show")


def elsewhere(request: Request, **values: object) -> str:
    return "This page is not measured."


urls = [
    Rule("/hello", hello),
    Rule("/", index),
    Rule("/items/<int:item_id>", item),
    *(
        Rule(f"/{name}/<int:item_id>", elsewhere, endpoint=name)
        for name in ("stock", "recommendations")
    ),
    Rule("/served-by", elsewhere, endpoint="served_by"),
    Blueprint(
        "cart",
        prefix="/cart",
        rules=[
            Rule("/", show),
            Rule("/contents", elsewhere, endpoint="contents"),
            Rule("/add", add, methods=["POST"]),
            *(
                Rule(f"/{name}", elsewhere, endpoint=name, methods=["POST"])
                for name in ("update", "remove")
            ),
        ],
    ),
    Blueprint("checkout", prefix="/checkout", rules=[Rule("", elsewhere, endpoint="form")]),
]

app = Pages("shop", urls=urls)
app.add_template_filter(euros)
app.context_processor("shop.served_by:template_names")
