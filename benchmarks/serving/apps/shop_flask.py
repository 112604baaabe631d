"""The same pages on Flask and Flask-Session: the same templates, items and answers.

Rules without a view are there because the templates link to them.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass
from functools import cache
from typing import Any

import flask
import redis
from flask_session import Session
from shop.served_by import ServedBy

from .pages import ITEMS, PREFIX, SHOP, STATIC, TEMPLATES, Contents, euros


@dataclass(frozen=True)
class Flash:
    message: str


class VisitorSession:
    """What the templates ask of a session."""

    def pop_flashes(self) -> list[Flash]:
        return [Flash(message) for message in flask.get_flashed_messages()]


class Request(flask.Request):
    session = VisitorSession()


def hello() -> str:
    return "Hello, world"


def index() -> str:
    return flask.render_template("index.html", items=ITEMS.values())


def item(item_id: int) -> str:
    return flask.render_template("item.html", item=ITEMS[item_id])


def show() -> str:
    """Show the cart; a session is a dict here, so this reads it as the shop's own cart does."""
    quantities = {
        int(key.removeprefix(PREFIX)): count
        for key, count in flask.session.items()
        if key.startswith(PREFIX)
    }
    return flask.render_template("cart.html", contents=Contents.of(quantities))


def add() -> Any:
    item = ITEMS[int(flask.request.form["item_id"])]
    quantity = int(flask.request.form["quantity"])
    key = f"{PREFIX}{item.id}"
    flask.session[key] = flask.session.get(key, 0) + quantity
    flask.session.setdefault("visitor", secrets.token_hex(8))
    flask.flash(f"{item.name}: {quantity} added to your cart.")
    return flask.redirect(flask.url_for(".show"), 303)


def add_content_hash(endpoint: str, values: dict[str, Any]) -> None:
    """Name static files as our framework does, with a hash of what is in them."""
    if endpoint == "static":
        values["filename"] = with_content_hash(values["filename"])


@cache
def with_content_hash(name: str) -> str:
    content_hash = hashlib.blake2b((STATIC / name).read_bytes(), digest_size=8)
    stem, _, ending = name.rpartition(".")
    return f"{stem}.{content_hash.hexdigest()}.{ending}"


def make_app() -> flask.Flask:
    app = flask.Flask("shop", root_path=str(SHOP), template_folder=str(TEMPLATES))
    app.request_class = Request
    app.config["SESSION_TYPE"] = "redis"
    app.config["SESSION_REDIS"] = redis.Redis.from_url(os.environ["REDIS_URL"])
    Session(app)
    app.add_template_filter(euros)
    app.context_processor(lambda: {"served_by": ServedBy.this_worker()})
    app.url_defaults(add_content_hash)
    for view, path in ((hello, "/hello"), (index, "/"), (item, "/items/<int:item_id>")):
        app.add_url_rule(path, view.__name__, view)
    for name in ("stock", "recommendations"):
        app.add_url_rule(f"/{name}/<int:item_id>", name)
    app.add_url_rule("/served-by", "served_by")
    cart = flask.Blueprint("cart", __name__, url_prefix="/cart")
    cart.add_url_rule("/", "show", show)
    cart.add_url_rule("/contents", "contents")
    for name, view in (("add", add), ("update", None), ("remove", None)):
        cart.add_url_rule(f"/{name}", name, view, methods=["POST"])
    app.register_blueprint(cart)
    app.add_url_rule("/checkout", "checkout.form")
    return app


app = make_app()
