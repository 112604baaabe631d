"""An app that writes each POST's query as a row into the database of all nodes; GET counts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from framework import App, Rule

from .models import Entry

if TYPE_CHECKING:
    from framework import Request


def add(request: Request) -> str:
    request.db.add(Entry(name=request.query_string.decode()))
    return "added"


def count(request: Request) -> str:
    return str(request.db.scalar(select(func.count()).select_from(Entry)))


urls = [Rule("/", add, methods=["POST"]), Rule("/", count)]
app = App("ledger", urls=urls, models="ledger.models:Base")
