"""Request bodies that are too large or too slow, for whatever app reads them.

The balancer keeps a request until its body has come, as far as its buffer holds it. What is larger
streams to a worker, and holds one of its places until the last byte. A body in chunks tells its
size only at its end. So both are counted here, where the bytes arrive.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

from gunicorn.http.body import Body, LengthReader

from ..limits import REFUSALS, REFUSED_HEADER

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WSGIApp = Callable[[Environ, StartResponse], Iterable[bytes]]

# Seconds of waiting that are left aside before the rate counts: connections are slow at first.
PATIENCE = 10.0

REASONS = {408: "Request Timeout", 413: "Content Too Large"}


class BodyRefused(OSError):
    """What the app gets when it reads on; frameworks take it for a visitor who has gone."""


def bounded(
    app: WSGIApp,
    *,
    max_body: int,
    min_upload_rate: int,
    patience: float = PATIENCE,
    notify: Callable[[], object] = lambda: None,
) -> WSGIApp:
    """The app, with 413 for a body over `max_body` bytes and 408 for one that comes too slowly.

    Slow is less than `min_upload_rate` bytes a second, `patience` seconds left aside. Only the
    time counts that a worker waits for the visitor. `notify` is called when bytes arrive.
    """

    def serve(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"]
        # Anything else has come whole.
        if type(body) is not Body:
            return app(environ, start_response)
        if type(body.reader) is LengthReader and not body.reader.length:
            return app(environ, start_response)
        upload = Upload(body, max_body, min_upload_rate, patience, notify)
        return Exchange(environ, start_response, upload).run(app)

    serve.stop_worker = getattr(app, "stop_worker", None)  # type: ignore[attr-defined]
    return serve


class Upload:
    """A body on its way; stands between gunicorn's reader and the socket while it is read."""

    def __init__(
        self,
        body: Any,
        max_body: int,
        min_upload_rate: int,
        patience: float,
        notify: Callable[[], object],
    ) -> None:
        self.refusal: int | None = None
        """The status of the answer, once the body is refused."""
        self._body = body
        self._reader = body.reader
        self._left = max_body
        self._rate = min_upload_rate
        self._allowance = patience
        self._notify = notify
        self._unreader = getattr(body.reader, "unreader", None) or body.reader.req.unreader
        self._socket = self._unreader.sock
        self._unreader.sock = self
        body.reader = self

    def let_go(self) -> None:
        """Leave the connection to its next request."""
        self._unreader.sock = self._socket
        self._body.reader = self._reader
        if self.refusal:
            # gunicorn's word for a connection that has to be closed.
            self._body.failed = True

    def read(self, size: int) -> bytes:
        """As gunicorn's reader; at most one byte more than is allowed is read."""
        if getattr(self._reader, "length", 0) > self._left:
            self._refuse(413)
        data: bytes = self._reader.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            self._refuse(413)
        return data

    def recv(self, size: int, *flags: int) -> bytes:
        """As the socket's; every wait takes from the allowance, and every byte adds to it."""
        if self._allowance <= 0:
            self._refuse(408)
        sock, start = self._socket, time.monotonic()
        before = sock.gettimeout()
        sock.settimeout(self._allowance)
        try:
            data: bytes = sock.recv(size, *flags)
        except TimeoutError:
            self._refuse(408)
        finally:
            sock.settimeout(before)
        self._allowance += len(data) / self._rate - (time.monotonic() - start)
        self._notify()
        return data

    def _refuse(self, status: int) -> NoReturn:
        self.refusal = status
        raise BodyRefused(REFUSALS[status])


class Exchange:
    """One request and its answer, which is ours if the body is refused before the app's began."""

    def __init__(self, environ: Environ, start_response: StartResponse, upload: Upload) -> None:
        self._environ = environ
        self._start_response = start_response
        self._upload = upload
        self._begun = False

    def run(self, app: WSGIApp) -> Iterable[bytes]:
        try:
            blocks = app(self._environ, self._start)
        except Exception:
            self._upload.let_go()
            if not self._refused:
                raise
            return self._refusal()
        if not self._begun and not self._refused:
            # A generator: it reads when the first block is asked for.
            return self._later(blocks)
        self._upload.let_go()
        if not self._refused:
            return blocks
        _close(blocks)
        return self._refusal()

    @property
    def _refused(self) -> bool:
        return not self._begun and self._upload.refusal is not None

    def _start(self, status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
        if self._refused:
            # What the app makes of a body that it could not read is not sent.
            return lambda data: None
        self._begun = True
        write: Callable[[bytes], object] = self._start_response(status, headers, exc_info)
        return write

    def _later(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        try:
            for block in blocks:
                if self._refused:
                    break
                yield block
        except BodyRefused:
            if self._begun:
                raise
        finally:
            self._upload.let_go()
            _close(blocks)
        if self._refused:
            yield from self._refusal()

    def _refusal(self) -> list[bytes]:
        status = self._upload.refusal or 413
        body = f"{REFUSALS[status]}\n".encode()
        headers = [
            ("Content-Type", "text/plain"),
            ("Content-Length", str(len(body))),
            (REFUSED_HEADER, str(status)),
        ]
        self._start_response(f"{status} {REASONS[status]}", headers)
        return [body]


def _close(blocks: Any) -> None:
    if hasattr(blocks, "close"):
        blocks.close()
