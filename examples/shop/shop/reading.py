"""Queries in requests that may write."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.orm import Session


@contextmanager
def reading(db: Session) -> Iterator[Connection]:
    """Give the connection for queries, and give it back before a page is made of what they found.

    Each transaction of a POST takes the only write lock SQLite has, for it may write; not this one.
    In a transaction that has begun already, the queries are part of it and nothing ends.
    """
    if db.in_transaction():
        yield db.connection()
        return
    yield db.connection(execution_options={"sqlite_begin": "BEGIN"})
    db.commit()
