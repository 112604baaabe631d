"""Records what Locust did, once a second, as one JSON line.

`python -m loadtests.suites` runs Locust with it; so does ``locust -f recorder.py,journey.py``.
The lines go to standard output, or to the file descriptor that TWOFOLD_RECORDER_FD names. A line
holds what happened since the line before, so adding lines up is exact:

    second      the whole second of the monotonic clock it was due at; lines of several processes
                belong together by it
    time        monotonic clock at the end, seconds (comparable between processes of one machine)
    seconds     the time covered
    users       users running at the end
    requests, failures
    redirects   requests sent only because an answer redirected to them
    latencies   `Histogram` of all requests
    errors      message to count
    exceptions  what the suite's own code raised, to count
    cpu         processor seconds this process used
    busiest     the same
    processes   1, or 0 for a master, which makes no traffic
    scheduled, dropped, lateness
                of scheduled arrivals: how many were due, how many of them were given up, and by how
                many seconds the worst one began late

A master's first line names the ``port`` that its workers connect to instead.
"""

import json
import math
import os
import time
from collections import Counter
from typing import Any

import gevent
from locust import events
from locust.event import EventHook
from locust.runners import MasterRunner

from loadtests.measurement import Histogram

MAX_MESSAGES = 20  # different error messages a line; a message with an id in it would never end
MAX_MESSAGE_LENGTH = 300


class Recorder:
    """Counts requests and arrivals between two lines."""

    def __init__(self, runner: Any, descriptor: int) -> None:
        self.runner = runner
        self.descriptor = descriptor
        self.is_master = isinstance(runner, MasterRunner)
        self.time = time.monotonic()
        self.second = math.floor(self.time) + 1
        self.cpu = time.process_time()
        self._reset()

    def _reset(self) -> None:
        self.requests = 0
        self.redirects = 0
        self.latencies = Histogram()
        self.errors: Counter[str] = Counter()
        self.exceptions: Counter[str] = Counter()
        self.scheduled = 0
        self.dropped = 0
        self.lateness = 0.0

    def on_request(
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        response: Any = None,
        exception: BaseException | None = None,
        **_: object,
    ) -> None:
        """Locust's request event; `response_time` is in milliseconds."""
        self.requests += 1
        self.redirects += len(getattr(response, "history", ()))
        self.latencies.record((response_time or 0) / 1000)
        if exception is not None:
            count(self.errors, f"{request_type} {name}: {describe(exception)}")

    def on_user_error(self, exception: BaseException, **_: object) -> None:
        """Locust's event for an exception that a task let out."""
        count(self.exceptions, f"{type(exception).__name__}: {exception}")

    def on_arrival(self, lateness: float, dropped: bool, **_: object) -> None:
        """Our own event for a visitor who was due, `lateness` seconds before it began."""
        self.scheduled += 1
        self.dropped += dropped
        self.lateness = max(self.lateness, lateness)

    def write(self) -> None:
        """Write the line that ends now and begin the next."""
        now, cpu = time.monotonic(), time.process_time()
        line = {
            "second": self.second,
            "time": now,
            "seconds": now - self.time,
            "users": 0 if self.is_master else self.runner.user_count,
            "requests": self.requests,
            "failures": self.errors.total(),
            "redirects": self.redirects,
            "latencies": self.latencies.to_json(),
            "errors": self.errors,
            "exceptions": self.exceptions,
            "cpu": cpu - self.cpu,
            "busiest": cpu - self.cpu,
            "processes": 0 if self.is_master else 1,
            "scheduled": self.scheduled,
            "dropped": self.dropped,
            "lateness": self.lateness,
        }
        self.time, self.cpu = now, cpu
        self.second += 1
        self._reset()
        write_line(self.descriptor, line)


def count(messages: Counter[str], message: str) -> None:
    """Count a message, unless there are too many different ones already."""
    message = message[:MAX_MESSAGE_LENGTH]
    if message not in messages and len(messages) >= MAX_MESSAGES:
        message = "other errors"
    messages[message] += 1


def describe(exception: BaseException) -> str:
    """The exception as text, without the URL: the name of the request says enough."""
    if code := getattr(exception, "code", None):
        return f"HTTP {code}"
    cause = getattr(exception, "original", None) or exception
    return str(cause) or type(cause).__name__


def write_line(descriptor: int, line: dict[str, Any]) -> None:
    data = json.dumps(line).encode() + b"\n"
    while data:
        data = data[os.write(descriptor, data) :]


def record(recorder: Recorder) -> None:
    """Write a line a second for as long as the run lasts; nobody to read it ends the run."""
    while True:
        gevent.sleep(max(0.0, recorder.second - time.monotonic()))
        try:
            recorder.write()
        except BrokenPipeError:
            os._exit(1)


def start(environment: Any, **_: object) -> None:
    """Begin to record; to be called when Locust has set itself up."""
    descriptor = int(os.environ.get("TWOFOLD_RECORDER_FD", "1"))
    recorder = Recorder(environment.runner, descriptor)
    if recorder.is_master:
        write_line(descriptor, {"port": environment.runner.server.port})
    recording = gevent.spawn(record, recorder)

    def finish(**_: object) -> None:
        recording.kill()
        recorder.write()

    environment.events.arrival = EventHook()
    environment.events.arrival.add_listener(recorder.on_arrival)
    environment.events.request.add_listener(recorder.on_request)
    environment.events.user_error.add_listener(recorder.on_user_error)
    environment.events.quitting.add_listener(finish)


events.init.add_listener(start)
