"""The scenarios on Falcon, which has neither sessions nor templates of its own."""

from __future__ import annotations

from typing import Any

import falcon
import jinja2

from ..scenarios import DOCUMENTS, ROWS, TEMPLATE

PAGE = jinja2.Environment(autoescape=True).from_string(TEMPLATE)


class Hello:
    def on_get(self, request: Any, response: Any) -> None:
        response.content_type = falcon.MEDIA_HTML
        response.text = "Hello, world"


class Json:
    def __init__(self, document: Any) -> None:
        self.document = document

    def on_get(self, request: Any, response: Any) -> None:
        response.media = self.document


class Template:
    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def on_get(self, request: Any, response: Any) -> None:
        response.content_type = falcon.MEDIA_HTML
        response.text = PAGE.render(title="Items", items=self.rows)


class Form:
    def on_post(self, request: Any, response: Any) -> None:
        form = request.get_media()
        response.content_type = falcon.MEDIA_HTML
        response.text = f"{form['name']} {form['age']}"


class JsonIn:
    def on_post(self, request: Any, response: Any) -> None:
        document = request.get_media()
        response.content_type = falcon.MEDIA_HTML
        response.text = f"{document['name']} {len(document['tags'])}"


class Item:
    def on_get(self, request: Any, response: Any, number: int, name: str) -> None:
        response.content_type = falcon.MEDIA_HTML
        response.text = f"{number} {name}"


class Hooks:
    """Falcon has two of the three: nothing runs after the response is sent."""

    def process_request(self, request: Any, response: Any) -> None:
        pass

    def process_response(
        self, request: Any, response: Any, resource: Any, req_succeeded: bool
    ) -> None:
        pass


def make(scenario: str) -> Any:
    """Return the WSGI app for a scenario; ``None`` for those Falcon does not have."""
    app: Any = falcon.App(middleware=[Hooks()] if scenario == "three hooks" else None)
    if scenario.endswith("routes"):
        for n in range(int(scenario.partition(" ")[0])):
            app.add_route(f"/section{n}/{{number:int}}/part/{{name}}", Item())
        return app
    resources: dict[str, tuple[str, Any]] = {
        "hello": ("/", Hello()),
        **dict.fromkeys(DOCUMENTS, ("/json", Json(DOCUMENTS.get(scenario)))),
        **dict.fromkeys(ROWS, ("/template", Template(ROWS.get(scenario)))),
        "form in": ("/form", Form()),
        "JSON in": ("/json-in", JsonIn()),
        "404": ("/", Hello()),
        "three hooks": ("/hooks", Hello()),
        "response": ("/response", Hello()),
        "untouched session": ("/untouched", Hello()),
    }
    if scenario not in resources:
        return None
    app.add_route(*resources[scenario])
    return app
