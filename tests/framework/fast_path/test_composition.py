"""The fast path against the general one: the same app twice, and every answer has to be the same.

``FAST_PATH_REQUESTS`` sets how many random requests are sent (3,000 unless given) and
``FAST_PATH_SEED`` repeats a run.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import random
import tracemalloc
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from itertools import product
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from markupsafe import Markup
from werkzeug.exceptions import HTTPException, abort

from framework import App, Blueprint, Mount, Request, Response, Rule, signals
from framework.config import Config
from framework.context import request_variable
from framework.json_provider import JSONProvider
from framework.sessions.cookie import SignedCookieSessionInterface
from framework.sessions.headers import SessionCookie
from framework.werkzeug_internals import check, responses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import MakeApp

Environ = dict[str, Any]
REQUESTS = int(os.environ.get("FAST_PATH_REQUESTS", "3000"))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Failing views are part of the tests; their tracebacks need not be written."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


# The app that is driven


def echo(request: Request, **arguments: Any) -> dict[str, Any]:
    seen = {
        name: repr(getattr(request, name))
        for name in (
            *("method", "scheme", "server", "root_path", "path", "query_string", "remote_addr"),
            *("host", "url", "args", "cookies", "endpoint", "blueprint", "is_json", "mimetype"),
            *("content_length", "shallow", "max_content_length", "trusted_hosts"),
        )
    }
    headers = sorted(request.headers)
    return {**seen, "arguments": repr(arguments), "headers": headers, "args": request.view_args}


def body_in_parts(request: Request) -> dict[str, Any]:
    return {
        "form": list(request.form.items(multi=True)),
        "files": [(name, file.read().decode("latin1")) for name, file in request.files.items()],
        "data": request.get_data(as_text=True),
        "rest": request.stream.read().decode("latin1"),
    }


def body_as_data(request: Request) -> list[Any]:
    data = request.get_data(cache="nocache" not in request.args)
    return [data.decode("latin1"), list(request.form.items(multi=True)), len(request.stream.read())]


def body_as_json(request: Request) -> list[Any]:
    return [request.get_json(silent="silent" in request.args), request.get_data(as_text=True)]


def body_not_read(request: Request) -> str:
    return request.stream.read(3).decode("latin1")


def limited(request: Request) -> str:
    request.max_content_length = 5
    return request.get_data(as_text=True)


def session_written(request: Request) -> str:
    request.session["count"] = request.session.get("count", 0) + 1
    return f"count {request.session['count']}"


def session_dropped(request: Request) -> str:
    request.session.delete()
    return "dropped"


def streamed(request: Request) -> Iterator[str]:
    for part in ("a", "b", "c"):
        yield f"{part}{request_variable.get() is request}"


def streamed_failing(request: Request) -> Iterator[str]:
    yield "a"
    raise ValueError("in the stream")


def aborted(request: Request, code: int) -> None:
    abort(code)


def with_close(request: Request) -> Response:
    response = Response("closed")
    response.call_on_close(lambda: request.app.extensions["log"].append("on close"))
    return response


def conditional(request: Request) -> Response:
    response = Response("entity")
    response.set_etag("one")
    response.make_conditional(request)
    return response


def raising(error: BaseException) -> Callable[..., Any]:
    def view(request: Request) -> None:
        # A new one each time: one that is raised again keeps all its tracebacks.
        raise type(error)(*error.args)

    return view


def headers_only(*args: Any, **options: Any) -> Callable[..., Any]:
    return lambda request: Response(*args, **options)


def mounted(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Length", "5")])
    return [environ["SCRIPT_NAME"].encode("latin1"), environ["PATH_INFO"].encode("latin1")]


VIEWS: dict[str, Callable[..., Any]] = {
    "/": lambda request: "hello",
    "/text": lambda request: "é <b>",
    "/surrogate": lambda request: "\ud800",
    "/bytes": lambda request: b"\x00\xff",
    "/empty": lambda request: "",
    "/json": lambda request: {"a": [1, "é", None]},
    "/list": lambda request: [1, 2],
    "/json/bad": lambda request: {"a": object()},
    "/json/nan": lambda request: [float("nan")],
    "/none": lambda request: None,
    "/wrong": lambda request: 42,
    "/tuple": lambda request: ("made", 201, {"X-One": "1", "Content-Type": "text/plain"}),
    "/tuple/no-content": lambda request: ("", 204),
    "/tuple/json": lambda request: ({"a": 1}, 202),
    "/tuple/headers": lambda request: ("x", {"Content-Length": "1"}),
    "/tuple/wrong": lambda request: ("a", 1, 2, 3),
    "/response": lambda request: Response("response", headers={"X-One": "1"}),
    "/response/plain": lambda request: Response("response"),
    "/response/empty": headers_only(),
    "/response/json": headers_only("{}", mimetype="application/json"),
    "/response/svg": headers_only("<svg/>", mimetype="image/svg+xml"),
    "/response/location": headers_only("x", 302, {"Location": "/caf\u00e9?a=b c"}),
    "/response/lower": headers_only("x", 302, {"location": "/caf\u00e9"}),
    "/response/content-location": headers_only("x", headers={"Content-Location": "/\u00e9"}),
    "/response/304": headers_only("x", 304, {"ETag": '"a"'}),
    "/response/205": headers_only("x", 205),
    "/response/list": headers_only(["a", "é"]),
    "/response/cookies": lambda request: _with_cookies(),
    "/response/no-length": lambda request: _without_length(),
    "/response/status": headers_only("x", "299 Own"),
    "/response/zero": headers_only("x", "Own"),
    "/on-close": with_close,
    "/conditional": conditional,
    "/redirect": lambda request: request.redirect("/elsewhere"),
    "/url": lambda request: request.url_for("echo_path", rest="x", q="1", _external=True),
    "/stream": streamed,
    "/stream/failing": streamed_failing,
    "/error": raising(ValueError("expected")),
    "/error/handled": raising(KeyError("handled")),
    "/error/exit": raising(SystemExit(3)),
    "/context": lambda request: str(request_variable.get() is request),
    "/caf\u00e9": lambda request: "coffee",
    "/session/read": lambda request: str(request.session.get("count")),
    "/session/write": session_written,
    "/session/delete": session_dropped,
    "/session/untouched": lambda request: "untouched",
    "/cookies": lambda request: [list(request.cookies.items(multi=True))],
}

BODY_VIEWS = (body_in_parts, body_as_data, body_as_json, body_not_read, limited)

VARIABLE_PATHS = (
    *("/items/new", "/items/<int:number>", "/items/<name>", "/items/<int:number>/edit"),
    *("/items/<name>/", "/float/<float:x>", "/uuid/<uuid:x>", '/any/<any(a, b, "c,d"):x>'),
    *("/path/<path:rest>", "/path/<path:rest>/edit", "/two/<a>-<b>", "/two/<int:a>.<b>"),
    *("/folder/", "/folder/<name>/", "/len/<string(length=2):x>", "/short/<string(maxlength=3):x>"),
    *(
        "/signed/<int(signed=True):x>",
        "/limits/<int(min=2, max=5):x>",
        "/zero/<int(min=0, signed=True):x>",
    ),
    *("/fixed/<int(fixed_digits=3):x>", "/v<int:x>/a", "/v1/b", "/<name>/deep/<int:x>/end"),
    *("/static/<a>/x", "/static/y/<b>", "/sub/<path:rest>/"),
)


def _with_cookies() -> Response:
    response = Response("cookies")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2", httponly=True)
    response.vary.add("Cookie")
    return response


def _without_length() -> Response:
    response = Response("no length")
    del response.headers["Content-Length"]
    return response


def rules() -> list[Any]:
    found: list[Any] = [
        Rule(path, view, endpoint=f"plain{n}") for n, (path, view) in enumerate(VIEWS.items())
    ]
    found += [
        Rule(f"/in/{view.__name__}", view, methods=["GET", "POST", "PUT"]) for view in BODY_VIEWS
    ]
    found += [Rule(path, echo, endpoint=f"variable{n}") for n, path in enumerate(VARIABLE_PATHS)]
    nested = Blueprint(
        "nested", prefix="/nested", rules=[Rule("/", echo, endpoint="a"), Rule("/<int:x>", echo)]
    )
    hooked = Blueprint(
        "hooked",
        prefix="/hooked",
        rules=[
            Rule("/", lambda request: "hooked", endpoint="root"),
            Rule("/json", lambda request: {"a": 1}, endpoint="json"),
            Rule("/error", raising(ValueError("hooked")), endpoint="error"),
            Rule("/stream", streamed, endpoint="stream"),
            nested,
        ],
    )
    add_hooks(hooked, "blueprint")
    closing = Blueprint("closing", prefix="/closing", rules=[Rule("/", echo), Rule("/s", streamed)])
    closing.teardown_request(lambda request, error: note(request, f"closed {error!r}"))
    return [
        *found,
        Rule("/echo/<path:rest>", echo, endpoint="echo_path", methods=["GET", "POST", "OPTIONS"]),
        Rule("/abort/<int:code>", aborted),
        Rule("/methods", echo, endpoint="get"),
        Rule("/methods", echo, endpoint="post", methods=["POST"]),
        Rule("/methods/<x>", echo, endpoint="put", methods=["PUT"]),
        Rule("/methods/<int:x>", echo, endpoint="patch", methods=["PATCH"]),
        Rule("/page", echo, endpoint="page", defaults={"page": 1}),
        Rule("/page/<int:page>", echo, endpoint="page"),
        Rule("/fix", echo, endpoint="fix", defaults={"lang": "en"}),
        Rule("/loose/", echo, endpoint="loose", strict_slashes=False),
        Rule("/loose-leaf", echo, endpoint="leaf", strict_slashes=False),
        Rule("/loose/<x>", echo, endpoint="loose-x", strict_slashes=False),
        Mount("/mount", mounted),
        hooked,
        closing,
    ]


def rules_on_hosts(*, variable: bool) -> list[Any]:
    host = "<tenant>.org" if variable else "shops.example"
    own = [Rule("/", echo, endpoint="root"), Rule("/items/<int:x>", echo, endpoint="item")]
    return [
        Blueprint("api", subdomain="api", rules=[*own, Rule("/own", echo)]),
        Blueprint("shops", host=host, rules=[*own, Rule("/<x>/new", echo, endpoint="new")]),
    ]


def note(request: Request, text: str) -> None:
    request.app.extensions["log"].append(f"{text} {request.endpoint}")


def add_hooks(scope: Any, name: str) -> None:
    """Register hooks that note each call; a query makes one of them stop, replace or fail."""

    def before(request: Request) -> Any:
        note(request, f"{name} before")
        if "stop" in request.args:
            return f"stopped by {name}"
        if "fail" in request.args:
            raise ValueError("before")
        return None

    def after(request: Request, response: Any) -> Any:
        note(request, f"{name} after {response.status}")
        if "replace" in request.args:
            return Response("replaced")
        if "break" in request.args:
            raise ValueError("after")
        response.headers["X-After"] = name
        return None

    def teardown(request: Request, error: BaseException | None) -> None:
        note(request, f"{name} teardown {error!r}")
        if "tear" in request.args:
            raise ValueError("teardown")

    scope.before_request(before)
    scope.after_request(after)
    scope.teardown_request(teardown)
    scope.add_error_handler(KeyError, lambda request, error: (f"{name} handled", 418))


def make_driven_app(variant: str) -> App:
    hosts = ("example.org", ".trusted.example") if variant == "trusted" else ()
    settings = {"secret_key": "only for these tests", "trusted_hosts": hosts}
    config = Config.load({}, {**settings, "public_url": "http://example.org"})
    urls = [*rules(), *rules_on_hosts(variable=variant == "variable hosts")]
    app = App("no_such_package", urls=urls if "hosts" in variant else rules(), config=config)
    app.extensions["log"] = []
    cookie = SessionCookie("session", secure=False, max_age=100)
    app.session_interface = SignedCookieSessionInterface(
        ["only for these tests"], cookie, idle_timeout=100, absolute_timeout=100, clock=lambda: 1e9
    )
    if variant == "hooked":
        add_hooks(app, "app")
    if variant == "closing":
        app.teardown_request(lambda request, error: note(request, f"app closed {error!r}"))
    if variant == "own 404":
        app.add_error_handler(404, lambda request, error: ("own page", 404))
    app.start_worker()
    return app


class WithSets(JSONProvider):
    """Writes what the standard library does not, in an order of its own."""

    def default(self, value: Any) -> Any:
        return sorted(value) if isinstance(value, set) else super().default(value)

    def dumps(self, value: Any) -> str | bytes:
        if type(value) is dict and all(isinstance(name, str) for name in value):
            value = dict(sorted(value.items()))
        return super().dumps(value)


class InBytes(JSONProvider):
    """Returns bytes, as encoders in other languages do."""

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value, ensure_ascii=False, indent=1, default=str).encode()


class InMarkup(JSONProvider):
    """Returns a kind of text."""

    def dumps(self, value: Any) -> Markup:
        return Markup(super().dumps(value))


@dataclass
class Product:
    name: str
    price: Decimal


SELF_CONTAINING: list[Any] = []
SELF_CONTAINING.append({"again": SELF_CONTAINING})
DOCUMENTS: tuple[Any, ...] = (
    *({}, [], {"a": {}}, [[], [[]]], {"b": 1, "a": [1.5, -0.0, 1e300, True, False, None]}),
    *(
        {"é": "\u20ac \U0001f600 <>&'\"\\/\x00\x7f\u2028"},
        ["\ud800"],
        [10**30, -(2**63), 0.1 + 0.2],
    ),
    *(
        [float("nan")],
        {"x": float("inf")},
        {1: 1, None: 2, False: 3, 1.5: 4},
        {("a",): 1},
        {b"k": 1},
    ),
    *([date(2026, 1, 2), datetime(2026, 1, 2, tzinfo=UTC)], {"u": UUID(int=1)}, [Decimal("1.50")]),
    *(
        [Product("pen", Decimal(2))],
        [Markup("<i>")],
        [{1, 2}],
        {"o": object()},
        [b"bytes"],
        [(1, 2)],
    ),
    *(OrderedDict(b=1, a=2), SELF_CONTAINING, {"deep": [[[[{"x": [[[{}]]]}]]]]}, ["a"] * 3000),
)


# Driving and comparing


def answer(app: Any, environ: Environ) -> dict[str, Any]:
    """Send one request and return all that a server, a client and the app can see of it."""
    log = app.extensions["log"]
    log.clear()
    seen: dict[str, Any] = {"chunks": []}

    def start_response(status: str, headers: list[Any], exc_info: Any = None) -> None:
        # The clock goes on between the two.
        seen["status"] = status
        seen["headers"] = [header for header in headers if header[0] != "Date"]
        headers.append(("Server", "changed by the server"))

    own = {**environ, "wsgi.input": BytesIO(environ["wsgi.input"])}
    try:
        chunks = app(own, start_response)
        seen["during"] = list(log)
        try:
            for chunk in chunks:
                seen["chunks"].append(chunk)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
    except BaseException as error:
        seen["error"] = repr(error)
    seen["chunks"] = [chunk for chunk in seen["chunks"] if chunk]
    seen["log"] = list(log)
    assert request_variable.get(None) is None
    seen["unread"] = own["wsgi.input"].read()
    seen["environ"] = {name: value for name, value in own.items() if name != "wsgi.input"}
    return seen


class Pair:
    """The same app with and without the fast path."""

    def __init__(self, variant: str) -> None:
        self.fast = make_driven_app(variant)
        self.general = make_driven_app(variant)
        assert self.fast._fast_path is not None
        self.taken = 0
        fast_path = self.fast._fast_path

        def counted(environ: Environ, start_response: Any) -> Any:
            body = fast_path(environ, start_response)
            self.taken += body is not None
            return body

        self.fast._fast_path = counted
        self.general._fast_path = None

    def compare(self, environ: Environ) -> dict[str, Any]:
        fast = answer(self.fast, environ)
        general = answer_generally(self.general, environ)
        assert fast == general, f"{environ!r}"
        return fast


def answer_generally(app: App, environ: Environ) -> dict[str, Any]:
    responses.short_way_is_safe = False
    try:
        return answer(app, environ)
    finally:
        responses.short_way_is_safe = True


VARIANTS = ("plain", "trusted", "hooked", "closing", "own 404", "hosts", "variable hosts")


@pytest.fixture(scope="module", params=VARIANTS)
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(request.param)


def make_environ(path: str = "/", method: str = "GET", **changes: Any) -> Environ:
    """Return an environ; ``path`` is as a client sends it, without percent signs decoded."""
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path.encode().decode("latin1"),
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8000",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "example.org",
        "wsgi.url_scheme": "http",
        "wsgi.input": b"",
        **changes,
    }
    return {name: value for name, value in environ.items() if value is not None}


def body_environ(path: str, body: bytes, content_type: str, **changes: Any) -> Environ:
    length = {"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": content_type, "wsgi.input": body}
    return make_environ(path, "POST", **{**length, **changes})


FORM = "application/x-www-form-urlencoded"
BODY_PATHS = [f"/in/{view.__name__}" for view in BODY_VIEWS]
HOSTS = (
    *("example.org", "EXAMPLE.org", "a.trusted.example", "example.org:80", "example.org:443"),
    *("example.org:8000", "[::1]:8000", "bad host", "ex ample", "", ":80", "a" * 70, "a..b"),
    *(
        "xn--a",
        "example.org:99999",
        "evil.example",
        "api.example.org",
        "shops.example",
        "-",
        "\xe9.example",
        "a/b",
        None,
    ),
)
BODIES = (
    *(b"", b"a=1&b=2&a=3", b"a=%20+%ff&&=x&y", b"\xff=\xfe", b"a=\xc3\xa9", b"&&&", b"a=b=c"),
    *(b'{"a": [1, 2]}', b'{"a": ', b"[" * 3000, b"null", b'"\xff"', b"NaN", b"x" * 2000),
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nfile\r\n--x--\r\n',
)
CONTENT_TYPES = (
    *(FORM, "application/json", f"{FORM}; charset=utf-8", "text/plain", "", None),
    *(
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "application/ld+json",
        FORM.upper(),
    ),
)
LENGTHS = ("0", "3", "99", "-1", "+5", " 5", "1_0", "x", "", "99999999", "17000000", "\xb2", None)
QUERIES = (
    "",
    "a=1&b=%20&a=2",
    "%ff",
    "stop",
    "fail",
    "replace",
    "break",
    "tear",
    "silent",
    "nocache",
)
COOKIES = ("a=1; b=2; a=3", 'q="a\\073b"', "session=forged", "\xc3\xa9=\xe9", "", ";;=;", "a", None)
ACCEPTS = (
    "text/html",
    "application/json",
    "*/*",
    "application/json;q=0.5, text/html;q=0.1",
    "",
    None,
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "OPTIONS", "DELETE", "get", "BREW")


def test_every_view_answers_the_same(pair: Pair) -> None:
    for path, method in product([*VIEWS, *BODY_PATHS], ["GET", "HEAD", "OPTIONS", "POST"]):
        pair.compare(make_environ(path, method))


@pytest.mark.parametrize("provider", [JSONProvider, WithSets, InBytes, InMarkup])
def test_every_document_is_written_the_same(provider: type[JSONProvider]) -> None:
    class Writing(App):
        json_provider_class = provider

    def make() -> App:
        rules = [
            Rule(f"/{n}", lambda request, value=value: value, endpoint=f"document{n}")
            for n, value in enumerate(DOCUMENTS)
        ]
        app = Writing("no_such_package", urls=rules, config={"secret_key": "only for these tests"})
        app.extensions["log"] = []
        app.start_worker()
        return app

    fast, general = make(), make()
    assert fast._fast_path is not None
    general._fast_path = None
    statuses = set()
    for n, value in enumerate(DOCUMENTS):
        answered = answer(fast, make_environ(f"/{n}"))
        assert answered == answer_generally(general, make_environ(f"/{n}")), value
        statuses.add(answered["status"][:3])
    assert statuses == {"200", "500"}


@pytest.mark.parametrize("query", QUERIES)
def test_hooks_answer_the_same(pair: Pair, query: str) -> None:
    for path in ("/", "/hooked/", "/hooked/json", "/hooked/error", "/hooked/stream", "/closing/s"):
        pair.compare(make_environ(path, QUERY_STRING=query))


@pytest.mark.parametrize("scheme", ["http", "https", "ws", "other"])
def test_every_host_is_answered_the_same(pair: Pair, scheme: str) -> None:
    for host, path in product(HOSTS, ("/", "/echo/x", "/nowhere", "/folder", "/url", "/a/new")):
        environ = make_environ(path, HTTP_HOST=host, **{"wsgi.url_scheme": scheme})
        pair.compare(environ)
        pair.compare(environ)


def test_every_body_is_read_the_same(pair: Pair) -> None:
    for body, path in product(BODIES, BODY_PATHS):
        for content_type in CONTENT_TYPES:
            pair.compare(body_environ(path, body, content_type or "", QUERY_STRING="silent"))
        for length in LENGTHS:
            pair.compare(body_environ(path, body, FORM, CONTENT_LENGTH=length))
        for extra in ({"HTTP_TRANSFER_ENCODING": "chunked"}, {"wsgi.input_terminated": True}):
            pair.compare(body_environ(path, body, FORM, **extra))
            pair.compare(body_environ(path, body, FORM, CONTENT_LENGTH="3", **extra))


def test_large_bodies_are_read_the_same(pair: Pair) -> None:
    for size in (1024 * 1024 - 1, 1024 * 1024 + 1, 16 * 1024 * 1024 + 1):
        body = b"a=" + b"x" * (size - 2)
        for path in BODY_PATHS[:2]:
            pair.compare(body_environ(path, body, FORM))


ODD_PATHS = (
    *("", "//", "/folder", "/folder/", "//folder/", "/folder//", "/loose", "/loose/", "/page"),
    *("/page/1", "/page/2", "/items/new", "/items/7", "/items/07", "/items/x", "/items/7/"),
    *("/items/7/edit", "/items/\u0663", "/items/\u00b2", "/items/" + "9" * 5000, "/float/1.5"),
    *("/float/1", "/uuid/12345678-1234-5678-1234-567812345678", "/any/c,d", "/any/d"),
    *("/path/a/b/edit", "/path/a//b", "/path/", "/path/a\nb", "/two/a-b-c", "/two/1.x"),
    *("/len/ab", "/len/abc", "/signed/-3", "/limits/7", "/limits/3", "/zero/-5", "/zero/5"),
    *("/fixed/007", "/fixed/7", "/v1/a", "/v1/b", "/x/deep/1/end", "/static/y/x", "/static/z/x"),
    *("/static/y/z", "/methods/1", "/mount", "/mount/", "/mount/a b", "/livez", "/readyz"),
    *("/caf\u00e9", "/nowhere", "/a\x00b", "/sub/a", "/sub/a/", "/loose/x/", "/loose-leaf/"),
    "/" * 3000,
)


def test_every_path_is_matched_the_same(pair: Pair) -> None:
    for path, method in product(ODD_PATHS, METHODS):
        pair.compare(make_environ(path, method))
        pair.compare(make_environ(path, method, SCRIPT_NAME="/app/"))


def test_paths_that_are_no_utf8_are_matched_the_same(pair: Pair) -> None:
    for raw in ("/items/\xff", "/path/\xe9/x", "/caf\xe9", "\xff"):
        pair.compare(make_environ(PATH_INFO=raw))


def test_a_session_goes_on_the_same(pair: Pair) -> None:
    cookie = None
    for path in ("/session/write", "/session/write", "/session/read", "/session/untouched"):
        seen = pair.compare(make_environ(path, HTTP_COOKIE=cookie))
        set_cookies = [value for name, value in seen["headers"] if name == "Set-Cookie"]
        cookie = set_cookies[0].partition(";")[0] if set_cookies else cookie
    assert cookie is not None
    pair.compare(make_environ("/session/delete", HTTP_COOKIE=cookie))


# Werkzeug leaves an upload open that breaks off; nothing of ours sees it.
broken_uploads = pytest.mark.filterwarnings("ignore:.*SpooledTemporaryFile")


def random_environ(chance: random.Random) -> Environ:
    """Return an environ with a usual or a damaged path and some unusual headers."""
    known = [*VIEWS, *BODY_PATHS, *VARIABLE_PATHS, "/hooked/", "/hooked/json", "/hooked/error"]
    known += [
        "/hooked/nested/7",
        "/closing/",
        "/closing/s",
        "/methods",
        "/page/<int:x>",
        "/hooked/stream",
    ]
    words = [
        "new",
        "7",
        "-3",
        "3",
        "ab",
        "a-b",
        "1.5",
        "x",
        "",
        "é",
        "edit",
        "a",
        "y",
        "007",
        "1.x",
    ]
    path = chance.choice(known)
    path = "/".join(
        chance.choice(words) if "<" in part or chance.random() < 0.05 else part
        for part in path.split("/")
    )
    if chance.random() < 0.1:
        path += chance.choice(["/", "//", "/x", "?", "%2f"])
    changes: Environ = {}
    for name, values, probability in (
        ("HTTP_HOST", HOSTS, 0.1),
        ("QUERY_STRING", QUERIES, 0.3),
        ("HTTP_COOKIE", COOKIES, 0.2),
        ("HTTP_ACCEPT", ACCEPTS, 0.3),
        ("HTTP_IF_NONE_MATCH", ('"one"', "*", "bad"), 0.1),
        ("wsgi.url_scheme", ("https", "wss"), 0.1),
        ("SCRIPT_NAME", ("/app", "/caf\xc3\xa9/"), 0.1),
        ("SERVER_PORT", ("", "x", None), 0.05),
        ("REMOTE_ADDR", (None,), 0.05),
    ):
        if chance.random() < probability:
            changes[name] = chance.choice(values)
    method = chance.choice(METHODS) if chance.random() < 0.3 else "GET"
    if path.startswith("/in/") or chance.random() < 0.1:
        body = chance.choice(BODIES)
        length = chance.choice(LENGTHS) if chance.random() < 0.2 else str(len(body))
        changes.update(CONTENT_LENGTH=length, CONTENT_TYPE=chance.choice(CONTENT_TYPES))
        changes["wsgi.input"] = body
        method = "POST"
    return make_environ(path, method, **changes)


@broken_uploads
def test_random_requests_are_answered_the_same() -> None:
    seed = int(os.environ.get("FAST_PATH_SEED", random.randrange(10**6)))
    print(f"FAST_PATH_SEED={seed} FAST_PATH_REQUESTS={REQUESTS}")  # noqa: T201
    chance = random.Random(seed)
    pairs = [Pair(variant) for variant in VARIANTS]
    for _ in range(REQUESTS):
        chance.choice(pairs).compare(random_environ(chance))
    assert sum(pair.taken for pair in pairs) > REQUESTS // 4


# What the fast path is not for


def call(app: App, path: str = "/") -> str:
    app.extensions.setdefault("log", [])
    seen = answer(app, make_environ(path))
    return f"{seen['status']} {b''.join(seen['chunks']).decode()}"


def test_every_step_can_still_be_overridden(make_app: MakeApp) -> None:
    class Mine(App):
        def make_response(self, request: Request, value: Any) -> Any:
            return super().make_response(request, f"mine: {value}")

    app = make_app(Rule("/", lambda request: "hello", endpoint="a"), app_class=Mine)
    app.start_worker()
    assert app._fast_path is None
    assert call(app) == "200 OK mine: hello"


def test_a_step_that_is_replaced_on_the_running_app_counts(make_app: MakeApp) -> None:
    app = make_app(Rule("/", lambda request: "hello", endpoint="a"))
    app.start_worker()
    assert app._fast_path is not None
    app.make_response = lambda request, value: Response("mine")
    assert call(app) == "200 OK mine"


def test_a_request_class_that_changes_the_request_counts(make_app: MakeApp) -> None:
    class Mine(Request):
        @property
        def path(self) -> str:
            return "/b"

        @path.setter
        def path(self, value: str) -> None:
            pass

    app = make_app(Rule("/b", lambda request: "b", endpoint="b"))
    app.request_class = Mine
    assert call(app, "/a") == "200 OK b"
    assert call(app, "/a") == "200 OK b"


def test_a_request_class_that_only_adds_stays_fast(make_app: MakeApp) -> None:
    class Mine(Request):
        @property
        def user(self) -> str:
            return self.headers.get("X-User", "nobody")

    app = make_app(Rule("/", lambda request: request.user, endpoint="a"))
    app.request_class = Mine
    app.start_worker()
    assert app._fast_path is not None
    assert call(app) == "200 OK nobody"


def test_a_response_class_counts(make_app: MakeApp) -> None:
    class Mine(Response):
        default_mimetype = "text/plain"
        default_status = 202

    app = make_app(Rule("/", lambda request: "hello", endpoint="a"))
    app.response_class = Mine
    for _ in range(2):
        assert call(app) == "202 ACCEPTED hello"


@pytest.mark.parametrize("signal", ["request_started", "request_finished"])
def test_a_receiver_that_comes_late_is_called(make_app: MakeApp, signal: str) -> None:
    app = make_app(Rule("/", lambda request: "hello", endpoint="a"))
    call(app)
    seen: list[Any] = []

    def receive(sender: App, **values: Any) -> None:
        seen.append(sender)

    with getattr(signals, signal).connected_to(receive):
        call(app)
        call(app, "/nowhere")
    call(app)
    assert seen == [app, app]


def test_middleware_around_wsgi_app_sees_every_request(make_app: MakeApp) -> None:
    app = make_app(Rule("/", lambda request: "hello", endpoint="a"))
    call(app)
    seen = []
    inner = app.wsgi_app

    def middleware(environ: Environ, start_response: Any) -> Any:
        seen.append(environ["PATH_INFO"])
        return inner(environ, start_response)

    app.wsgi_app = middleware
    call(app)
    call(app, "/nowhere")
    assert seen == ["/", "/nowhere"]


def test_a_changed_werkzeug_is_noticed(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    logging.disable(logging.NOTSET)
    monkeypatch.setattr(check, "KNOWN_VERSION", "0.16.")
    monkeypatch.setattr("werkzeug.wrappers.Request.__init__", lambda *args, **options: None)
    app = make_app(Rule("/", lambda request: "hello", endpoint="a"))
    app.start_worker()
    assert app._fast_path is None
    assert not responses.short_way_is_safe
    (record,) = caplog.records
    assert "differs in its version, requests" in record.message
    monkeypatch.undo()
    assert call(app) == "200 OK hello"
    assert check.differences() == []


@broken_uploads
def test_mixed_requests_leave_memory_flat() -> None:
    app = make_driven_app("plain")
    chance = random.Random(1)

    def send(count: int) -> int:
        for _ in range(count):
            word = chance.randrange(10**9)
            environ = random_environ(chance)
            if word % 3 == 0:
                environ.update(HTTP_HOST=f"h{word}.example", HTTP_ACCEPT=f"a/{word}")
                environ["PATH_INFO"] = chance.choice([f"/{word}", f"/items/{word}"])
            answer(app, environ)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else 0

    send(REQUESTS // 3)
    tracemalloc.start()
    before = send(1000)
    after = send(REQUESTS)
    tracemalloc.stop()
    assert after - before < 300_000


def test_an_http_error_is_no_reason_to_call_a_view_again(make_app: MakeApp) -> None:
    calls: list[str] = []

    def view(request: Request) -> None:
        calls.append(request.path)
        raise HTTPException("no status")

    app = make_app(Rule("/", view))
    for _ in range(2):
        call(app)
    assert calls == ["/", "/"]
