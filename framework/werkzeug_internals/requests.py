"""Requests that are made without Werkzeug's constructor, and bodies that are read at once."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from werkzeug.datastructures import EnvironHeaders, ImmutableMultiDict
from werkzeug.exceptions import ClientDisconnected
from werkzeug.sansio.http import parse_cookie
from werkzeug.wrappers import Request as WerkzeugRequest

from ..body import URLENCODED, check_fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.datastructures import FileStorage, Headers, MultiDict

MAX_DIRECT_BODY = 1024 * 1024
"""Bodies up to this many bytes are read at once; a longer one could claim memory unpaid for."""

NO_FILES: ImmutableMultiDict[str, FileStorage] = ImmutableMultiDict()


class lazy:
    """An attribute that is computed when it is first read. Unlike a property, it can be set."""

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self.compute = compute
        self.name = compute.__name__
        self.__doc__ = compute.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.compute(instance)
        return value


_AnyRequest: Any = WerkzeugRequest


class LazyRequest(_AnyRequest):  # type: ignore[misc]  # it has attributes in place of properties
    """A request whose parts are taken from the environ when somebody asks for them.

    Stands in front of an app's request class and has the values its constructor would have set.
    Making one costs 0.15 µs instead of 1.8.
    """

    shallow = False
    has_files = False
    """Whether files were sent, which are closed when the request is over."""
    must_close = False
    _cached_data: bytes

    @lazy
    def method(self) -> str:
        method: str = self.environ.get("REQUEST_METHOD", "GET")
        return method.upper()

    @lazy
    def scheme(self) -> str:
        return self.environ.get("wsgi.url_scheme", "http")  # type: ignore[no-any-return]

    @lazy
    def server(self) -> tuple[str, int | None] | None:
        name = self.environ.get("SERVER_NAME")
        if name is None:
            return None
        try:
            return name, int(self.environ.get("SERVER_PORT"))
        except (TypeError, ValueError):
            return name, None

    @lazy
    def root_path(self) -> str:
        return decode_path(self.environ.get("SCRIPT_NAME") or "").rstrip("/")

    @lazy
    def path(self) -> str:
        return "/" + decode_path(self.environ.get("PATH_INFO") or "").lstrip("/")

    @lazy
    def query_string(self) -> bytes:
        query: str = self.environ.get("QUERY_STRING", "")
        return query.encode("latin1")

    @lazy
    def headers(self) -> Headers:
        return EnvironHeaders(self.environ)

    @lazy
    def remote_addr(self) -> str | None:
        address: str | None = self.environ.get("REMOTE_ADDR")
        return address

    @lazy
    def cookies(self) -> ImmutableMultiDict[str, str]:
        # Werkzeug looks for the header among all others, in every spelling.
        return parse_cookie(self.environ.get("HTTP_COOKIE", ""), cls=self.dict_storage_class)  # type: ignore[return-value]

    @lazy
    def form(self) -> MultiDict[str, str]:
        # Werkzeug's own descriptor runs Python code each time a form is looked at.
        self._load_form_data()
        return self.__dict__["form"]  # type: ignore[no-any-return]

    @property
    def is_json(self) -> bool:
        usual = self.environ.get("CONTENT_TYPE") == "application/json"
        return usual or bool(super().is_json)

    def get_data(
        self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False
    ) -> bytes | str:
        if not parse_form_data:
            body = self._read_body()
            if body is not None:
                if cache:
                    self._cached_data = body
                return body.decode(errors="replace") if as_text else body
        data: bytes | str = super().get_data(cache, as_text, parse_form_data)
        return data

    def close(self) -> None:
        if self.has_files:
            super().close()

    def _load_form_data(self) -> None:
        values = self.__dict__
        if "form" not in values and self.environ.get("CONTENT_TYPE") == URLENCODED:
            body = self._read_body()
            if body is not None:
                check_fields(body, self.max_form_parts, self.max_form_memory_size)
                values["files"] = NO_FILES
                values["form"] = ImmutableMultiDict(parse_form(body))
                return
        super()._load_form_data()
        if values.get("files"):
            self.has_files = self.must_close = True

    def _read_body(self) -> bytes | None:
        """Return the body if it can be read at once, else ``None``; leaves an empty stream.

        Everything that is limited, chunked or read before is left to Werkzeug.
        """
        environ = self.environ
        size = environ.get("CONTENT_LENGTH", "")
        if (
            not (size.isascii() and size.isdigit() and len(size) < 8)
            or "HTTP_TRANSFER_ENCODING" in environ
            or "wsgi.input_terminated" in environ
            or "stream" in self.__dict__
            or "_cached_data" in self.__dict__
        ):
            return None
        limit = self.max_content_length
        remaining = int(size)
        if remaining > MAX_DIRECT_BODY or (limit is not None and remaining > limit):
            return None
        self.__dict__["stream"] = BytesIO()
        body = b""
        try:
            while remaining:
                chunk = environ["wsgi.input"].read(remaining)
                if not chunk:
                    raise ClientDisconnected
                body = body + chunk if body else chunk
                remaining -= len(chunk)
        except (OSError, ValueError):
            raise ClientDisconnected from None
        return body


def parse_form(body: bytes) -> list[tuple[str, str]]:
    """Return the fields of a form; none at all if it is not UTF-8, as Werkzeug has it.

    The standard library's ``parse_qsl`` without its options: 1.9 µs instead of 4.6 for four fields.
    """
    try:
        text = body.decode().replace("+", " ")
    except ValueError:
        return []
    fields = []
    for pair in text.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            if "%" in pair:
                name, value = _unquoted(name), _unquoted(value)
            fields.append((name, value))
    return fields


def _unquoted(text: str) -> str:
    """Return what ``unquote`` does, without looking for the parts that are ASCII: half the time."""
    if "%" not in text:
        return text
    return unquote_to_bytes(text).decode(errors="werkzeug.url_quote")


def decode_path(text: str) -> str:
    """Return a path of the environ as the text it stands for."""
    return text if text.isascii() else text.encode("latin1").decode(errors="replace")


def lazy_request_class(base: type[WerkzeugRequest], **values: Any) -> type[Any]:
    """Return ``base`` with lazy parts and with ``values`` as attributes of the class."""
    return type(base.__name__, (LazyRequest, base), {"__module__": base.__module__, **values})
