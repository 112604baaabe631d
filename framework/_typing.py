"""The shapes that cross module borders. Imported for type checking only."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from _typeshed.wsgi import StartResponse as StartResponse
    from _typeshed.wsgi import WSGIApplication as WSGIApplication
    from _typeshed.wsgi import WSGIEnvironment as WSGIEnvironment
    from werkzeug.datastructures import Headers
    from werkzeug.wrappers import Response as WerkzeugResponse

    from .wrappers import Request

Body: TypeAlias = (
    "WerkzeugResponse | str | bytes | dict[str, Any] | list[Any] | Iterator[Any] | None"
)
Status: TypeAlias = "int | str"
HeaderValues: TypeAlias = "Mapping[str, str] | Headers | list[tuple[str, str]]"
ResponseValue: TypeAlias = (
    "Body | tuple[Body, Status] | tuple[Body, HeaderValues] | tuple[Body, Status, HeaderValues]"
)
"""What a view may return; ``App.make_response`` says what becomes of it."""

View: TypeAlias = "Callable[..., ResponseValue]"
BeforeHook: TypeAlias = "Callable[[Request], ResponseValue]"
AfterHook: TypeAlias = "Callable[[Request, WerkzeugResponse], WerkzeugResponse | None]"
TeardownHook: TypeAlias = "Callable[[Request, BaseException | None], object]"
ErrorHandler: TypeAlias = "Callable[[Request, Any], ResponseValue]"
ContextProcessor: TypeAlias = "Callable[[Request], Mapping[str, Any]]"
