"""The check that Werkzeug works inside as the modules beside this one take it to."""

from __future__ import annotations

import os
from io import BytesIO
from typing import TYPE_CHECKING, Any

import werkzeug
from werkzeug.formparser import FormDataParser
from werkzeug.routing import Map
from werkzeug.routing import Rule as WerkzeugRule
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response as WerkzeugResponse

from ..body import URLENCODED
from . import responses
from .requests import LazyRequest, lazy, lazy_request_class
from .responses import PlainResponse
from .rules import converters_of, read_states

if TYPE_CHECKING:
    from collections.abc import Callable

KNOWN_VERSION = "3.1."
"""What the version of Werkzeug begins with, for the releases this was written against."""


def differences() -> list[str]:
    """Return in what the installed Werkzeug is not as these modules take it to be.

    Plain responses are used from now on if there is nothing.
    """
    responses.short_way_is_safe = False
    found = [] if _version().startswith(KNOWN_VERSION) else ["its version"]
    for name, check in _CHECKS.items():
        try:
            same = check()
        except Exception:
            same = False
        if not same:
            found.append(name)
    responses.short_way_is_safe = not found
    return found


def _version() -> str:
    """Return Werkzeug's version, which the folder beside it with what was installed is named after.

    ``importlib.metadata`` looks there too, but importing it takes longer than the check itself.
    """
    for name in os.listdir(os.path.dirname(os.path.dirname(werkzeug.__file__))):
        if name.startswith("werkzeug-") and name.endswith(".dist-info"):
            return name.removeprefix("werkzeug-")
    from importlib.metadata import version

    return version("werkzeug")


def _check_request() -> bool:
    body = b"a=1&b=%20&a=%ff"
    environ = {
        "REQUEST_METHOD": "post",
        "wsgi.url_scheme": "https",
        "SERVER_NAME": "example.org",
        "SERVER_PORT": "8443",
        "SCRIPT_NAME": "/caf\xc3\xa9/",
        "PATH_INFO": "//caf\xc3\xa9",
        "QUERY_STRING": "q=1",
        "REMOTE_ADDR": "192.0.2.1",
        "HTTP_COOKIE": 'a=1; b="2"; a=3',
        "CONTENT_TYPE": URLENCODED,
        "CONTENT_LENGTH": str(len(body)),
    }
    eager = WerkzeugRequest({**environ, "wsgi.input": BytesIO(body)}, populate_request=False)
    fast: Any = object.__new__(lazy_request_class(WerkzeugRequest))
    fast.environ = {**environ, "wsgi.input": BytesIO(body)}
    names = set(vars(eager)) - {"environ", "headers"}
    return (
        names | {"headers"}
        == {n for n, v in vars(LazyRequest).items() if isinstance(v, lazy)} - {"cookies", "form"}
        | {"shallow"}
        and all(getattr(eager, name) == getattr(fast, name) for name in names)
        and list(eager.headers) == list(fast.headers)
        and eager.cookies == fast.cookies
        and eager.form == fast.form
        and eager.files == fast.files
        and eager.stream.read() == fast.stream.read() == b""
        and fast.form_data_parser_class is FormDataParser
    )


def _check_response() -> bool:
    def send(response: WerkzeugResponse) -> tuple[object, ...]:
        sent: list[object] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Any:
            sent.extend((status, headers))

        body = list(response({"REQUEST_METHOD": "GET"}, start_response))
        state = {**vars(response), "headers": list(response.headers)}
        return (*sent, body, state)

    usual = [send(WerkzeugResponse("é", mimetype="text/html")), send(WerkzeugResponse(b"1"))]
    responses.short_way_is_safe = True
    try:
        plain = [send(PlainResponse("é", mimetype="text/html")), send(PlainResponse(b"1"))]
    finally:
        responses.short_way_is_safe = False
    return usual == plain


def _check_rules() -> bool:
    url_map = Map(
        [
            WerkzeugRule("/a/<x>-<int:y>/", endpoint="parts"),
            WerkzeugRule("/<path:rest>", endpoint="rest"),
        ]
    )
    start = read_states(url_map).static[""]
    (parts,) = start.static["a"].dynamic
    (rest,) = start.dynamic
    (rule,) = parts.state.static[""].rules
    return (
        (parts.pattern, parts.takes_rest)
        == (r"(?P<__werkzeug_0>[^/]{1,})\-(?P<__werkzeug_1>\d+)\Z", False)
        and (rest.pattern, rest.takes_rest) == (r"(?P<__werkzeug_0>[^/].*?)\Z", True)
        and (rule.endpoint, list(converters_of(rule))) == ("parts", ["x", "y"])
        and not start.rules
    )


_CHECKS: dict[str, Callable[[], bool]] = {
    "requests": _check_request,
    "responses": _check_response,
    "rules": _check_rules,
}
