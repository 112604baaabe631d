"""The request that is being answered here and now, for code that cannot be handed it.

Views, hooks and templates receive the request as a value; use that. This is for logging and for
the like. One context variable holds it, so the answer is right under threads, greenlets and
asyncio tasks alike.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from .exceptions import NoCurrentRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .wrappers import Request

request_variable: ContextVar[Request] = ContextVar("request")


def current_request() -> Request:
    """Return the request being answered; :class:`NoCurrentRequest` if there is none."""
    try:
        return request_variable.get()
    except LookupError:
        raise NoCurrentRequest(
            "No request is being answered here. Pass the request as an argument, or make one"
            " with make_request() from the testing module."
        ) from None


class StreamedBody:
    """The body of a response that is still being made while the server sends it.

    The request is the current one during each step, also when the server takes the steps in
    another context, and ``on_close`` is called once after the last byte.
    """

    def __init__(
        self,
        request: Request,
        chunks: Iterable[bytes],
        on_close: Callable[[Request, BaseException | None], None],
    ) -> None:
        self._request = request
        self._chunks = chunks
        self._iterator = iter(chunks)
        self._on_close: Callable[[Request, BaseException | None], None] | None = on_close
        self._error: BaseException | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        token = request_variable.set(self._request)
        try:
            return next(self._iterator)
        except StopIteration:
            raise
        except BaseException as error:
            self._error = error
            raise
        finally:
            request_variable.reset(token)

    def close(self) -> None:
        """Close the body underneath and call ``on_close``; a second call does nothing."""
        on_close, self._on_close = self._on_close, None
        if on_close is None:
            return
        token = request_variable.set(self._request)
        error, self._error = self._error, None
        try:
            close = getattr(self._chunks, "close", None)
            if close is not None:
                close()
        except BaseException as failure:
            error = failure
            raise
        finally:
            try:
                on_close(self._request, error)
            finally:
                request_variable.reset(token)
