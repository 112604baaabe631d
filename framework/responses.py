"""From what a view returns to a response."""

from __future__ import annotations

import inspect
import logging
import reprlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WerkzeugResponse

from .exceptions import ReturnValueError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._typing import ResponseValue
    from .wrappers import Request

logger = logging.getLogger(__name__)

ACCEPTED = "str, bytes, dict, list, iterator, Response or None"


def response_from(request: Request, value: ResponseValue) -> WerkzeugResponse:
    """Return the response that ``value`` stands for; ``App.make_response`` lists the kinds."""
    app = request.app
    if isinstance(value, tuple):
        return _response_from_tuple(request, value)
    if isinstance(value, WerkzeugResponse):
        return value
    if isinstance(value, str | bytes | Iterator):
        return app.response_class(value)
    if isinstance(value, dict | list):
        return app.response_class(app.json.dumps(value), mimetype="application/json")
    if value is None:
        _hint_at_missing_return(request)
        return app.response_class(status=204)
    raise ReturnValueError(_problem(request, value))


def _response_from_tuple(request: Request, value: tuple[Any, ...]) -> WerkzeugResponse:
    status: int | str | None = None
    headers: Any = ()
    match value:
        case (body, int() | str() as status):
            pass
        case (body, Mapping() | Headers() | list() as headers):
            pass
        case (body, int() | str() as status, Mapping() | Headers() | list() as headers):
            pass
        case _:
            raise ReturnValueError(_problem(request, value))
    response = request.app.make_response(request, body)
    if status is not None:
        _set_status(request, response, status)
    # Of pairs with one name, as for two cookies, an update would keep the last.
    response.headers.update(Headers(headers))
    return response


def _set_status(request: Request, response: WerkzeugResponse, status: int | str) -> None:
    try:
        response.status = status
    except ValueError:
        usable = False
    else:
        usable = 100 <= response.status_code <= 999 and response.status.isprintable()
    if not usable:
        raise ReturnValueError(
            f"The answer of endpoint {request.endpoint!r} has the status {status!r}. Return a"
            " number like 404, or text that begins with one; a header goes into a dict."
        )


def response_from_hook(request: Request, value: object) -> WerkzeugResponse:
    """Return what an after-hook returned; ``ReturnValueError`` if that is not a response."""
    if isinstance(value, WerkzeugResponse):
        return value
    if inspect.iscoroutine(value):
        value.close()
    raise ReturnValueError(
        f"An after-hook of endpoint {request.endpoint!r} returned a {type(value).__name__},"
        f" {reprlib.repr(value)}. Return the response to go on with, or None to keep the one it got"
        " (an 'async def' cannot be one)."
    )


def _hint_at_missing_return(request: Request) -> None:
    """In debug mode, log that a page without content may be a forgotten return."""
    if request.app.config.debug and request.method == "GET":
        logger.warning(
            "GET %s (endpoint %r) returned None and is answered with 204 No Content. If the view"
            " lacks a return, add it; if not, return ('', 204) to say so.",
            request.path,
            request.endpoint,
        )


def _problem(request: Request, value: object) -> str:
    if inspect.iscoroutine(value):
        value.close()
        return (
            f"The answer of endpoint {request.endpoint!r} is a coroutine, of an 'async def'. Views"
            " and hooks are called by WSGI servers, which do not await them: write it as a plain"
            " 'def'."
        )
    if isinstance(value, HTTPException):
        return (
            f"The answer of endpoint {request.endpoint!r} is an exception, {value!r}. Raise it, in"
            " an error handler too, and its page is the answer."
        )
    return (
        f"The answer of endpoint {request.endpoint!r} is a {type(value).__name__},"
        f" {reprlib.repr(value)}. Return a {ACCEPTED}; or a tuple of one of these with a status,"
        " with headers, or with a status and headers."
    )


def add_headers(response: WerkzeugResponse, headers: Iterable[tuple[str, str]]) -> None:
    """Add headers to a response; of those it has already, only Vary takes in more."""
    for name, value in headers:
        if response.headers.get(name) is None:
            response.headers.add(name, value)
        elif name == "Vary":
            response.vary.update(value.split(", "))
