"""The catalogue: what is on sale, in the visitor's language."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import bindparam, select
from werkzeug.exceptions import NotFound

from framework import Request
from shop.config import ShopConfig
from shop.models import Item, ItemText
from shop.reading import reading


@dataclass(frozen=True, slots=True)
class Offer:
    """An item at today's price. ``price`` is in euros, for both halves."""

    id: int
    slug: str
    price: Decimal
    name: str
    tagline: str
    description: str
    material: str
    size: str
    picture_text: str

    @property
    def picture(self) -> str:
        """Return the file name of the picture, among the static files."""
        return f"pictures/{self.slug}.svg"


class ItemNotFound(NotFound):
    """There is no such item; answered with the 404 page."""

    description = "We do not sell such a pair. Perhaps it has found its other half elsewhere."


# Columns, not entities: offers are only shown. Written once, for that takes longer than asking.
ALL = (
    select(
        Item.id,
        Item.slug,
        Item.price,
        ItemText.name,
        ItemText.tagline,
        ItemText.description,
        ItemText.material,
        ItemText.size,
        ItemText.picture_text,
    )
    .join(ItemText, ItemText.item_id == Item.id)
    .where(ItemText.locale == bindparam("locale"))
    .order_by(Item.id)
)
SOME = ALL.where(Item.id.in_(bindparam("ids", expanding=True)))


def look_up(request: Request, ids: Collection[int] | None = None) -> Mapping[int, Offer]:
    """Return offers by the id of the item: those of ``ids``, or all.

    One query. Call it once a request.
    """
    delay = ShopConfig.of(request).catalogue_delay
    if delay:
        # Before the database is touched, so that nobody waits for a connection meanwhile.
        time.sleep(delay)
    statement = ALL if ids is None else SOME
    values = {"locale": request.locale.language, "ids": list(ids or ())}
    with reading(request.db) as connection:
        return {row.id: Offer(*row) for row in connection.execute(statement, values)}


def find(request: Request, item_id: int | None) -> Offer:
    """Return one offer; :class:`ItemNotFound` for an id that is not on sale, or for none."""
    if item_id is None or not 0 < item_id < 2**31:  # what the column can hold
        raise ItemNotFound
    try:
        return look_up(request, [item_id])[item_id]
    except KeyError:
        raise ItemNotFound from None
