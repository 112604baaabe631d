"""The cart: shown, changed, and as JSON."""

from typing import Any

from werkzeug.wrappers import Response

from framework import Request
from shop import catalogue
from shop.cart.cart import Cart
from shop.forms import FieldError, parse_quantity
from shop.served_by import ServedBy


def show(request: Request) -> str:
    """Show what is in the cart."""
    contents = Cart(request.session).contents(request)
    return request.render("cart.html", contents=contents)


def contents(request: Request) -> dict[str, Any]:
    """Tell what is in the cart, whose it is, and who answered."""
    contents = Cart(request.session).contents(request)
    here = ServedBy.this_worker()
    return {
        "items": {str(line.item.id): line.quantity for line in contents.lines},
        "count": contents.count,
        "total": contents.total,
        "visitor": request.session.get("visitor"),
        "node": here.node,
        "slot": here.slot,
    }


def add(request: Request) -> Response | tuple[str, int]:
    """Put pairs of an item into the cart, or show its page again with what is wrong."""
    item = catalogue.find(request, request.form.get("item_id", type=int))
    text = request.form.get("quantity", "1")
    try:
        quantity = parse_quantity(text)
        Cart(request.session).add(item, quantity)
    except FieldError as error:
        page = request.render("item.html", item=item, quantity=text, error=error.message)
        return page, 422
    flash = request.gettext(
        "%(item)s: %(count)d added to your cart.", item=item.name, count=quantity
    )
    request.session.flash(flash)
    return request.redirect(".show")


def update(request: Request) -> Response | tuple[str, int]:
    """Set how many pairs of an item there are, or show the cart again with what is wrong."""
    cart = Cart(request.session)
    item_id = request.form.get("item_id", type=int)
    text = request.form.get("quantity", "")
    try:
        quantity = parse_quantity(text)
    except FieldError as error:
        mistake = {"item_id": item_id, "text": text, "error": error.message}
        page = request.render("cart.html", contents=cart.contents(request), mistake=mistake)
        return page, 422
    item = catalogue.find(request, item_id)
    cart.change(item, quantity)
    flash = request.gettext("%(item)s: now %(count)d in your cart.", item=item.name, count=quantity)
    request.session.flash(flash)
    return request.redirect(".show")


def remove(request: Request) -> Response:
    """Take an item out of the cart."""
    item = catalogue.find(request, request.form.get("item_id", type=int))
    Cart(request.session).remove(item)
    request.session.flash(request.gettext("%(item)s: taken out of your cart.", item=item.name))
    return request.redirect(".show")
