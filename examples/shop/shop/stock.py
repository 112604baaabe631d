"""How many pairs there are, and taking them away without ever selling one twice."""

from collections.abc import Mapping

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from shop.models import Stock


class SoldOut(Exception):
    """There are not enough pairs left; nothing of the order may be kept.

    :param left: the pairs that there are, by the id of each item that has too few.
    """

    def __init__(self, left: Mapping[int, int]) -> None:
        super().__init__(f"too few pairs are left: {dict(left)}")
        self.left = left


def pairs_left(db: Session, item_id: int) -> int | None:
    """Return how many pairs there are; ``None`` for an unknown item."""
    return db.scalar(select(Stock.pairs).where(Stock.item_id == item_id))


def take(db: Session, quantities: Mapping[int, int], restock: int = 0) -> None:
    """Take pairs out of stock, by item id; :class:`SoldOut` unless all of them are there.

    Each is one conditional UPDATE, which no other order can come between. They are made in the
    order of the ids: two orders for the same items wait for each other and never in a circle.

    :param restock: pairs that are delivered where there are too few.
    """
    missing = {}
    for item_id, quantity in sorted(quantities.items()):
        if take_one(db, item_id, quantity):
            continue
        if restock:
            deliver(db, item_id, max(restock, quantity))
            take_one(db, item_id, quantity)
        else:
            missing[item_id] = pairs_left(db, item_id) or 0
    if missing:
        raise SoldOut(missing)


def take_one(db: Session, item_id: int, quantity: int) -> bool:
    """Take pairs of one item; return whether there were enough."""
    enough = update(Stock).where(Stock.item_id == item_id, Stock.pairs >= quantity)
    taken = db.execute(enough.values(pairs=Stock.pairs - quantity))
    assert isinstance(taken, CursorResult)  # noqa: S101  tells mypy
    return taken.rowcount == 1


def deliver(db: Session, item_id: int, pairs: int) -> None:
    """Add pairs to the stock of an item."""
    one = update(Stock).where(Stock.item_id == item_id)
    db.execute(one.values(pairs=Stock.pairs + pairs))
