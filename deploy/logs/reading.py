"""What `twofold logs` shows: lines of all parts in the order of time, all of them or some."""

import contextlib
import heapq
import json
import re
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import DeployError
from ..rundir import RunDirectory
from .requests import RequestLine, read_line
from .stamps import split, stamp
from .tail import Follower, all_lines, last_lines

POLL_INTERVAL = 0.2

REQUESTS = "requests"
"""The part, in name only, whose log has a line for each request."""

OWN_TIME = re.compile(r'\{"time": ?"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"')


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a log, with what is known about it."""

    time: str
    """UTC, in the order of the alphabet; empty if the line has none."""
    part: str
    text: str
    request: RequestLine | None = None

    def line(self) -> str:
        """For people, with the time of their own time zone."""
        clock = ""
        if self.time:
            clock = datetime.fromisoformat(self.time).astimezone().strftime("%H:%M:%S.%f")[:-3]
        text = self.request.text if self.request else self.text
        return f"{clock:12} {self.part:10} | {text}"

    def json(self) -> str:
        """For programs; what the app wrote as JSON stays in its fields."""
        return json.dumps({**self._values(), "time": self.time, "part": self.part})

    def _values(self) -> dict[str, Any]:
        if self.request:
            return self.request.values
        try:
            values = json.loads(self.text)
        except ValueError:
            values = None
        return values if isinstance(values, dict) else {"text": self.text}


@dataclass(frozen=True, slots=True)
class Query:
    """Which lines."""

    parts: tuple[str, ...] = ()
    """None: all. Of the requests, those that a node of that name answered."""
    lines: int | None = None
    """The last so many of each part; None: all."""
    requests: bool = False
    """Requests only."""
    slower_than: float | None = None
    """Requests that took at least so many seconds."""
    status: str | None = None
    """Requests with this status, as in `404` or `5xx`."""
    request_id: str | None = None
    """Everything about one request."""

    @property
    def requests_only(self) -> bool:
        return self.requests or self.slower_than is not None or self.status is not None

    @property
    def selects(self) -> bool:
        """Whether lines have to be read in order to know which are wanted."""
        return self.requests_only or self.request_id is not None

    def reads(self, part: str) -> bool:
        if part == REQUESTS:
            return self.selects or part in self.parts
        return not self.requests_only and (not self.parts or part in self.parts)

    def accepts(self, entry: Entry) -> bool:
        if self.request_id is not None and self.request_id not in entry.text:
            return False
        request = entry.request
        if request is None:
            return not self.requests_only
        return (
            (not self.parts or REQUESTS in self.parts or request.values["node"] in self.parts)
            and (self.slower_than is None or request.seconds >= self.slower_than)
            and (self.status is None or _matches(self.status, request.status))
        )


def _matches(pattern: str, status: str) -> bool:
    return len(pattern) == len(status) and all(
        wanted in ("x", "X", digit) for wanted, digit in zip(pattern, status, strict=True)
    )


def read(rundir: RunDirectory, query: Query) -> Iterator[Entry]:
    """The wanted lines that are there, of all parts in the order of time."""
    _check(rundir, query)
    yield from heapq.merge(
        *(_entries(part, path, query) for part, path in _logs(rundir, query)),
        key=lambda entry: entry.time,
    )


def follow(rundir: RunDirectory, query: Query) -> Iterator[Entry]:
    """Those that are there, and then those that are added, until the deployment ends."""
    _check(rundir, query)
    with contextlib.ExitStack() as stack:
        followers: dict[str, Follower] = {}
        longest = query.lines
        while rundir.in_use:
            added: list[Entry] = []
            for part, path in _logs(rundir, query):
                if part not in followers:
                    last = None if query.selects else longest
                    followers[part] = stack.enter_context(closing(Follower(path, last=last)))
                entries = (_entry(part, line) for line in followers[part].new_lines())
                added += deque(filter(query.accepts, entries), longest)
            # Of what is there already only so much, of what is added all.
            longest = None
            yield from sorted(added, key=lambda entry: entry.time)
            time.sleep(POLL_INTERVAL)


def _check(rundir: RunDirectory, query: Query) -> None:
    there = [part for part, _ in _logs(rundir, None)]
    for part in query.parts:
        if part not in there:
            raise DeployError(f"no part is called {part!r}; there are {', '.join(there)}")
    if query.requests_only and REQUESTS not in there:
        raise DeployError(
            "requests are not logged: `requests = false` stands under [logs] in twofold.toml"
        )


def _logs(rundir: RunDirectory, query: Query | None) -> list[tuple[str, Path]]:
    found = sorted((path.stem, path) for path in rundir.path.glob("*.log"))
    return [(part, path) for part, path in found if query is None or query.reads(part)]


def _entries(part: str, path: Path, query: Query) -> Iterator[Entry]:
    if query.lines is not None and not query.selects:
        return iter([_entry(part, line) for line in last_lines(path, query.lines)])
    entries = (_entry(part, line) for line in all_lines(path))
    return iter(deque(filter(query.accepts, entries), query.lines))


def _entry(part: str, line: str) -> Entry:
    if part == REQUESTS:
        request = read_line(line)
        if request:
            return Entry(stamp(request.time), part, line, request)
    time, text = split(line)
    return Entry(_own_time(text) or time, part, text)


def _own_time(text: str) -> str | None:
    """When the app wrote a line of JSON, which is a little before it came into the file."""
    found = OWN_TIME.match(text)
    if found is None:
        return None
    try:
        datetime.fromisoformat(found[1])
    except ValueError:
        return None
    return found[1]
