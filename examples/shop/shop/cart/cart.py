"""The visitor's cart, kept in the session."""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from framework import Request
from framework.i18n.lazy import lazy_gettext as _
from framework.sessions import Session
from shop import catalogue
from shop.catalogue import Offer
from shop.forms import MAX_QUANTITY, FieldError

PREFIX = "cart:"
NUMBER = "order_number"
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that looks like something else


@dataclass(frozen=True, slots=True)
class Line:
    """One item in the cart and how many pairs of it."""

    item: Offer
    quantity: int

    @property
    def total(self) -> Decimal:
        """What the line costs, in euros."""
        return self.item.price * self.quantity


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a cart at the prices of today."""

    lines: tuple[Line, ...]

    @property
    def count(self) -> int:
        """How many pairs there are."""
        return sum(line.quantity for line in self.lines)

    @property
    def quantities(self) -> dict[int, int]:
        """How many pairs of each item, by its id."""
        return {line.item.id: line.quantity for line in self.lines}

    @property
    def total(self) -> Decimal:
        """What they cost, in euros."""
        return sum((line.total for line in self.lines), Decimal("0.00"))


class Cart:
    """How many pairs of what a visitor wants, in the session.

    Each item has a session key of its own, ``cart:3``. Sessions merge by key, so two requests that
    add different items at the same moment, on any two nodes, are both kept.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def quantities(self) -> dict[int, int]:
        """Return the number of pairs by item id."""
        keys = sorted(key for key in self._session if key.startswith(PREFIX))
        return {int(key.removeprefix(PREFIX)): self._session[key] for key in keys}

    @property
    def order_number(self) -> str:
        """The number this cart will be ordered under, whichever of two requests is faster."""
        number: str = self._session[NUMBER]
        return number

    def contents(self, request: Request) -> Contents:
        """Return what is in the cart; items that are no longer on sale are left out."""
        quantities = self.quantities()
        if not quantities:
            return Contents(())
        items = catalogue.look_up(request, quantities)
        return Contents(tuple(Line(item, quantities[item.id]) for item in items.values()))

    def add(self, item: Offer, quantity: int) -> None:
        """Put more pairs in; :class:`FieldError`, and none, if that would be too many.

        Counting up, unlike reading and assigning, loses nothing when two requests do it at once.
        """
        key = _key(item.id)
        if self._session.incr(key, quantity) > MAX_QUANTITY:
            self._session.incr(key, -quantity)
            raise FieldError(_("A cart holds up to %(most)d pairs of one kind.", most=MAX_QUANTITY))
        self._name_visitor()

    def change(self, item: Offer, quantity: int) -> None:
        """Set how many pairs; of two requests at once the later one counts."""
        self._session[_key(item.id)] = quantity
        self._name_visitor()

    def remove(self, item: Offer) -> None:
        """Take an item out; fine if it is not in."""
        with suppress(KeyError):
            del self._session[_key(item.id)]

    def empty(self) -> None:
        """Take everything out.

        What has been read before must not have changed meanwhile, or saving the session answers
        409. So of two orders for one cart only one succeeds.
        """
        for item_id in self.quantities():
            del self._session[_key(item_id)]
        with suppress(KeyError):
            del self._session[NUMBER]

    def _name_visitor(self) -> None:
        if "visitor" not in self._session:
            self._session["visitor"] = secrets.token_hex(8)
        if NUMBER not in self._session:
            self._session[NUMBER] = new_order_number()


def _key(item_id: int) -> str:
    return f"{PREFIX}{item_id}"


def new_order_number() -> str:
    """Return a number no other worker will make, without asking one: 30¹⁰ are possible."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(10))
    return f"{code[:5]}-{code[5:]}"
