"""The pages on Flask with Flask-SQLAlchemy."""

from __future__ import annotations

from typing import Any

import flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Mapped, mapped_column

from ..models import ADDED, document, next_number, with_driver
from ..scenarios import ROWS, TEMPLATE, TEMPLATES

# Their models need a base of their own, which mypy cannot look into.
db = SQLAlchemy()


class World(db.Model):  # type: ignore[name-defined, misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]


class Fortune(db.Model):  # type: ignore[name-defined, misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    message: Mapped[str]


def row(number: int) -> Any:
    (found,) = document([db.session.get_one(World, number)])
    return found


def rows(number: int) -> Any:
    return document(db.session.scalars(some_worlds(number)))


def fortunes() -> str:
    found = [*db.session.scalars(db.select(Fortune)), Fortune(id=0, message=ADDED)]
    found.sort(key=lambda fortune: fortune.message)
    return flask.render_template(TEMPLATE, fortunes=found)


def updates(number: int) -> Any:
    worlds = db.session.scalars(some_worlds(number)).all()
    for world in worlds:
        world.number = next_number(world.number)
    found = document(worlds)
    db.session.commit()
    return found


def some_worlds(number: int) -> Any:
    last = number + ROWS - 1
    return db.select(World).where(World.id.between(number, last)).order_by(World.id)


def make(url: str) -> Any:
    """Return the WSGI app on a database."""
    app = flask.Flask("benchmark", template_folder=str(TEMPLATES))
    app.config["SQLALCHEMY_DATABASE_URI"] = with_driver(url)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": 1, "max_overflow": 0}
    db.init_app(app)
    for rule, view in {
        "/row/<int:number>": row,
        "/rows/<int:number>": rows,
        "/fortunes": fortunes,
        "/updates/<int:number>": updates,
    }.items():
        app.add_url_rule(rule, view_func=view)
    return app
