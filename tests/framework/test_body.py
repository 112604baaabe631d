from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.test import EnvironBuilder, run_wsgi_app

from framework import Rule
from framework.body import body_stream

if TYPE_CHECKING:
    from conftest import MakeApp


def environ(size: int, **options: Any) -> dict[str, Any]:
    """What gunicorn makes of a chunked body, whose end it knows."""
    built = EnvironBuilder(
        "/", base_url="https://localhost", method="POST", input_stream=io.BytesIO(b"x" * size)
    ).get_environ()
    built.pop("CONTENT_LENGTH", None)
    return {**built, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", **options}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize(
    ("size", "answer"), [(0, "0"), (99, "99"), (100, "100"), (101, "413"), (200_000, "413")]
)
def test_body_without_a_length_is_whole_or_413(
    make_app: MakeApp, content_type: str, size: int, answer: str
) -> None:
    def read(request):
        size = len(request.get_data()) or len("".join(request.form))
        return str(size)

    app = make_app(Rule("/", read, methods=["POST"]), max_content_length=100)
    body, status, _ = run_wsgi_app(app, environ(size, CONTENT_TYPE=content_type), buffered=True)
    assert answer in (status.split()[0], b"".join(body).decode())


def test_body_is_refused_as_soon_as_a_piece_is_too_much() -> None:
    stream = body_stream(environ(200), 100)
    assert len(stream.read(60)) == 60
    assert len(stream.read(60)) == 41
    with pytest.raises(RequestEntityTooLarge):
        stream.read(60)


def test_body_without_a_limit_and_one_with_a_length_are_left_to_werkzeug() -> None:
    assert len(body_stream(environ(200), None).read()) == 200
    counted = environ(200, CONTENT_LENGTH="150")
    del counted["wsgi.input_terminated"], counted["HTTP_TRANSFER_ENCODING"]
    assert len(body_stream(counted, 150).read()) == 150
    with pytest.raises(RequestEntityTooLarge):
        body_stream(counted, 100)
