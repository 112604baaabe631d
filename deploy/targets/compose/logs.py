"""What `twofold logs` shows of a Compose project: the lines that the engine keeps."""

import contextlib
import re
from collections import deque
from collections.abc import Iterator

from ...docker.engine import Engine
from ...errors import DeployError
from ...logs.reading import REQUESTS, Entry, Query
from ...logs.requests import read_line
from .project import Container, Project

# As in `web-3  | 2026-11-21T18:40:01.123456789Z text`.
# Compose clears the line before it, whatever it was told.
CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
LINE = re.compile(r"(?P<part>[\w-]+)-(?P<number>\d+)\s+\| (?P<time>\S+Z) ?(?P<text>.*)")
MICROSECONDS = len("2026-11-21T18:40:01.123456")


def read(project: Project, engine: Engine, query: Query, *, follow: bool) -> Iterator[Entry]:
    """The wanted lines in the order of time; `follow`: as they come, until the containers end."""
    containers = project.containers()
    services = _services(containers, query)
    options = ["--follow"] if follow else []
    if query.lines is not None and not query.selects:
        options += ["--tail", str(query.lines)]
    arguments = (
        *("compose", "--ansi", "never", "--project-name", project.name),
        *("logs", "--no-color", "--timestamps"),
        *(*options, *services),
    )
    hosts = {
        host: f"node{each.number}"
        for each in containers
        if each.service == "web" and (host := each.address_in(project.front))
    }
    with contextlib.closing(engine.lines(*arguments)) as lines:
        found = (_entry(line, hosts) for line in lines)
        wanted = (entry for entry in found if entry and _accepts(query, entry))
        if follow:
            yield from wanted
        else:
            yield from sorted(_last(wanted, query), key=lambda entry: entry.time)


def _services(containers: list[Container], query: Query) -> list[str]:
    """Those that the wanted parts are of; the balancer has the requests."""
    parts = {_part(each.service, each.number): each.service for each in containers}
    for part in query.parts:
        if part not in (*parts, REQUESTS):
            raise DeployError(f"no part is called {part!r}; there are {', '.join(sorted(parts))}")
    if query.requests_only:
        return ["balancer"]
    named = {"balancer" if part == REQUESTS else parts[part] for part in query.parts}
    return sorted(named | ({"balancer"} if query.request_id else set())) if named else []


def _part(service: str, number: int | str) -> str:
    return f"node{number}" if service == "web" else service


def _entry(line: str, hosts: dict[str, str]) -> Entry | None:
    found = LINE.match(CONTROL.sub("", line))
    if found is None:
        return None
    part = _part(found["part"], found["number"])
    time, text = f"{found['time'][:MICROSECONDS]}Z", found["text"]
    request = read_line(text) if part == "balancer" else None
    if request:
        request.values["node"] = hosts.get(request.values["node"], request.values["node"])
        part = REQUESTS
    return Entry(time, part, text, request)


def _accepts(query: Query, entry: Entry) -> bool:
    return query.reads(entry.part) and query.accepts(entry)


def _last(entries: Iterator[Entry], query: Query) -> Iterator[Entry]:
    parts: dict[str, deque[Entry]] = {}
    for entry in entries:
        parts.setdefault(entry.part, deque(maxlen=query.lines)).append(entry)
    for last in parts.values():
        yield from last
