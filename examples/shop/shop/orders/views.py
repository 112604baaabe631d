"""A customer's orders: the list, one of them, and all as JSON."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select

from shop import catalogue
from shop.models import Order
from shop.requests import ShopRequest
from shop.served_by import ServedBy

MOST = 50
"""Orders in the list, the latest first."""


def index(request: ShopRequest) -> str:
    """Show the customer's latest orders."""
    return request.render("orders.html", orders=latest(request))


def show(request: ShopRequest, number: str) -> str:
    """Show one order; one of somebody else is not found."""
    order = request.db.one_or_404(own(request).where(Order.number == number))
    items = catalogue.look_up(request, [line.item_id for line in order.lines])
    return request.render("order.html", order=order, items=items)


def contents(request: ShopRequest) -> dict[str, Any]:
    """Tell the customer's latest orders, who took them, and who answered."""
    here = ServedBy.this_worker()
    return {
        "orders": [
            {
                "number": order.number,
                "items": {str(line.item_id): line.quantity for line in order.lines},
                "total": order.total,
                "node": order.node,
            }
            for order in latest(request)
        ],
        "customer": request.customer.email if request.customer else None,
        "node": here.node,
        "slot": here.slot,
    }


def latest(request: ShopRequest) -> Sequence[Order]:
    """Return the customer's latest orders, the latest first."""
    orders = own(request).order_by(Order.created.desc(), Order.number).limit(MOST)
    return request.db.scalars(orders).all()


def own(request: ShopRequest) -> Select[Order]:
    """Select the customer's orders."""
    return select(Order).where(Order.user_id == request.session.user_id)
