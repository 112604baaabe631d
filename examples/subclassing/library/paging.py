"""Pages of a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from werkzeug.exceptions import BadRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LARGEST_PAGE = 100

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list; the first page is 1."""

    number: int
    size: int

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """Read ``page`` and ``size``; :class:`BadRequest` says which one is wrong, and why."""
        return cls(
            number=_number("page", query.get("page", "1"), largest=10**6),
            size=_number("size", query.get("size", "2"), largest=LARGEST_PAGE),
        )

    def of(self, items: Sequence[Item]) -> list[Item]:
        """Return what is on this page."""
        start = (self.number - 1) * self.size
        return list(items[start : start + self.size])


def _number(name: str, text: str, *, largest: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= largest):
        raise BadRequest(f"{name}={text!r} is not a whole number from 1 to {largest}.")
    return int(text)
