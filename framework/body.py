"""Limits on the body of a request that Werkzeug does not keep."""

from __future__ import annotations

from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, cast

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.wsgi import LimitedStream, get_input_stream

if TYPE_CHECKING:
    from ._typing import WSGIEnvironment

URLENCODED = "application/x-www-form-urlencoded"


class UnmeasuredBody(LimitedStream):
    """A body that the server ends; ``RequestEntityTooLarge`` when it is longer than ``largest``.

    Werkzeug's stream, read in one go, stops at its limit without a word, and what arrives looks
    whole. This one may read one byte more and then knows.
    """

    def __init__(self, stream: IO[bytes], largest: int) -> None:
        super().__init__(stream, largest + 1, is_max=True)

    def readall(self) -> bytes:
        """Read to the end."""
        body = super().readall()
        if self.is_exhausted:
            self.on_exhausted()
        return body


def body_stream(environ: WSGIEnvironment, largest: int | None) -> IO[bytes]:
    """Return the stream of a request's body; ``largest`` is its limit in bytes."""
    stream = get_input_stream(environ, max_content_length=largest)
    if largest is None or "wsgi.input_terminated" not in environ:
        return stream
    return cast("IO[bytes]", UnmeasuredBody(environ["wsgi.input"], largest))


class FormParser(FormDataParser):
    """Werkzeug's parser, with its limits on fields also where they are not multipart.

    A body of 16 MiB that is nothing but separators would become millions of fields.
    """

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Any:
        """Parse the form; ``RequestEntityTooLarge`` when it has too many or too large fields."""
        if mimetype == URLENCODED:
            body = stream.read()
            check_fields(body, self.max_form_parts, self.max_form_memory_size)
            stream = BytesIO(body)
        return super().parse(stream, mimetype, content_length, options)


def check_fields(body: bytes, most: int | None, largest: int | None) -> None:
    """Raise ``RequestEntityTooLarge`` for over ``most`` fields, or one over ``largest`` bytes."""
    if most is not None and body.count(b"&") >= most:
        raise RequestEntityTooLarge
    # Most bodies are smaller than one field may be; then they need not be split.
    if largest is not None and len(body) > largest < max(map(len, body.split(b"&"))):
        raise RequestEntityTooLarge
