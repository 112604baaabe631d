"""Requests over a limit: a clear answer, no worker touched, and a connection in the right state."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.profiles import PROFILES
from deploy.targets.local import LocalTarget
from tests.deploy.raw_visitors import ECHO_APP, Visitor, ask

pytestmark = pytest.mark.integration

Start = Callable[..., LocalTarget]

MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def echo_app(project: Path) -> None:
    (project / "site_app.py").write_text(ECHO_APP)


def headers(count: int, size: int = 1) -> list[str]:
    return [f"X-{number}: {'v' * size}" for number in range(count)]


def test_the_balancer_refuses_what_is_over_a_limit_and_takes_what_is_not(start: Start) -> None:
    target = start(nodes=1, workers=1)
    with Visitor(target.url) as visitor:
        # At each limit, on one connection; gunicorn takes what the balancer lets through.
        assert visitor.ask("/" + "u" * 7999).status == 200
        assert visitor.ask("/", *headers(99)).status == 200
        assert visitor.ask("/", *headers(1, size=16_300)).status == 200
        visitor.request("/", f"Content-Length: {16 * MIB}", method="POST")
        visitor.send(bytes(16 * MIB))
        assert visitor.answer().said["size"] == 16 * MIB

        # One more is refused. Without a body to come, the visitor may go on.
        too_long = visitor.ask("/" + "u" * 8000)
        assert (too_long.status, too_long.text) == (414, "The URL is longer than 8000 bytes.\n")
        too_many = visitor.ask("/", *headers(100))
        assert (too_many.status, too_many.text) == (431, "There are more than 100 headers.\n")
        too_large = visitor.ask("/", *headers(2, size=9000))
        assert too_large.status == 431
        assert too_large.text == "The headers are larger than 16384 bytes.\n"
        assert visitor.ask().status == 200

    # One who announces too much is told before anything is sent, and cannot go on.
    for expect in ([], ["Expect: 100-continue"]):
        with Visitor(target.url) as visitor:
            visitor.request("/", f"Content-Length: {16 * MIB + 1}", *expect, method="POST")
            refused = visitor.answer()
            assert (refused.status, refused.text) == (413, "The body is larger than 16 MiB.\n")
            assert visitor.is_closed()

    # What does not even fit the buffer is no request; HAProxy has a page of its own for it.
    for target_url, lines in (
        ("/" + "u" * 40_000, []),
        ("/", headers(4, 10_000)),
        ("/", headers(300)),
    ):
        with Visitor(target.url) as visitor:
            assert visitor.ask(target_url, *lines).status == 400
            assert visitor.is_closed()
    status = target.status()
    assert status.balancer.responses_5xx == 0
    assert sum(slot.errors for slot in status.slots) == 0


def test_every_limit_can_be_set_and_gunicorns_follow(start: Start, project: Path) -> None:
    (project / "twofold.toml").write_text(
        "[balancer]\nmax_url = 60000\nmax_headers = 150\nmax_header_bytes = '100 KiB'\n"
        "max_body = 1000\n"
    )
    target = start(nodes=1, workers=1)
    with Visitor(target.url) as visitor:
        assert visitor.ask("/" + "u" * 59_999).status == 200
        assert visitor.ask("/", *headers(149)).status == 200
        assert visitor.ask("/", *headers(5, size=20_000)).status == 200
        assert visitor.ask("/" + "u" * 60_000).status == 414
        assert visitor.ask("/", *headers(150)).status == 431
        assert visitor.ask("/", *headers(6, size=20_000)).status == 431
        visitor.request("/", "Content-Length: 1001", method="POST")
        assert visitor.answer().text == "The body is larger than 1000 bytes.\n"


CHUNK = b"10000\r\n" + bytes(0x10000) + b"\r\n"
IN_CHUNKS = "Transfer-Encoding: chunked"


@pytest.mark.parametrize("fast_workers", [True, False], ids=["our class", "gunicorn's class"])
@pytest.mark.parametrize("profile", PROFILES)
def test_a_body_in_chunks_is_counted_as_it_comes(
    start: Start, profile: str, fast_workers: bool
) -> None:
    target = start(
        profile=profile,
        fast_workers=fast_workers,
        nodes=1,
        workers=1,
        **{"balancer.max_body": "1 MiB"},
    )
    with Visitor(target.url) as visitor:
        visitor.request("/", IN_CHUNKS, method="POST")
        visitor.send(CHUNK * 16 + b"0\r\n\r\n")
        assert visitor.answer().said["size"] == MIB
        assert visitor.ask().said["size"] == 0

    for url in (
        target.url,
        target.status().slots[0].address if profile == "threads" else target.url,
    ):
        with Visitor(url) as visitor:
            visitor.request("/", IN_CHUNKS, method="POST")
            visitor.send(CHUNK * 16 + b"1\r\n")
            visitor.send(b"x\r\n")
            refused = visitor.answer()
            assert (refused.status, refused.text) == (413, "The body is too large.\n")
            assert visitor.is_closed()
    assert ask(target.url).status == 200
    assert target.status().balancer.responses_5xx == 0


# What an app may make of a body that it cannot read.
APPS = {
    "lets the error through": """\
def app(environ, start_response):
    environ["wsgi.input"].read()
    start_response("200 OK", [])
    return [b"read"]
""",
    "answers by itself": """\
def app(environ, start_response):
    try:
        while environ["wsgi.input"].read(1000):
            pass
    except OSError:
        start_response("500 Oh", [("Content-Length", "2")])
        return [b"no"]
    start_response("200 OK", [])
    return [b"read"]
""",
    "is a generator": """\
def app(environ, start_response):
    data = environ["wsgi.input"].readline()
    start_response("200 OK", [("Content-Length", str(len(data)))])
    yield data
""",
}


@pytest.mark.parametrize("app", APPS.values(), ids=APPS)
def test_the_refusal_is_the_answer_whatever_the_app_does(
    start: Start, project: Path, app: str
) -> None:
    (project / "site_app.py").write_text(app)
    target = start(nodes=1, workers=1, **{"balancer.max_body": 100_000})
    with Visitor(target.url) as visitor:
        visitor.request("/", IN_CHUNKS, method="POST")
        visitor.send(CHUNK * 3)
        assert visitor.answer().status == 413
        assert visitor.is_closed()
    with Visitor(target.url) as visitor:
        visitor.request("/", IN_CHUNKS, method="POST")
        visitor.send(b"5\r\nhello\r\n0\r\n\r\n")
        assert visitor.answer().status == 200
