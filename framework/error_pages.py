"""HTTP errors as pages that need nothing else, or as JSON (RFC 9457) for clients that prefer it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeGuard

from markupsafe import escape
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_accept_header
from werkzeug.routing import RequestRedirect

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as WerkzeugResponse

    from .wrappers import Request

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{code} {name}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center;
  font: 1rem/1.5 system-ui, sans-serif }}
main {{ max-width: 34rem; padding: 2rem }}
h1 {{ margin: 0 0 .5rem; font-size: 1.5rem; font-weight: 600 }}
h1 span {{ margin-right: .5rem; opacity: .55 }}
p {{ margin: 0 }}
</style>
</head>
<body>
<main>
<h1><span>{code}</span>{name}</h1>
<p>{description}</p>
</main>
</body>
</html>
"""
_MIMETYPES = ("text/html", "application/json", "application/problem+json")


@lru_cache(maxsize=64)
def prefers_html(accept: str) -> bool:
    """Whether a client that sent this ``Accept`` header gets a page and not JSON."""
    accepted = parse_accept_header(accept, MIMEAccept)
    return accepted.best_match(_MIMETYPES, _MIMETYPES[0]) == "text/html"


# Text and the same text as Markup are equal, but only one of them is escaped.
@lru_cache(maxsize=64, typed=True)
def html_page(code: int | None, name: str, description: str) -> str:
    """Return the page of an error. The usual errors always have the same."""
    return _PAGE.format(code=code, name=escape(name), description=escape(description))


def is_answer(error: Exception) -> TypeGuard[HTTPException]:
    """Whether an exception is an answer and not an error: a redirect, or ``abort(response)``."""
    return isinstance(error, RequestRedirect) or (
        isinstance(error, HTTPException) and error.code is None and error.response is not None
    )


def error_page(request: Request, error: HTTPException) -> WerkzeugResponse:
    """Return the response for ``error``, with its headers; one it carries itself goes first."""
    if error.response is not None:
        return error.get_response(request.environ)
    app = request.app
    description = error.description or ""
    if not isinstance(description, str):
        description = str(description)  # a lazy translation, in the language of this request
    if prefers_html(request.environ.get("HTTP_ACCEPT", "")):
        mimetype = "text/html"
        body: str | bytes = html_page(error.code, error.name, description)
    else:
        mimetype = "application/problem+json"
        body = app.json.dumps({"status": error.code, "title": error.name, "detail": description})
    response = app.response_class(body, error.code, mimetype=mimetype)
    for name, value in error.get_headers(request.environ):
        if name != "Content-Type":
            response.headers.add(name, value)
    response.vary.add("Accept")
    return response
