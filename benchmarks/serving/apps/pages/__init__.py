"""Three pages of the example shop as they were before it had a database and translations.

What is compared is what a framework and a server add to a page, so nothing else is in them. Flask
renders the same templates.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import shop

SHOP = Path(shop.__file__).parent
TEMPLATES = Path(__file__).parent / "templates"
STATIC = SHOP / "static"
PREFIX = "cart:"


@dataclass(frozen=True, slots=True)
class Item:
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
        return f"pictures/{self.slug}.svg"


@dataclass(frozen=True, slots=True)
class Line:
    item: Item
    quantity: int

    @property
    def total(self) -> Decimal:
        return self.item.price * self.quantity


@dataclass(frozen=True, slots=True)
class Contents:
    lines: tuple[Line, ...]

    @classmethod
    def of(cls, quantities: dict[int, int]) -> Contents:
        return cls(
            tuple(
                Line(item, quantities[item.id]) for item in ITEMS.values() if item.id in quantities
            )
        )

    @property
    def count(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def total(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal("0.00"))


def euros(amount: Decimal) -> str:
    return f"€{amount:,.2f}"


def read_items() -> dict[int, Item]:
    """The items that the shop begins with, in English."""
    items = tomllib.loads((SHOP / "migrations" / "first_items.toml").read_text("utf-8"))["items"]
    return {
        item["id"]: Item(item["id"], item["slug"], Decimal(item["price"]), **item["en"])
        for item in items
    }


ITEMS = read_items()
