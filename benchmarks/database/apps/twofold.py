"""The pages on our framework."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from framework import App, Request, Rule

from ..models import ADDED, Fortune, World, document, next_number
from ..scenarios import ROWS, TEMPLATE, TEMPLATES


def row(request: Request, number: int) -> Any:
    (found,) = document([request.db.get_one(World, number)])
    return found


def rows(request: Request, number: int) -> Any:
    return document(request.db.scalars(some_worlds(number)))


def fortunes(request: Request) -> str:
    found = [*request.db.scalars(select(Fortune)), Fortune(id=0, message=ADDED)]
    found.sort(key=lambda fortune: fortune.message)
    return request.render(TEMPLATE, fortunes=found)


def updates(request: Request, number: int) -> Any:
    worlds = request.db.scalars(some_worlds(number)).all()
    for world in worlds:
        world.number = next_number(world.number)
    return document(worlds)


def some_worlds(number: int) -> Any:
    last = number + ROWS - 1
    return select(World).where(World.id.between(number, last)).order_by(World.id)


def make(url: str) -> Any:
    """Return the WSGI app on a database."""
    rules = [
        Rule("/row/<int:number>", row),
        Rule("/rows/<int:number>", rows),
        Rule("/fortunes", fortunes),
        Rule("/updates/<int:number>", updates),
    ]
    config = {"secret_key": "only for the benchmark", "database_url": url}
    app = App("benchmark", urls=rules, config=config)
    app.folder = TEMPLATES.parent
    app.start_worker()
    return app
