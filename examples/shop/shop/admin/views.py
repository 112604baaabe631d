"""All orders, and the stock."""

import re

from sqlalchemy import select, update
from werkzeug.wrappers import Response

from framework import Request
from framework.i18n.lazy import lazy_gettext as _
from shop import catalogue
from shop.forms import FieldError
from shop.models import Order, Stock

PAGE = 20
MOST_PAIRS = 9999


def orders(request: Request) -> str:
    """Show all orders, the latest first."""
    latest = select(Order).order_by(Order.created.desc(), Order.number)
    page = request.db.keyset_page(latest, after=request.args.get("after"), size=PAGE)
    return request.render("admin/orders.html", page=page)


def stock(request: Request) -> str:
    """Show how many pairs there are of each item."""
    return stock_page(request)


def change_stock(request: Request) -> Response | tuple[str, int]:
    """Set how many pairs of an item there are, or show again what is wrong."""
    item = catalogue.find(request, request.form.get("item_id", type=int))
    text = request.form.get("pairs", "")
    try:
        pairs = parse_pairs(text)
    except FieldError as error:
        mistake = {"item_id": item.id, "text": text, "error": error.message}
        return stock_page(request, mistake), 422
    request.db.execute(update(Stock).where(Stock.item_id == item.id).values(pairs=pairs))
    request.session.flash(request.gettext("%(item)s: now %(pairs)d.", item=item.name, pairs=pairs))
    return request.redirect(".stock")


def stock_page(request: Request, mistake: dict[str, object] | None = None) -> str:
    items = catalogue.look_up(request)
    pairs = dict(row for row in request.db.execute(select(Stock.item_id, Stock.pairs)))
    return request.render("admin/stock.html", items=items, pairs=pairs, mistake=mistake)


def parse_pairs(text: str) -> int:
    """Return a number of pairs; :class:`FieldError` unless it is one from 0 to 9999."""
    if re.fullmatch("[0-9]{1,4}", text.strip()) is None:
        raise FieldError(_("Please enter a whole number from 0 to %(most)d.", most=MOST_PAIRS))
    return int(text)
