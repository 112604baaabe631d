"""How long a hello app takes to start, and the memory it has then."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..processes import with_bytecode
from . import instructions

if TYPE_CHECKING:
    from collections.abc import Callable

PYTHON = "python"
"""A process that starts and does nothing: what every start is counted above."""

PROGRAMS = {
    PYTHON: "",
    "bare": "def app(environ, start_response): start_response('200 OK', []); return [b'hello']",
    "twofold": """from framework import App, Rule
app = App("hello", urls=[Rule("/", lambda request: "hello", endpoint="hello")],
          config={"secret_key": "only for the benchmark"})
app.start_worker()""",
    "falcon": """import falcon
class Hello:
    def on_get(self, request, response): response.text = "hello"
app = falcon.App()
app.add_route("/", Hello())""",
    "bottle": """import bottle
app = bottle.Bottle()
app.route("/", callback=lambda: "hello")""",
    "starlette": """from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
app = Starlette(routes=[Route("/", lambda request: HTMLResponse("hello"))])""",
    "django": "from benchmarks.core.apps.django import make\nmake('hello')",
    "flask": """from flask import Flask
app = Flask("hello")
app.add_url_rule("/", "hello", lambda: "hello")""",
}
"""Programs that make a hello app and no more."""

SHOW_MEMORY = """
line = next(line for line in open("/proc/self/status") if line.startswith("VmRSS"))
print(line.split()[1])"""


@dataclass
class Start:
    """What was measured of one program, one figure a round; the instructions once."""

    seconds: list[float] = field(default_factory=list)
    """Of the processor's time, above bare Python in the same round."""
    elapsed: list[float] = field(default_factory=list)
    """Seconds by the clock, above bare Python in the same round."""
    megabytes: list[float] = field(default_factory=list)
    instructions: float | None = None
    """Above bare Python."""


def measure(frameworks: list[str], rounds: int, tell: Callable[[str], None]) -> dict[str, Start]:
    """Start every program once a round, in a new order each time."""
    names = [PYTHON, *frameworks]
    starts = {name: Start() for name in frameworks}
    for name in names:
        _start(PROGRAMS[name])  # Its files are compiled and in memory from here on.
    for number in range(rounds):
        found = {name: _start(PROGRAMS[name]) for name in random.sample(names, len(names))}
        for name, start in starts.items():
            seconds, elapsed, megabytes = found[name]
            start.seconds.append(seconds - found[PYTHON][0])
            start.elapsed.append(elapsed - found[PYTHON][1])
            start.megabytes.append(megabytes)
        tell(f"start {number + 1} of {rounds}")
    return starts


def _start(program: str) -> tuple[float, float, float]:
    """Run a process; return its processor time, its time by the clock and its memory in MB."""
    command = [sys.executable, "-c", program + SHOW_MEMORY]
    begin, used = time.perf_counter(), _processor_time()
    done = subprocess.run(command, check=True, capture_output=True, env=with_bytecode())  # noqa: S603
    elapsed = time.perf_counter() - begin
    return _processor_time() - used, elapsed, int(done.stdout) / 1024


def _processor_time() -> float:
    """Return the seconds that processes of ours which have ended had of the processor."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def count_instructions(starts: dict[str, Start], tell: Callable[[str], None]) -> None:
    """Count the instructions of each program, and put them into ``starts``."""
    python = instructions.of_program(PROGRAMS[PYTHON])
    for name, start in starts.items():
        start.instructions = instructions.of_program(PROGRAMS[name]) - python
        tell(f"instructions of the start of {name}")
