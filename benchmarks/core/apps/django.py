"""The scenarios on Django, with the middleware that a scenario needs and no other."""

from __future__ import annotations

import json as json_module
from typing import Any

import django
import jinja2
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from ..scenarios import DOCUMENTS, ROWS, TEMPLATE

PAGE = jinja2.Environment(autoescape=True).from_string(TEMPLATE)
urlpatterns: list[Any] = []


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse("Hello, world")


def make_json(document: Any) -> Any:
    def json(request: HttpRequest) -> HttpResponse:
        return JsonResponse(document)

    return json


def make_template(rows: Any) -> Any:
    def template(request: HttpRequest) -> HttpResponse:
        return HttpResponse(PAGE.render(title="Items", items=rows))

    return template


def form(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.POST['name']} {request.POST['age']}")


def json_in(request: HttpRequest) -> HttpResponse:
    document = json_module.loads(request.body)
    return HttpResponse(f"{document['name']} {len(document['tags'])}")


def session(request: Any) -> HttpResponse:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HttpResponse("visits")


def item(request: HttpRequest, number: int, name: str) -> HttpResponse:
    return HttpResponse(f"{number} {name}")


def hooks(get_response: Any) -> Any:
    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    return middleware


def make(scenario: str) -> Any:
    """Return the WSGI app for a scenario."""
    middleware = []
    if "session" in scenario:
        middleware.append("django.contrib.sessions.middleware.SessionMiddleware")
    if scenario == "three hooks":
        middleware.append(f"{__name__}.hooks")
    settings.configure(
        DEBUG=False,
        SECRET_KEY="only for the benchmark",  # noqa: S106
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=middleware,
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        LOGGING_CONFIG=None,
    )
    django.setup()
    if scenario.endswith("routes"):
        urlpatterns.extend(
            path(f"section{n}/<int:number>/part/<name>", item)
            for n in range(int(scenario.partition(" ")[0]))
        )
    else:
        urlpatterns.append(
            {
                "hello": path("", hello),
                **dict.fromkeys(DOCUMENTS, path("json", make_json(DOCUMENTS.get(scenario)))),
                **dict.fromkeys(ROWS, path("template", make_template(ROWS.get(scenario)))),
                "form in": path("form", form),
                "JSON in": path("json-in", json_in),
                "session": path("session", session),
                "untouched session": path("untouched", hello),
                "404": path("", hello),
                "three hooks": path("hooks", hello),
                "response": path("response", hello),
            }[scenario]
        )
    import logging

    logging.getLogger("django").setLevel(logging.CRITICAL)
    return WSGIHandler()
