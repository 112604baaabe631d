"""The pages on SQLAlchemy alone: a session by hand and as little WSGI as will do."""

from __future__ import annotations

from json import dumps
from typing import Any

import jinja2
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from ..models import ADDED, Fortune, World, document, next_number, with_driver
from ..scenarios import ROWS, TEMPLATE, TEMPLATES

HTML = ("Content-Type", "text/html; charset=utf-8")
JSON = ("Content-Type", "application/json")


def make(url: str) -> Any:
    """Return the WSGI app on a database."""
    engine = create_engine(with_driver(url), pool_size=1, max_overflow=0)
    loader = jinja2.FileSystemLoader(TEMPLATES)
    page = jinja2.Environment(loader=loader, autoescape=True).get_template(TEMPLATE)

    def answer(start_response: Any, body: str, content_type: tuple[str, str]) -> list[bytes]:
        data = body.encode()
        start_response("200 OK", [content_type, ("Content-Length", str(len(data)))])
        return [data]

    def app(environ: Any, start_response: Any) -> list[bytes]:
        _, name, *rest = environ["PATH_INFO"].split("/")
        if name == "fortunes":
            return answer(start_response, fortunes(), HTML)
        value = {"row": row, "rows": rows, "updates": updates}[name](int(rest[0]))
        return answer(start_response, dumps(value, separators=(",", ":")), JSON)

    def row(number: int) -> Any:
        with Session(engine) as session:
            (found,) = document([session.get_one(World, number)])
            return found

    def rows(number: int) -> Any:
        with Session(engine) as session:
            return document(session.scalars(some_worlds(number)))

    def fortunes() -> str:
        with Session(engine) as session:
            found = [*session.scalars(select(Fortune)), Fortune(id=0, message=ADDED)]
            found.sort(key=lambda fortune: fortune.message)
            return page.render(fortunes=found)

    def updates(number: int) -> Any:
        with Session(engine) as session:
            worlds = session.scalars(some_worlds(number)).all()
            for world in worlds:
                world.number = next_number(world.number)
            found = document(worlds)
            session.commit()
            return found

    return app


def some_worlds(number: int) -> Any:
    last = number + ROWS - 1
    return select(World).where(World.id.between(number, last)).order_by(World.id)
