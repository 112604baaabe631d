from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from framework import Rule
from framework.context import StreamedBody, current_request, request_variable
from framework.exceptions import NoCurrentRequest
from framework.testing import TestClient, make_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import MakeApp


def test_no_current_request_outside_of_one(make_app: MakeApp) -> None:
    app = make_app(Rule("/", lambda request: str(current_request() is request), endpoint="view"))
    assert TestClient(app).get("/").text == "True"
    with pytest.raises(NoCurrentRequest, match="Pass the request as an argument"):
        current_request()


def test_context_is_left_when_the_request_fails(make_app: MakeApp) -> None:
    def fail(request):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        TestClient(make_app(Rule("/", fail), debug=True)).get("/")
    assert request_variable.get(None) is None


@pytest.mark.parametrize("composed", [False, True])
@pytest.mark.parametrize("path", ["/plain", "/stream"])
def test_context_is_left_when_the_teardown_is_cut_off(
    make_app: MakeApp, path: str, composed: bool
) -> None:
    rules = [
        Rule("/plain", lambda request: "text", endpoint="plain"),
        Rule("/stream", lambda request: iter(["text"]), endpoint="stream"),
    ]
    app = make_app(*rules)

    @app.teardown_request
    def end(request, error):
        # As when the worker is told to stop, or its greenlet to end.
        raise SystemExit

    if composed:
        app.start_worker()
    with pytest.raises(SystemExit):
        TestClient(app).get(path).close()
    assert request_variable.get(None) is None


def test_each_thread_has_its_own_request(make_app: MakeApp) -> None:
    together = threading.Barrier(4)

    def view(request, number):
        together.wait(timeout=30)
        mine = current_request() is request
        together.wait(timeout=30)
        return f"{number} {mine} {current_request().path}"

    app = make_app(Rule("/<number>", view))
    app.start_worker()
    with ThreadPoolExecutor(4) as pool:
        texts = list(pool.map(lambda n: TestClient(app).get(f"/{n}").text, range(4)))
    assert texts == [f"{n} True /{n}" for n in range(4)]


def test_each_asyncio_task_has_its_own_request(make_app: MakeApp) -> None:
    app = make_app()

    async def task(number: int) -> bool:
        request = make_request(app, f"/{number}")
        request_variable.set(request)
        for _ in range(3):
            await asyncio.sleep(0)
        return current_request() is request

    async def main() -> list[bool]:
        return await asyncio.gather(*(task(number) for number in range(5)))

    assert asyncio.run(main()) == [True] * 5


def test_interleaved_streams_each_see_their_own_request(make_app: MakeApp) -> None:
    def stream(request, number) -> Iterator[str]:
        for _ in range(3):
            yield f"{number}{current_request().path} "

    app = make_app(Rule("/<number>", stream))
    ends: list[str] = []
    app.teardown_request(lambda request, error: ends.append(current_request().path))
    bodies: list[Any] = [TestClient(app).get(f"/{n}", buffered=False).response for n in (1, 2)]
    steps = [next(body) for _ in range(3) for body in map(iter, bodies)]
    assert steps == [b"1/1 ", b"2/2 "] * 3
    assert request_variable.get(None) is None
    for body in bodies:
        body.close()
    assert ends == ["/1", "/2"]
    assert request_variable.get(None) is None


def test_stream_may_be_continued_and_closed_in_another_context(make_app: MakeApp) -> None:
    request = make_request(make_app())
    ends: list[Any] = []
    body = StreamedBody(
        request,
        (current_request().path.encode() for _ in range(2)),
        lambda request, error: ends.append((current_request(), error)),
    )
    assert contextvars.Context().run(next, iter(body)) == b"/"
    contextvars.Context().run(body.close)
    body.close()
    assert ends == [(request, None)]


def test_end_of_a_stream_gets_the_error_inside_it(make_app: MakeApp) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"a"
        raise ZeroDivisionError

    ends = []
    body = StreamedBody(make_request(make_app()), chunks(), lambda r, error: ends.append(error))
    assert next(body) == b"a"
    with pytest.raises(ZeroDivisionError):
        next(body)
    body.close()
    assert isinstance(ends[0], ZeroDivisionError)


def test_end_of_a_stream_is_reached_when_closing_it_fails(make_app: MakeApp) -> None:
    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"a"])

        def close(self) -> None:
            raise ZeroDivisionError

    ends = []
    body = StreamedBody(make_request(make_app()), Body(), lambda r, error: ends.append(error))
    with pytest.raises(ZeroDivisionError):
        body.close()
    assert isinstance(ends[0], ZeroDivisionError)


def test_stream_without_close_is_closed_too(make_app: MakeApp) -> None:
    ends = []
    body = StreamedBody(make_request(make_app()), [b"a"], lambda r, error: ends.append(error))
    assert list(body) == [b"a"]
    body.close()
    assert ends == [None]
