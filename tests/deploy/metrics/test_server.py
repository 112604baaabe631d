"""The port that Prometheus asks."""

from __future__ import annotations

import socket
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from deploy.metrics.server import MetricsServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def ask(listener: socket.socket) -> Iterator[Callable[[str], tuple[int, str, str]]]:
    numbers = iter(range(100))
    server = MetricsServer(listener, lambda: f"page {next(numbers)}\n")
    port = listener.getsockname()[1]
    server.start()

    def get(path: str) -> tuple[int, str, str]:
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", path)
        answer = connection.getresponse()
        found = answer.status, answer.headers["Content-Type"], answer.read().decode()
        connection.close()
        return found

    yield get
    server.close()


def test_each_request_gets_a_page_of_its_moment(ask: Callable[[str], object]) -> None:
    kind = "text/plain; version=0.0.4; charset=utf-8"
    assert ask("/metrics") == (200, kind, "page 0\n")
    assert ask("/metrics?x=1") == (200, kind, "page 1\n")


def test_other_paths_say_where_it_is(ask: Callable[[str], tuple[int, str, str]]) -> None:
    status, _, text = ask("/")
    assert (status, text) == (404, "There is /metrics here and nothing else.\n")


def test_one_who_asks_and_says_nothing_holds_up_nobody(
    ask: Callable[[str], tuple[int, str, str]], listener: socket.socket
) -> None:
    with socket.create_connection(listener.getsockname(), timeout=20):
        assert ask("/metrics")[0] == 200
