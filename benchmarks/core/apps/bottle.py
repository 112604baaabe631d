"""The scenarios on Bottle. Its signed cookie stands for a session, which it has not."""

from __future__ import annotations

from typing import Any

import bottle
import jinja2

from ..scenarios import DOCUMENTS, ROWS, TEMPLATE


def make(scenario: str) -> Any:
    """Return the WSGI app for a scenario; Bottle has no teardown, so hooks are two."""
    app = bottle.Bottle()
    page = jinja2.Environment(autoescape=True).from_string(TEMPLATE)
    secret = "only for the benchmark"  # noqa: S105
    document, rows = DOCUMENTS.get(scenario), ROWS.get(scenario)

    def hello() -> str:
        return "Hello, world"

    def session() -> str:
        visits = bottle.request.get_cookie("visits", 0, secret=secret)
        bottle.response.set_cookie("visits", visits + 1, secret=secret)
        return "visits"

    def template() -> str:
        return page.render(title="Items", items=rows)

    def json_in() -> str:
        document = bottle.request.json
        return f"{document['name']} {len(document['tags'])}"

    if scenario.endswith("routes"):
        for n in range(int(scenario.partition(" ")[0])):
            app.route(
                f"/section{n}/<number:int>/part/<name>",
                callback=lambda number, name: f"{number} {name}",
            )
        return app
    forms = bottle.request
    path, view, method = {
        "hello": ("/", hello, "GET"),
        **dict.fromkeys(DOCUMENTS, ("/json", lambda: document, "GET")),
        **dict.fromkeys(ROWS, ("/template", template, "GET")),
        "form in": ("/form", lambda: f"{forms.forms['name']} {forms.forms['age']}", "POST"),
        "JSON in": ("/json-in", json_in, "POST"),
        "session": ("/session", session, "GET"),
        "untouched session": ("/untouched", hello, "GET"),
        "404": ("/", hello, "GET"),
        "three hooks": ("/hooks", hello, "GET"),
        "response": ("/response", lambda: bottle.HTTPResponse("Hello, world"), "GET"),
    }[scenario]
    app.route(path, method, view)
    if scenario == "three hooks":
        app.add_hook("before_request", lambda: None)
        app.add_hook("after_request", lambda: None)
    return app
