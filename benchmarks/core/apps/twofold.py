"""The scenarios on our framework."""

from __future__ import annotations

from typing import Any

from framework import App, Request, Response, Rule

from ..scenarios import DOCUMENTS, ROWS, TEMPLATES


def hello(request: Request) -> str:
    return "Hello, world"


def item(request: Request, number: int, name: str) -> str:
    return f"{number} {name}"


def form(request: Request) -> str:
    return f"{request.form['name']} {request.form['age']}"


def json_in(request: Request) -> str:
    document = request.get_json()
    return f"{document['name']} {len(document['tags'])}"


def session(request: Request) -> str:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return "visits"


def response(request: Request) -> Response:
    return Response("Hello, world")


def make(scenario: str) -> Any:
    """Return the WSGI app for a scenario."""
    document, rows = DOCUMENTS.get(scenario), ROWS.get(scenario)

    def json(request: Request) -> Any:
        return document

    def template(request: Request) -> str:
        return request.render("page.html", title="Items", items=rows)

    if scenario.endswith("routes"):
        rules = [
            Rule(f"/section{n}/<int:number>/part/<name>", item, endpoint=f"item{n}")
            for n in range(int(scenario.partition(" ")[0]))
        ]
    else:
        rule = {
            "hello": Rule("/", hello),
            **dict.fromkeys(DOCUMENTS, Rule("/json", json)),
            **dict.fromkeys(ROWS, Rule("/template", template)),
            "form in": Rule("/form", form, methods=["POST"]),
            "JSON in": Rule("/json-in", json_in, methods=["POST"]),
            "session": Rule("/session", session),
            "untouched session": Rule("/untouched", hello),
            "404": Rule("/", hello),
            "three hooks": Rule("/hooks", hello),
            "response": Rule("/response", response),
        }[scenario]
        rules = [rule]
    config = {"secret_key": "only for the benchmark", "session_cookie_secure": False}
    app = App("benchmark", urls=rules, config=config)
    if scenario in ROWS:
        app.folder = TEMPLATES.parent
    if scenario == "three hooks":
        app.before_request(lambda request: None)
        app.after_request(lambda request, response: None)
        app.teardown_request(lambda request, error: None)
    app.start_worker()
    return app
