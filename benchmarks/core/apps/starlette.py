"""The scenarios on Starlette, as raw ASGI in one running loop: no server, no task per request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from ..scenarios import DOCUMENTS, ROWS, TEMPLATE

if TYPE_CHECKING:
    from starlette.requests import Request

PAGE = jinja2.Environment(autoescape=True).from_string(TEMPLATE)


async def hello(request: Request) -> Response:
    return HTMLResponse("Hello, world")


def make_json(document: Any) -> Any:
    async def json(request: Request) -> Response:
        return JSONResponse(document)

    return json


def make_template(rows: Any) -> Any:
    async def template(request: Request) -> Response:
        return HTMLResponse(PAGE.render(title="Items", items=rows))

    return template


async def form(request: Request) -> Response:
    values = await request.form()
    return HTMLResponse(f"{values['name']} {values['age']}")


async def json_in(request: Request) -> Response:
    document = await request.json()
    return HTMLResponse(f"{document['name']} {len(document['tags'])}")


async def session(request: Request) -> Response:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HTMLResponse("visits")


async def item(request: Request) -> Response:
    return HTMLResponse(f"{request.path_params['number']} {request.path_params['name']}")


class Hooks:
    """Code before and after, as plain ASGI middleware."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def make(scenario: str) -> Any:
    """Return the ASGI app for a scenario."""
    middleware = []
    if "session" in scenario:
        middleware.append(Middleware(SessionMiddleware, secret_key="only for the benchmark"))  # noqa: S106
    if scenario == "three hooks":
        middleware.append(Middleware(Hooks))
    if scenario.endswith("routes"):
        routes = [
            Route(f"/section{n}/{{number:int}}/part/{{name}}", item)
            for n in range(int(scenario.partition(" ")[0]))
        ]
    else:
        routes = [
            {
                "hello": Route("/", hello),
                **dict.fromkeys(DOCUMENTS, Route("/json", make_json(DOCUMENTS.get(scenario)))),
                **dict.fromkeys(ROWS, Route("/template", make_template(ROWS.get(scenario)))),
                "form in": Route("/form", form, methods=["POST"]),
                "JSON in": Route("/json-in", json_in, methods=["POST"]),
                "session": Route("/session", session),
                "untouched session": Route("/untouched", hello),
                "404": Route("/", hello),
                "three hooks": Route("/hooks", hello),
                "response": Route("/response", hello),
            }[scenario]
        ]
    return Starlette(routes=routes, middleware=middleware)
