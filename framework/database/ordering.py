"""What the rows of a statement are ordered by, made so that no two are in the same place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import REAL, Column, Double, Float, inspect
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import UnaryExpression

from .cursors import READERS
from .exceptions import PaginationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Dialect, Select

    AnySelect = Select[*tuple[Any, ...]]

LONGEST_SINGLE = 24
"""Bits of precision up to which MySQL makes FLOAT of four bytes."""

DIRECTIONS = {operators.asc_op: False, operators.desc_op: True}


@dataclass(frozen=True)
class Order:
    """The columns of an ORDER BY, and the primary key behind them where it was not among them."""

    columns: tuple[Column[Any], ...]
    descending: tuple[bool, ...]

    @classmethod
    def of(cls, statement: AnySelect) -> Order:
        """Return the order of a statement; raises :class:`PaginationError` for one that has ties.

        Its columns have to be those of tables, and never NULL: NULL is neither before nor after
        anything.
        """
        # SQLAlchemy has no public name for these.
        keys = dict(map(_key, statement._order_by_clauses))
        descending = bool(keys) and list(keys.values())[-1]
        for column in _primary_key(statement):
            if not any(column.compare(known) for known in keys):
                keys[column] = descending
        return cls(tuple(keys), tuple(keys.values()))

    @property
    def types(self) -> list[type]:
        """The types of the values."""
        return [_python_type(column) for column in self.columns]

    @property
    def digest(self) -> str:
        """A text that another order does not have."""
        pairs = zip(self.columns, self.descending, strict=True)
        return ",".join(f"{column} {descends}" for column, descends in pairs)

    def clauses(self, forwards: bool) -> Iterator[ColumnElement[Any]]:
        """Return what to order by, in this order or in the reverse one."""
        for column, descends in zip(self.columns, self.descending, strict=True):
            yield column.desc() if descends is forwards else column.asc()

    def check_exact(self, dialect: Dialect) -> None:
        """Raise :class:`PaginationError` for a column whose values the database sends rounded."""
        if dialect.name not in {"mysql", "mariadb"}:
            return
        for column in self.columns:
            if _is_rounded(column.type.dialect_impl(dialect)):
                raise PaginationError(
                    f"A page is ordered by {column}, a FLOAT, which MySQL sends rounded, so its"
                    " values cannot be found again. Make it a sqlalchemy.Double, or a Numeric."
                )

    def checked(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Return values of the columns; raises :class:`PaginationError` if one is NULL."""
        for column, value in zip(self.columns, values, strict=True):
            if value is None:
                raise PaginationError(
                    f"A page is ordered by {column}, which is NULL in a row, perhaps by an outer"
                    " join. Order by columns that every row has."
                )
        return tuple(values)


def _key(clause: Any) -> tuple[Column[Any], bool]:
    """Return the column of one part of an ORDER BY, and whether it descends."""
    element, descending = clause, False
    if isinstance(clause, UnaryExpression) and clause.modifier in DIRECTIONS:
        element, descending = clause.element, DIRECTIONS[clause.modifier]
    if not isinstance(element, Column):
        raise PaginationError(
            f"A page is ordered by {clause}, which is not a column. Order by columns, each as it is"
            " or with desc(); keep what is computed in a column of its own."
        )
    if element.nullable:
        raise PaginationError(
            f"A page is ordered by {element}, which can be NULL, and NULL is neither before nor"
            " after anything. Order by columns with nullable=False (Mapped[int], not"
            " Mapped[int | None]), or use offset_page."
        )
    _python_type(element)
    return element, descending


def _primary_key(statement: AnySelect) -> Sequence[Column[Any]]:
    entity = statement.column_descriptions[0].get("entity")
    if entity is None:
        raise PaginationError(
            "A page is asked of a statement without a model: begin it with select(Model) or with a"
            " column of one, so that rows that are equal are told apart by its primary key."
        )
    selected: Any = inspect(entity)
    selectable, mapper = selected.selectable, selected.mapper
    return [
        selectable.corresponding_column(column) if selected.is_aliased_class else column
        for column in mapper.primary_key
    ]


def _is_rounded(kind: object) -> bool:
    return (
        isinstance(kind, Float)
        and not isinstance(kind, Double | REAL)
        and (kind.precision or 0) <= LONGEST_SINGLE
    )


def _python_type(column: Column[Any]) -> type:
    try:
        kind = column.type.python_type
    except NotImplementedError:
        kind = object
    if kind not in READERS:
        known = ", ".join(sorted(kind.__name__ for kind in READERS))
        raise PaginationError(
            f"A page is ordered by {column} of type {column.type!r}, which a cursor cannot hold."
            f" Order by columns of: {known}."
        )
    return kind
