"""Plain requests: from the bytes of one read to gunicorn's request object and the environ."""

import importlib
from io import BytesIO
from typing import Any

from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from gunicorn.util import unquote_to_wsgi_str

from .connections import Connection, Environ

# As much as gunicorn reads at once, so that both find a limit exceeded at the same byte.
READ_SIZE = 8192

VERSIONS = {0: ((1, 0), "HTTP/1.0"), 1: ((1, 1), "HTTP/1.1")}
CLOSES = {"close": True, "Close": True, "keep-alive": False, "Keep-Alive": False}

# Framing, handshakes and changes of protocol are gunicorn's.
UNUSUAL_NAMES = frozenset({"EXPECT", "HTTP2-SETTINGS", "TRANSFER-ENCODING", "UPGRADE"})

# Repeating one of these makes a request ambiguous; gunicorn says what becomes of it.
SINGLE_KEYS = frozenset({"CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_CONNECTION", "HTTP_HOST"})


class EnvironKeys(dict[bytes, str]):
    """The environ's key for a header's name, worked out once for each spelling.

    Clients and balancers send the same few names again and again: for the six of a browser this
    takes 0.4 µs, and `key_of` alone 2.3 µs. The limits keep a client that invents names from
    filling the memory.
    """

    most_names = 256
    longest_name = 64

    def __missing__(self, name: bytes) -> str:
        key = key_of(name)
        if len(self) < self.most_names and len(name) <= self.longest_name:
            self[name] = key
        return key


def key_of(name: bytes) -> str:
    """The environ's key for a header; KeyError if a plain request has no such header."""
    text = str(name, "latin-1").upper()
    # With an underscore two names could share a key: gunicorn's header_map decides.
    if "_" in text or text in UNUSUAL_NAMES:
        raise KeyError(text)
    key = text.replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key


class PlainRequest(Request):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's request as hooks, logs and error pages know it, without gunicorn's parsing."""

    must_close = False
    proxy_protocol_info = None
    req_number = 1
    fragment = ""
    trailers: tuple[()] = ()
    unreader = None

    method: str
    uri: str
    version: tuple[int, int]
    scheme: str
    body: BytesIO

    def __init__(
        self, cfg: Any, connection: Connection, parsed: Any, rest: bytes, closes: bool
    ) -> None:
        self.cfg = cfg
        self.connection = connection
        self.parsed = parsed
        self.closes = closes
        self.rest = rest
        """What came behind the request: the beginning of the next one."""

    def should_close(self) -> bool:
        return self.must_close or self.closes

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [
            (str(name, "latin-1").upper(), str(value, "latin-1"))
            for name, value in self.parsed.headers
        ]

    @property
    def peer_addr(self) -> tuple[Any, ...]:
        return self.connection.peer

    remote_addr = peer_addr

    @property
    def path(self) -> str:
        return self.uri.partition("?")[0]

    @property
    def query(self) -> str:
        return self.uri.partition("?")[2]


class RequestReader:
    """Tells plain requests from others, and makes the environ of the plain ones."""

    def __init__(self, cfg: Any) -> None:
        self.cfg = cfg
        # gunicorn works out its limits while it parses.
        sample = Request(cfg, IterUnreader([b"GET / HTTP/1.1\r\n\r\n"]), ("127.0.0.1", 0))
        self.uses_c_parser: bool = sample._use_fast
        if self.uses_c_parser:
            self.parse = importlib.import_module("gunicorn_h1c").parse_request_fast
        self.limits = (
            sample._fast_limit_request_line,
            sample.limit_request_fields,
            sample.limit_request_field_size,
            cfg.permit_unconventional_http_method,
            cfg.permit_unconventional_http_version,
        )
        self.keys = EnvironKeys()
        self.schemes = {
            "HTTP_" + name.replace("-", "_"): value
            for name, value in cfg.secure_scheme_headers.items()
        }
        self.single_keys = SINGLE_KEYS | self.schemes.keys()

    def read(self, data: bytes, connection: Connection) -> tuple[PlainRequest, Environ] | None:
        """The request at the beginning of the data, or None if it is not a plain one."""
        try:
            parsed = self.parse(data, 0, *self.limits)
            environ = connection.environ.copy()
            self._add_headers(environ, parsed.headers)
            version, environ["SERVER_PROTOCOL"] = VERSIONS[parsed.minor_version]
            given = environ.get("HTTP_CONNECTION")
            closes = version == (1, 0) if given is None else CLOSES[given]
        except Exception:
            # Incomplete, malformed, over a limit, or with a header that is not plain.
            return None
        target = str(parsed.path, "latin-1")
        end = parsed.consumed + _body_length(environ)
        if (
            end > len(data)
            or data[0] <= 32  # an empty line before the request
            or not _is_plain(target)
            or parsed.method == b"CONNECT"
            or (connection.trusted and not self._set_scheme(environ))
        ):
            return None
        request = PlainRequest(self.cfg, connection, parsed, data[end:], closes)
        request.version = version
        request.scheme = environ["wsgi.url_scheme"]
        request.method = environ["REQUEST_METHOD"] = str(parsed.method, "latin-1")
        request.uri = environ["RAW_URI"] = target
        request.body = environ["wsgi.input"] = BytesIO(data[parsed.consumed : end])
        path, _, environ["QUERY_STRING"] = target.partition("?")
        environ["PATH_INFO"] = unquote_to_wsgi_str(path) if "%" in path else path
        return request, environ

    def _add_headers(self, environ: Environ, headers: Any) -> None:
        keys = self.keys
        for name, value in headers:
            key = keys[name]
            if key not in environ:
                environ[key] = str(value, "latin-1")
            elif key in self.single_keys:
                raise KeyError(key)
            else:
                environ[key] += "," + str(value, "latin-1")

    def _set_scheme(self, environ: Environ) -> bool:
        """Take the scheme from a trusted proxy's headers; False if they disagree."""
        secure = {environ[key] == on for key, on in self.schemes.items() if key in environ}
        if True in secure:
            environ["wsgi.url_scheme"] = "https"
        return len(secure) < 2


def _body_length(environ: Environ) -> int:
    text: str | None = environ.get("CONTENT_LENGTH")
    if text is None:
        return 0
    # The parser let only digits through; what is longer did not come in one read.
    return int(text) if len(text) < 6 else READ_SIZE + 1


def _is_plain(target: str) -> bool:
    """Whether it is a path, perhaps with a query, that needs no parsing as a URL."""
    return target[0] == "/" and "#" not in target and target.isascii() and target.isprintable()
