"""Pages of what a statement returns: by number, or from a place in the order.

Pages by number are counted, and the database passes over all rows before one. Pages from a place
cost the same wherever they are, and neither repeat nor skip a row when others come and go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import and_, func, literal, or_, select, tuple_
from werkzeug.exceptions import NotFound

from . import cursors
from .cursors import Cursor
from .ordering import Order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from .ordering import AnySelect

Item = TypeVar("Item")

ROW_COMPARISONS = frozenset({"postgresql", "sqlite", "mysql", "mariadb"})
"""Databases that compare ``(a, b) > (1, 2)``, for which PostgreSQL can use an index."""


@dataclass(frozen=True)
class OffsetPage(Generic[Item]):
    """A page by its number, the first of which is 1."""

    items: Sequence[Item]
    number: int
    size: int
    total: int
    """How many items there are on all pages."""

    @property
    def pages(self) -> int:
        """How many pages there are; one at least."""
        return max(1, -(-self.total // self.size))

    @property
    def previous(self) -> int | None:
        """The number of the page before."""
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        """The number of the page after."""
        return self.number + 1 if self.number < self.pages else None

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class KeysetPage(Generic[Item]):
    """A page from a place in the order."""

    items: Sequence[Item]
    previous: str | None
    """The cursor of the page before; ``None`` at the start."""
    next: str | None
    """The cursor of the page after; ``None`` at the end."""

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def offset_page(session: Session, statement: AnySelect, number: int, size: int) -> OffsetPage[Any]:
    """Return a page; ``NotFound`` for a number that no page has."""
    _check_size(size)
    counted = select(func.count()).select_from(statement.order_by(None).subquery())
    total = session.scalar(counted) or 0
    page: OffsetPage[Any] = OffsetPage([], number, size, total)
    if not 1 <= number <= page.pages:
        raise NotFound
    rows = session.execute(statement.limit(size).offset((number - 1) * size)).all()
    return OffsetPage(_items(statement, rows), number, size, total)


def keyset_page(
    session: Session, statement: AnySelect, after: str | None, size: int
) -> KeysetPage[Any]:
    """Return a page; ``BadRequest`` for what is no cursor of this list."""
    _check_size(size)
    order = Order.of(statement)
    dialect = session.get_bind().dialect
    order.check_exact(dialect)
    cursor = cursors.read(after, order.digest, order.types) if after else None
    forwards = cursor is None or cursor.is_after
    found = statement.order_by(None).order_by(*order.clauses(forwards)).limit(size + 1)
    if cursor is not None:
        tuples = dialect.name in ROW_COMPARISONS
        found = found.where(beyond(order, cursor, tuples=tuples))
    rows = list(session.execute(found.add_columns(*order.columns)).all())
    places = [order.checked(row[-len(order.columns) :]) for row in rows]
    more, rows, places = len(rows) > size, rows[:size], places[:size]
    if not forwards:
        rows.reverse()
        places.reverse()
    before = rows and (cursor is not None if forwards else more)
    behind = rows and (more if forwards else True)
    return KeysetPage(
        _items(statement, rows),
        cursors.write(Cursor(False, places[0]), order.digest) if before else None,
        cursors.write(Cursor(True, places[-1]), order.digest) if behind else None,
    )


def beyond(order: Order, cursor: Cursor, *, tuples: bool) -> ColumnElement[bool]:
    """Return the condition for the rows on the other side of a cursor."""
    values = [
        literal(value, column.type)
        for column, value in zip(order.columns, cursor.values, strict=True)
    ]
    keys = list(zip(order.columns, order.descending, values, strict=True))
    if tuples and len(set(order.descending)) == 1:
        here, there = tuple_(*order.columns), tuple_(*values)
        upwards = cursor.is_after is not order.descending[0]
        return here > there if upwards else here < there
    alternatives = []
    for position, (column, descends, value) in enumerate(keys):
        same = [column == value for column, _, value in keys[:position]]
        upwards = cursor.is_after is not descends
        alternatives.append(and_(*same, column > value if upwards else column < value))
    return or_(*alternatives)


def _items(statement: AnySelect, rows: Sequence[Any]) -> list[Any]:
    """Return what the statement is of: objects or values if one, else rows."""
    width = len(statement.column_descriptions)
    return [row[0] if width == 1 else row[:width] for row in rows]


def _check_size(size: int) -> None:
    if size < 1:
        raise ValueError(f"A page of {size} rows: size must be at least 1.")
