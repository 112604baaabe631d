"""One framework in one scenario, in a process of its own: µs per request as a line of JSON.

``python -m benchmarks.core.measure FRAMEWORK SCENARIO [--seconds S | --count N]``; with ``--count``
it answers N requests twice, with a mark for callgrind before, between and after.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import sys
import time
from http.cookies import SimpleCookie
from io import BytesIO
from typing import TYPE_CHECKING, Any

from .scenarios import SCENARIOS, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 0.006
"""Seconds a batch takes: shorter than the scheduler's slices, so that the best ones are whole."""

WARM = 200
"""Requests before any is counted: caches are filled, and the interpreter has specialised."""


def wsgi_runner(app: Any, scenario: Scenario) -> Callable[[int], float]:
    """Return a function that answers ``count`` requests and returns the seconds it took.

    These are seconds of the processor's time: waiting for it, while others have it, is no part.
    """
    status, headers, body = call(app, scenario, "")
    cookie = _cookie(headers) if scenario.keeps_cookie else ""
    check(scenario, status, body)
    check(scenario, *call(app, scenario, cookie)[::2])
    content = scenario.body
    environ = {**scenario.environ(cookie), "wsgi.input": BytesIO()}

    def start_response(status: str, headers: list[Any], exc_info: Any = None) -> None:
        pass

    def run(count: int) -> float:
        start = time.process_time()
        for _ in range(count):
            own = environ.copy()
            if content:
                own["wsgi.input"] = BytesIO(content)
            chunks = app(own, start_response)
            for _chunk in chunks:
                pass
            if hasattr(chunks, "close"):
                chunks.close()
        return time.process_time() - start

    return run


def call(app: Any, scenario: Scenario, cookie: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """Answer one request and return status, headers and body."""
    seen: list[Any] = []

    def start_response(status: str, headers: list[Any], exc_info: Any = None) -> None:
        seen.extend((int(status[:3]), headers))

    environ = {**scenario.environ(cookie), "wsgi.input": BytesIO(scenario.body)}
    chunks = app(environ, start_response)
    body = b"".join(chunks)
    if hasattr(chunks, "close"):
        chunks.close()
    return seen[0], seen[1], body


def asgi_runner(app: Any, scenario: Scenario) -> Callable[[int], float]:
    """Return what :func:`wsgi_runner` does, for an ASGI app in one event loop."""
    loop = asyncio.new_event_loop()
    sent: list[dict[str, Any]] = []
    message = {"type": "http.request", "body": scenario.body, "more_body": False}

    async def receive() -> dict[str, Any]:
        return message

    async def send(part: dict[str, Any]) -> None:
        sent.append(part)

    async def discard(part: dict[str, Any]) -> None:
        pass

    scope = _scope(scenario)
    loop.run_until_complete(app({**scope, "state": {}}, receive, send))
    check(scenario, sent[0]["status"], b"".join(part.get("body", b"") for part in sent))
    if scenario.keeps_cookie:
        cookie = _cookie([(k.decode(), v.decode()) for k, v in sent[0]["headers"]])
        scope["headers"].append((b"cookie", cookie.encode()))

    async def batch(count: int) -> float:
        start = time.process_time()
        for _ in range(count):
            await app(scope.copy(), receive, discard)
        return time.process_time() - start

    return lambda count: loop.run_until_complete(batch(count))


def _scope(scenario: Scenario) -> dict[str, Any]:
    environ = scenario.environ()
    headers = [
        (name[5:].replace("_", "-").lower().encode(), str(value).encode())
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]
    if scenario.body:
        headers.append((b"content-type", scenario.content_type.encode()))
        headers.append((b"content-length", str(len(scenario.body)).encode()))
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": scenario.method,
        "scheme": "http",
        "path": scenario.path,
        "raw_path": scenario.path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": ("localhost", 8000),
    }


def _cookie(headers: list[tuple[str, str]]) -> str:
    cookies = [value for name, value in headers if name.lower() == "set-cookie"]
    parsed = (morsel for text in cookies for morsel in SimpleCookie(text).values())
    return "; ".join(f"{morsel.key}={morsel.coded_value}" for morsel in parsed)


def check(scenario: Scenario, status: int, body: bytes) -> None:
    """Make sure that what is measured is the right answer."""
    if status != scenario.status or scenario.expected not in body:
        raise SystemExit(f"{scenario.name}: wrong answer, status {status}: {body[:200]!r}")


def best(run: Callable[[int], float], seconds: float) -> float:
    """Return the seconds of one request in the best batch."""
    count = 10
    while (taken := run(count)) < BATCH:
        count = max(count + 1, int(count * BATCH / max(taken, 1e-6)))
    end = time.perf_counter() + seconds
    fastest = run(count)
    while time.perf_counter() < end:
        fastest = min(fastest, run(count))
    return fastest / count


def run_between_marks(run: Callable[[int], float], count: int) -> None:
    """Answer ``count`` requests twice, with a mark before, between and after.

    The mark is a function in C that nothing else calls; see ``instructions.py``.
    """
    run(WARM)
    for _ in range(2):
        os.getloadavg()
        run(count)
    os.getloadavg()


def make_runner(framework: str, scenario: str) -> Callable[[int], float] | None:
    """Return what answers requests, ``None`` if the framework has nothing for the scenario."""
    app = importlib.import_module(f".apps.{framework}", __package__).make(scenario)
    if app is None:
        return None
    runner = asgi_runner if framework == "starlette" else wsgi_runner
    return runner(app, SCENARIOS[scenario])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("framework")
    parser.add_argument("scenario", choices=list(SCENARIOS))
    parser.add_argument("--seconds", type=float, default=0.5, help="how long batches are run")
    parser.add_argument("--count", type=int, help="run so many requests under callgrind instead")
    options = parser.parse_args()
    run = make_runner(options.framework, options.scenario)
    result = None
    if run is not None and options.count:
        run_between_marks(run, options.count)
    elif run is not None:
        result = best(run, options.seconds) * 1e6
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
