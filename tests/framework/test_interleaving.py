"""Requests that run into each other on purpose: threads, greenlets, processes, asyncio tasks.

Every step of every request checks that the current request is its own, and that a streamed one
ends after its last byte.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import os
import subprocess
import sys
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import create_environ

from framework import App, Rule
from framework.context import current_request, request_variable
from framework.testing import make_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
STEPS = 3
TOGETHER = 6


class Story:
    """An app, and what happened in it. ``pause`` lets the other requests run."""

    def __init__(self, pause: Callable[[], object]) -> None:
        self.pause = pause
        self.wrong: list[str] = []
        self.events: dict[str, list[str]] = defaultdict(list)
        self.inside: set[str] = set()
        self.most = 0
        urls = [Rule("/plain/<name>", self.plain), Rule("/stream/<name>", self.stream)]
        urls.append(Rule("/fail/<name>", self.fail))
        config = {"secret_key": "only for these tests"}
        self.app = App("no_such_package", urls=urls, config=config)
        self.app.before_request(lambda request: self.check(request, "before"))
        self.app.after_request(lambda request, response: self.check(request, "after"))
        self.app.add_error_handler(ZeroDivisionError, self.handle)
        self.app.teardown_request(self.end)
        self.app.start_worker()

    def check(self, request: Any, place: str) -> None:
        for _ in range(2):
            if current_request() is not request:
                self.wrong.append(f"{place}: {current_request().path} in {request.path}")
            self.inside.add(request.path)
            self.most = max(self.most, len(self.inside))
            self.pause()

    def plain(self, request: Any, name: str) -> str:
        self.check(request, "view")
        return name * STEPS

    def stream(self, request: Any, name: str) -> Iterator[str]:
        for step in range(STEPS):
            self.check(request, f"step {step}")
            self.events[name].append(f"made {step}")
            yield name

    def fail(self, request: Any, name: str) -> str:
        self.check(request, "failing view")
        raise ZeroDivisionError

    def handle(self, request: Any, error: Exception) -> str:
        self.check(request, "error handler")
        return request.view_args["name"] * STEPS

    def end(self, request: Any, error: BaseException | None) -> None:
        self.check(request, "teardown")
        self.inside.discard(request.path)
        self.events[request.view_args["name"]].append("end")

    def start(self, kind: str, name: str) -> Any:
        def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
            return lambda data: None

        return self.app(create_environ(f"/{kind}/{name}"), start_response)

    def take(self, name: str, body: Iterator[bytes], text: list[str]) -> bool:
        """Take one chunk; False when there is none."""
        chunk = next(body, None)
        if chunk is None:
            return False
        self.events[name].append("sent")
        text.append(chunk.decode())
        return True

    def visit(self, kind: str, name: str) -> None:
        """Send a request, and note what went wrong."""
        body = self.start(kind, name)
        text: list[str] = []
        chunks = iter(body)
        while self.take(name, chunks, text):
            self.pause()
        if hasattr(body, "close"):
            body.close()
        self.judge(kind, name, text)

    def judge(self, kind: str, name: str, text: list[str]) -> None:
        if "".join(text) != name * STEPS:
            self.wrong.append(f"{kind} {name} answered {text}")
        made = [event for step in range(STEPS) for event in (f"made {step}", "sent")]
        if self.events[name] != ([*made, "end"] if kind == "stream" else ["end", "sent"]):
            self.wrong.append(f"{kind} {name}: {self.events[name]}")
        if request_variable.get(None) is not None:
            self.wrong.append(f"{kind} {name} left its request behind")


def visits() -> list[tuple[str, str]]:
    return [(kind, f"{kind}{n}") for kind in ("plain", "stream", "fail") for n in range(TOGETHER)]


def test_threads_meet_at_every_step() -> None:
    for kind in ("plain", "stream", "fail"):
        # Nobody goes on before all of them are at the same step.
        story = Story(threading.Barrier(TOGETHER, timeout=60).wait)
        with ThreadPoolExecutor(TOGETHER) as pool:
            for done in [pool.submit(story.visit, kind, f"{kind}{n}") for n in range(TOGETHER)]:
                done.result(timeout=60)
        assert story.wrong == []
        assert story.most == TOGETHER


def test_stream_may_wander_from_thread_to_thread() -> None:
    story = Story(lambda: None)
    names = [f"n{n}" for n in range(TOGETHER)]
    bodies = {name: story.start("stream", name) for name in names}
    texts: dict[str, list[str]] = {name: [] for name in names}
    chunks = {name: iter(body) for name, body in bodies.items()}
    for _ in range(STEPS + 1):
        # Each round in threads that are new, each taking another's stream.
        with ThreadPoolExecutor(TOGETHER) as pool:
            list(pool.map(lambda name: story.take(name, chunks[name], texts[name]), names))
        assert request_variable.get(None) is None
    for name, body in bodies.items():
        closing = threading.Thread(target=body.close)
        closing.start()
        closing.join(timeout=60)
        story.judge("stream", name, texts[name])
    assert story.wrong == []
    assert story.most == TOGETHER


def test_stream_that_is_read_inside_another_request_keeps_its_own() -> None:
    story = Story(lambda: None)
    text: list[str] = []
    body = story.start("stream", "inner")
    token = request_variable.set(make_request(story.app, "/plain/outer"))
    while story.take("inner", body, text):
        assert current_request().path == "/plain/outer"
    body.close()
    request_variable.reset(token)
    story.judge("stream", "inner", text)
    assert story.wrong == []


def test_asyncio_tasks_take_turns_at_every_chunk() -> None:
    story = Story(lambda: None)

    async def visit(kind: str, name: str) -> None:
        body = story.start(kind, name)
        text: list[str] = []
        chunks = iter(body)
        await asyncio.sleep(0)
        while story.take(name, chunks, text):
            await asyncio.sleep(0)
        if hasattr(body, "close"):
            body.close()
        story.judge(kind, name, text)

    async def main() -> None:
        await asyncio.gather(*(visit(kind, name) for kind, name in visits()))

    asyncio.run(main())
    assert story.wrong == []
    assert story.most >= TOGETHER


def test_asyncio_tasks_of_a_view_have_its_request() -> None:
    async def ask(request: Any) -> bool:
        before = current_request() is request
        await asyncio.sleep(0)
        inside = await asyncio.to_thread(lambda: current_request() is request)
        return before and inside and current_request() is request

    def view(request: Any, name: str) -> list[bool]:
        async def main() -> list[bool]:
            return await asyncio.gather(*(ask(request) for _ in range(TOGETHER)))

        return asyncio.run(main())

    config = {"secret_key": "only for these tests"}
    app = App("no_such_package", urls=[Rule("/<name>", view)], config=config)

    def visit(name: str) -> bytes:
        return b"".join(app(create_environ(f"/{name}"), lambda *_, **__: lambda data: None))

    with ThreadPoolExecutor(TOGETHER) as pool:
        answers = set(pool.map(visit, map(str, range(TOGETHER))))
    assert [json.loads(answer) for answer in answers] == [[True] * TOGETHER]


@pytest.mark.parametrize("kind", ["greenlets", "processes"])
def test_in_a_process_of_its_own(kind: str) -> None:
    first = "from gevent import monkey; monkey.patch_all(); " if kind == "greenlets" else ""
    done = subprocess.run(
        [sys.executable, "-c", f"{first}import test_interleaving; test_interleaving.{kind}()"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)])},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["wrong"] == []
    assert result["most"] >= TOGETHER


def greenlets() -> None:
    """Run in a process that gevent has patched: its `sleep` lets the others run."""
    import gevent

    story = Story(lambda: gevent.sleep(0))
    jobs = [gevent.spawn(story.visit, kind, name) for kind, name in visits()]
    gevent.joinall(jobs, timeout=60, raise_error=True)
    report(story.wrong, story.most)


def processes() -> None:
    """Fork in the middle of streams: parent and children finish them, each for itself."""
    story = Story(lambda: None)
    names = [f"n{n}" for n in range(TOGETHER)]
    bodies = {name: story.start("stream", name) for name in names}
    texts: dict[str, list[str]] = {name: [] for name in names}
    for name in names:
        story.take(name, bodies[name], texts[name])
    children = [fork_and_finish(story, bodies, texts) for _ in range(3)]
    wrong = [child() for child in children]
    finish(story, bodies, texts)
    report([*story.wrong, *(text for text in wrong if text)], story.most)


def fork_and_finish(story: Story, bodies: Any, texts: Any) -> Callable[[], str]:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        finish(story, bodies, texts)
        for kind, name in visits():
            story.visit(kind, name)
        os.write(writer, "; ".join(story.wrong)[:60_000].encode())
        os._exit(0)
    os.close(writer)

    def result() -> str:
        with os.fdopen(reader) as pipe:
            text = pipe.read()
        _, status = os.waitpid(pid, 0)
        return text if status == 0 else f"a child ended with {status}"

    return result


def finish(story: Story, bodies: Any, texts: Any) -> None:
    for _ in range(STEPS):
        for name, body in bodies.items():
            contextvars.Context().run(story.take, name, body, texts[name])
    for name, body in bodies.items():
        body.close()
        story.judge("stream", name, texts[name])


def report(wrong: list[str], most: int) -> None:
    sys.stdout.write(json.dumps({"wrong": wrong, "most": most}))
