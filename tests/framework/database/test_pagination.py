"""Pages by number and from a place: every row once, in order, whatever happens between."""

from __future__ import annotations

import base64
import functools
import json
import operator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from sqlalchemy import Double, Float, ForeignKey, Select, String, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column, relationship
from werkzeug.exceptions import BadRequest, NotFound

from framework.database import (
    Database,
    DatabaseSession,
    KeysetPage,
    PaginationError,
    cursors,
    pagination,
)
from framework.database.cursors import Cursor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.mariadb import MariaDBDatabase
    from tests.postgres import PostgresDatabase


class Base(DeclarativeBase):
    pass


class Maker(Base):
    __tablename__ = "maker"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))


class Thing(Base):
    __tablename__ = "thing"

    id: Mapped[int] = mapped_column(primary_key=True)
    price: Mapped[int]
    kind: Mapped[str] = mapped_column(String(50))
    note: Mapped[str | None] = mapped_column(String(50))
    data: Mapped[bytes] = mapped_column(default=b"")
    weight: Mapped[float] = mapped_column(default=0.1)
    cost: Mapped[Decimal] = mapped_column(default=Decimal("1.5"))
    made: Mapped[datetime] = mapped_column(default=datetime(2026, 1, 2, 3, 4, 5, 6))
    day: Mapped[date] = mapped_column(default=date(2026, 1, 2))
    key: Mapped[UUID] = mapped_column(default=UUID(int=7))
    sold: Mapped[bool] = mapped_column(default=False)
    maker_id: Mapped[int] = mapped_column(ForeignKey("maker.id"))
    maker: Mapped[Maker] = relationship()


class Place(Base):
    __tablename__ = "place"

    row: Mapped[int] = mapped_column(primary_key=True)
    seat: Mapped[int] = mapped_column(primary_key=True)


@pytest.fixture
def db() -> Iterator[DatabaseSession]:
    with things("sqlite://") as session:
        yield session


@contextmanager
def things(url: str) -> Iterator[DatabaseSession]:
    database = Database(url)
    with database.session() as session:
        Base.metadata.create_all(session.connection())
        makers = [Maker(name=name) for name in ("b", "a")]
        for number in range(23):
            session.add(
                Thing(
                    price=number % 3,
                    kind="xy"[number % 2],
                    made=datetime(2026, 1, 1) + timedelta(hours=number % 5),
                    maker=makers[number % 2],
                )
            )
        session.add_all(Place(row=row, seat=seat) for row in range(3) for seat in range(3))
        session.flush()
        yield session
    database.close()


ORDERS: dict[str, Any] = {
    "key alone": select(Thing),
    "one column": select(Thing).order_by(Thing.price),
    "descending": select(Thing).order_by(Thing.price.desc()),
    "ascending, said so": select(Thing).order_by(Thing.price.asc()),
    "mixed": select(Thing).order_by(Thing.price.desc(), Thing.kind),
    "key descending": select(Thing).order_by(Thing.kind, Thing.id.desc()),
    "key first": select(Thing).order_by(Thing.id.desc(), Thing.kind),
    "column of another table": select(Thing).join(Maker).order_by(Maker.name, Thing.price.desc()),
    "filtered": select(Thing).where(Thing.kind == "x").order_by(Thing.price),
    "value": select(Thing.id).order_by(Thing.price),
    "float, decimal, bool": select(Thing).order_by(Thing.weight, Thing.cost, Thing.sold),
    "date, time, uuid": select(Thing).order_by(Thing.made.desc(), Thing.day, Thing.key),
    "two columns of key": select(Place).order_by(Place.seat),
    "rows": select(Thing.kind, Thing.price).order_by(Thing.price),
}


def in_pages(
    db: DatabaseSession, statement: Select[Any], direction: str, cursor: str | None, size: int
) -> list[Any]:
    """Return the items page by page, from a cursor on until there is no further one."""
    pages = []
    while True:
        page: KeysetPage[Any] = db.keyset_page(statement, cursor, size)
        assert len(page) <= size
        pages.append(list(page))
        cursor = getattr(page, direction)
        if cursor is None:
            return pages


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_pages_have_every_row_once_and_in_order_both_ways(db: DatabaseSession, name: str) -> None:
    for size in (3, 50):
        read_both_ways(db, name, size)


@pytest.mark.integration
def test_pages_have_every_row_once_and_in_order_on_postgresql(postgres: PostgresDatabase) -> None:
    with things(postgres.url) as db:
        for name in ORDERS:
            read_both_ways(db, name, 4)


@pytest.mark.integration
@pytest.mark.parametrize("tuples", [True, False])
def test_pages_have_every_row_once_and_in_order_on_mariadb(
    mariadb: MariaDBDatabase, monkeypatch: pytest.MonkeyPatch, tuples: bool
) -> None:
    if not tuples:
        monkeypatch.setattr(pagination, "ROW_COMPARISONS", frozenset())
    with things(mariadb.url) as db:
        for name in ORDERS:
            read_both_ways(db, name, 4)


@pytest.mark.integration
def test_order_by_values_that_mysql_rounds_is_refused(mariadb: MariaDBDatabase) -> None:
    class Scale(DeclarativeBase):
        pass

    class Weighed(Scale):
        __tablename__ = "weighed"

        id: Mapped[int] = mapped_column(primary_key=True)
        single: Mapped[float] = mapped_column(Float)
        long: Mapped[float] = mapped_column(Float(53), default=0.1)
        double: Mapped[float] = mapped_column(Double, default=1 / 3)

    database = Database(mariadb.url)
    with database.session() as db:
        Scale.metadata.create_all(db.connection())
        db.add_all(Weighed(single=0.1) for _ in range(7))
        db.flush()
        with pytest.raises(PaginationError, match=r"weighed\.single, a FLOAT.*sqlalchemy\.Double"):
            db.keyset_page(select(Weighed).order_by(Weighed.single))
        statement = select(Weighed.id).order_by(Weighed.long, Weighed.double)
        assert in_pages(db, statement, "next", None, 4) == [[1, 2, 3, 4], [5, 6, 7]]
    database.close()


def test_pages_need_no_comparison_of_rows(
    db: DatabaseSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "ROW_COMPARISONS", frozenset())
    for name in ORDERS:
        read_both_ways(db, name, 4)


def read_both_ways(db: DatabaseSession, name: str, size: int) -> None:
    statement = ORDERS[name]
    whole = list(db.keyset_page(statement, None, 100))
    found = sorted(map(str, db.execute(statement).all()))
    assert sorted(str((item,)) if name != "rows" else str(item) for item in whole) == found
    forwards = in_pages(db, statement, "next", None, size)
    assert functools.reduce(operator.iadd, forwards, []) == whole
    last, cursor = db.keyset_page(statement, None, size), None
    while last.next:
        cursor, last = last.next, db.keyset_page(statement, last.next, size)
    if cursor is not None:
        backwards = in_pages(db, statement, "previous", last.previous, size)
        assert functools.reduce(operator.iadd, reversed(backwards), []) + list(last) == whole


def test_order_is_that_of_the_statement(db: DatabaseSession) -> None:
    statement = select(Thing).order_by(Thing.price.desc(), Thing.kind)
    found = [(thing.price, thing.kind, thing.id) for thing in db.keyset_page(statement, size=50)]
    assert found == sorted(found, key=lambda key: (-key[0], key[1], key[2]))


def test_rows_that_come_and_go_neither_shift_nor_repeat_a_page(db: DatabaseSession) -> None:
    statement = select(Thing).order_by(Thing.price)
    first = db.keyset_page(statement, size=5)
    expected = [thing.id for thing in db.keyset_page(statement, first.next, 5)]
    db.delete(first.items[0])
    db.delete(first.items[-1])
    db.add(Thing(price=-1, kind="x", maker_id=1))
    assert [thing.id for thing in db.keyset_page(statement, first.next, 5)] == expected


def test_pages_of_an_alias(db: DatabaseSession) -> None:
    other = aliased(Thing)
    statement = select(other).order_by(other.price)
    assert len(functools.reduce(operator.iadd, in_pages(db, statement, "next", None, 4), [])) == 23


def test_empty_list_is_one_empty_page(db: DatabaseSession) -> None:
    statement = select(Thing).where(Thing.id < 0)
    page = db.keyset_page(statement)
    assert (list(page), page.next, page.previous) == ([], None, None)
    numbered = db.offset_page(statement)
    assert (list(numbered), numbered.total, numbered.pages) == ([], 0, 1)
    assert (numbered.next, numbered.previous) == (None, None)


NO_NUMBERS: list[Any] = ["a", None, [], {}, True, 1.5, 2**63, -(2**64)]
NO_DIRECTIONS: list[Any] = [2, None, []]


def changed(cursor: str, position: int, value: Any) -> str:
    content = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    content[position] = value
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def test_what_is_no_cursor_of_this_list_is_a_bad_request(db: DatabaseSession) -> None:
    statement = select(Thing).order_by(Thing.price)
    cursor = db.keyset_page(statement, size=5).next
    other = db.keyset_page(select(Thing).order_by(Thing.price.desc()), size=5).next
    assert cursor is not None
    assert other is not None
    wrong = [
        *("nonsense", "x", "ö", cursor[:-3], cursor + "A", other, "A" * 3000, "W1tb" * 400),
        *(changed(cursor, 2, value) for value in NO_NUMBERS),
        *(changed(cursor, 0, value) for value in NO_DIRECTIONS),
        base64.urlsafe_b64encode(b"5").decode(),
        base64.urlsafe_b64encode(b'{"a":1}').decode(),
    ]
    for text in wrong:
        with pytest.raises(BadRequest):
            db.keyset_page(statement, text, 5)


@pytest.mark.parametrize("value", ["a\0b", "\ud800", 7, None])
def test_text_that_a_database_cannot_have_is_a_bad_request(db: DatabaseSession, value: Any) -> None:
    statement = select(Thing).order_by(Thing.kind)
    cursor = db.keyset_page(statement, size=5).next
    assert cursor is not None
    with pytest.raises(BadRequest):
        db.keyset_page(statement, changed(cursor, 2, value), 5)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *((Thing.made, value) for value in ("yesterday", 5, "2026-13-01")),
        *((Thing.cost, value) for value in ("NaN", "Infinity", "x", [1])),
        *((Thing.weight, value) for value in ("1", True)),
        *((Thing.key, value) for value in ("1", 1)),
    ],
)
def test_value_of_another_type_is_a_bad_request(
    db: DatabaseSession, column: Any, value: Any
) -> None:
    statement = select(Thing).order_by(column)
    cursor = db.keyset_page(statement, size=5).next
    assert cursor is not None
    with pytest.raises(BadRequest):
        db.keyset_page(statement, changed(cursor, 2, value), 5)


def test_changed_cursor_is_another_place_of_the_same_list(db: DatabaseSession) -> None:
    statement = select(Thing).where(Thing.kind == "x").order_by(Thing.price)
    cursor = db.keyset_page(statement, size=5).next
    assert cursor is not None
    page = db.keyset_page(statement, changed(cursor, 2, -5), 50)
    assert {thing.kind for thing in page} == {"x"}


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (select(Thing).order_by(Thing.note), r"thing\.note, which can be NULL.*Mapped\[int\]"),
        (select(Thing).order_by(func.lower(Thing.kind)), "lower.*not a column"),
        (select(Thing).order_by(Thing.price.desc().nulls_last()), "NULLS LAST.*not a column"),
        (select(Thing).order_by("price"), "not a column"),
        (select(Thing).order_by(Thing.data), r"thing\.data of type.*cannot hold"),
        (select(func.count()), "without a model"),
    ],
)
def test_order_with_ties_or_gaps_is_refused(
    db: DatabaseSession, statement: Select[Any], message: str
) -> None:
    with pytest.raises(PaginationError, match=message):
        db.keyset_page(statement)


def test_null_of_an_outer_join_is_refused(db: DatabaseSession) -> None:
    db.add(Maker(name="c"))
    statement = select(Maker).outerjoin(Thing).order_by(Thing.price.desc(), Maker.id)
    with pytest.raises(PaginationError, match=r"thing\.price, which is NULL in a row"):
        db.keyset_page(statement, size=50)


def test_pages_by_number(db: DatabaseSession) -> None:
    statement = select(Thing.id).order_by(Thing.id)
    pages = [db.offset_page(statement, number, 10) for number in (1, 2, 3)]
    assert [list(page) for page in pages] == [
        list(range(1, 11)), list(range(11, 21)), list(range(21, 24))
    ]  # fmt: skip
    assert [(page.previous, page.next) for page in pages] == [(None, 2), (1, 3), (2, None)]
    assert {(page.total, page.pages, page.size) for page in pages} == {(23, 3, 10)}
    assert [len(page) for page in pages] == [10, 10, 3]


@pytest.mark.parametrize("number", [0, -1, 4, 10**30])
def test_number_that_no_page_has_is_not_found(db: DatabaseSession, number: int) -> None:
    with pytest.raises(NotFound):
        db.offset_page(select(Thing).order_by(Thing.id), number, 10)


def test_page_without_rows_is_a_fault_of_the_view(db: DatabaseSession) -> None:
    for page in (db.offset_page, db.keyset_page):
        with pytest.raises(ValueError, match="at least 1"):
            page(select(Thing), size=0)


def test_cursor_of_a_time_keeps_its_zone(db: DatabaseSession) -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    text = cursors.write(Cursor(True, (moment,)), "order")
    assert cursors.read(text, "order", [datetime]) == Cursor(True, (moment,))
