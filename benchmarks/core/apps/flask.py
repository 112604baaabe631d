"""The scenarios on Flask."""

from __future__ import annotations

from typing import Any

import flask

from ..scenarios import DOCUMENTS, ROWS, TEMPLATE


def make(scenario: str) -> Any:
    """Return the WSGI app for a scenario."""
    app = flask.Flask("benchmark")
    app.secret_key = "only for the benchmark"  # noqa: S105
    document, rows = DOCUMENTS.get(scenario), ROWS.get(scenario)

    def hello() -> str:
        return "Hello, world"

    def json() -> Any:
        return document

    def template() -> str:
        return flask.render_template(page, title="Items", items=rows)

    def form() -> str:
        return f"{flask.request.form['name']} {flask.request.form['age']}"

    def json_in() -> str:
        document = flask.request.get_json()
        return f"{document['name']} {len(document['tags'])}"

    def session() -> str:
        flask.session["visits"] = flask.session.get("visits", 0) + 1
        return "visits"

    def response() -> flask.Response:
        return flask.Response("Hello, world")

    def item(number: int, name: str) -> str:
        return f"{number} {name}"

    page = app.jinja_env.from_string("")
    if scenario in ROWS:
        page = app.jinja_env.overlay(autoescape=True).from_string(TEMPLATE)
    if scenario.endswith("routes"):
        for n in range(int(scenario.partition(" ")[0])):
            app.add_url_rule(
                f"/section{n}/<int:number>/part/<name>", f"item{n}", item, methods=["GET"]
            )
        return app
    path, view, methods = {
        "hello": ("/", hello, ["GET"]),
        **dict.fromkeys(DOCUMENTS, ("/json", json, ["GET"])),
        **dict.fromkeys(ROWS, ("/template", template, ["GET"])),
        "form in": ("/form", form, ["POST"]),
        "JSON in": ("/json-in", json_in, ["POST"]),
        "session": ("/session", session, ["GET"]),
        "untouched session": ("/untouched", hello, ["GET"]),
        "404": ("/", hello, ["GET"]),
        "three hooks": ("/hooks", hello, ["GET"]),
        "response": ("/response", response, ["GET"]),
    }[scenario]
    app.add_url_rule(path, "view", view, methods=methods)
    if scenario == "three hooks":
        app.before_request(lambda: None)
        app.after_request(lambda response: response)
        app.teardown_request(lambda error: None)
    return app
