"""Ordering what is in the cart."""

from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from framework import Request
from shop import stock
from shop.cart.cart import Cart, Contents
from shop.checkout.form import CheckoutForm
from shop.config import ShopConfig
from shop.models import Order, OrderLine
from shop.requests import ShopRequest
from shop.served_by import ServedBy


def form(request: ShopRequest) -> Response | str:
    """Show the form, or the cart if there is nothing to order."""
    contents = Cart(request.session).contents(request)
    if not contents.lines:
        return request.redirect("cart.show")
    form = CheckoutForm.of_customer(request.customer)
    return request.render("checkout.html", contents=contents, form=form, errors={})


def place_order(request: ShopRequest) -> Response | tuple[str, int]:
    """Take the order and empty the cart, or show again what is wrong.

    The order, its lines and the stock are one transaction, which is committed before the answer is
    sent. The number was made with the cart: sent twice, a cart is ordered once.
    """
    cart = Cart(request.session)
    contents = cart.contents(request)
    if not contents.lines:
        return request.redirect("cart.show")
    form = CheckoutForm.from_fields(request.form)
    if errors := form.errors():
        page = request.render("checkout.html", contents=contents, form=form, errors=errors)
        return page, 422
    order = make_order(request, cart.order_number, contents, form)
    try:
        request.db.add(order)
        request.db.flush()
        stock.take(request.db, contents.quantities, ShopConfig.of(request).restock)
    except IntegrityError:  # the number: another request has ordered this cart already
        request.db.rollback()
    except stock.SoldOut as sold_out:
        request.db.rollback()
        return request.render("cart.html", contents=contents, left=sold_out.left), 422
    request.session["order"] = order.number
    cart.empty()
    return request.redirect(".thanks")


def make_order(request: ShopRequest, number: str, contents: Contents, form: CheckoutForm) -> Order:
    """Return an order at the prices of today, which nobody has stored yet."""
    return Order(
        number=number,
        user_id=request.customer.id if request.customer else None,
        name=form.name,
        email=form.email,
        address=form.address,
        node=ServedBy.this_worker().node,
        lines=[
            OrderLine(item_id=line.item.id, quantity=line.quantity, price=line.item.price)
            for line in contents.lines
        ],
    )


def thanks(request: Request) -> Response | str:
    """Confirm the visitor's last order."""
    number = request.session.get("order")
    order = None if number is None else request.db.get(Order, number)
    if order is None:
        return request.redirect("cart.show")
    return request.render("thanks.html", order=order)
