"""The catalogue, what item pages ask for later, and the page that says who answered."""

import time
from dataclasses import asdict
from typing import Any

from framework import Request
from shop import catalogue
from shop.cart.cart import Cart
from shop.config import ShopConfig
from shop.pictures import Receipt
from shop.recommendations import similar_items
from shop.served_by import ServedBy
from shop.stock import pairs_left

FEW = 10
"""Pairs in stock below which a page says so."""


def index(request: Request) -> str:
    """Show everything there is."""
    return request.render("index.html", items=catalogue.look_up(request).values())


def item(request: Request, item_id: int) -> str:
    """Show one pair."""
    return request.render("item.html", item=catalogue.find(request, item_id))


def stock(request: Request, item_id: int) -> dict[str, Any]:
    """Tell how many pairs are left, as soon as the warehouse has answered."""
    time.sleep(ShopConfig.of(request).stock_delay)
    left = pairs_left(request.db, item_id) if item_id < 2**31 else None
    if left is None:
        raise catalogue.ItemNotFound
    return {"item_id": item_id, "pairs_left": left, "text": stock_text(request, left)}


def stock_text(request: Request, left: int) -> str:
    """Return what an item's page says of the stock."""
    if left == 0:
        return request.gettext("Sold out")
    if left < FEW:
        return request.ngettext("Only %(num)d pair left", "Only %(num)d pairs left", left)
    return request.ngettext("%(num)d pair in stock", "%(num)d pairs in stock", left)


def recommendations(request: Request, item_id: int) -> dict[str, Any]:
    """Tell what goes well with an item."""
    similar = dict(similar_items(item_id))
    items = catalogue.look_up(request, similar)
    return {
        "item_id": item_id,
        "recommendations": [
            {
                "id": item.id,
                "name": item.name,
                "similarity": round(similarity, 3),
                "url": request.url_for("item", item_id=item.id),
                "picture": request.url_for("static", filename=item.picture),
            }
            for item, similarity in [(items[id], similar[id]) for id in similar]
        ],
    }


def receive_picture(request: Request) -> dict[str, Any]:
    """Take a picture, as the body or as the file of a form, and tell what arrived and where."""
    form = request.mimetype == "multipart/form-data"
    stream = request.files["picture"].stream if form else request.stream
    here = ServedBy.this_worker()
    return {**asdict(Receipt.of(stream)), "node": here.node, "slot": here.slot}


def served_by(request: Request) -> str:
    """Show which worker answered, beside the cart, which all of them share."""
    count = sum(Cart(request.session).quantities().values())
    return request.render("served_by.html", count=count)


def served_by_json(request: Request) -> dict[str, Any]:
    """Tell which worker answered."""
    return asdict(ServedBy.this_worker())
