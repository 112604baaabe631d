"""What `twofold logs` shows of a stack: the lines that its hosts' engines keep."""

import contextlib
import queue
import re
import threading
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence

from ...errors import DeployError, NotRunning
from ...logs.reading import REQUESTS, Entry, Query
from ...logs.requests import read_line
from .cluster import Cluster, Task

# As in `2026-11-21T18:40:01.123456789Z shop_web.3.ho92av70aepxegr@host3    | text`.
LINE = re.compile(
    r"(?P<time>\S+Z) \S+?_(?P<service>[a-z]+)\.(?P<number>\w+)\.\w+@(?P<host>\S+)\s+\| ?"
    r"(?P<text>.*)"
)
MICROSECONDS = len("2026-11-21T18:40:01.123456")
BALANCER_LINES = 1000
# A manager waits for the lines of every host that had a task, also of one that has gone for good.
PATIENCE = 10.0
SERVICES = ("web", "balancer", "redis", "postgres")


def read_logs(cluster: Cluster, deployment: str, query: Query, *, follow: bool) -> Iterator[Entry]:
    """The wanted lines in the order of time; `follow`: as they come.

    A node is `nodeN`, on whatever host; a balancer is `balancer@HOST`.
    """
    there = [name for name in SERVICES if cluster.service(f"{deployment}_{name}")]
    if not there:
        raise NotRunning(f"{deployment} does not run in this Swarm, and has no lines there")
    nodes = _nodes(deployment, cluster.tasks(f"{deployment}_web"))
    services = _services(there, query)
    options = ("--timestamps", "--no-trunc", *(["--follow"] if follow else []))
    sources = [
        cluster.engine.lines(
            *("service", "logs", *options, *_tail(query, name), f"{deployment}_{name}"),
            patience=None if follow else PATIENCE,
        )
        for name in services
    ]
    lines = _together(sources) if follow else _one_by_one(sources)
    with contextlib.closing(lines):
        found = (_entry(line, nodes) for line in lines)
        wanted = (entry for entry in found if entry and _reads(query, entry.part))
        wanted = (entry for entry in wanted if query.accepts(entry))
        if follow:
            yield from wanted
        else:
            yield from sorted(_last(wanted, query), key=lambda entry: entry.time)


def _tail(query: Query, service: str) -> tuple[str, ...]:
    if query.lines is None or query.selects:
        return ()
    # Most of a balancer's lines are about requests, and not shown.
    enough = query.lines + (BALANCER_LINES if service == "balancer" else 0)
    return ("--tail", str(enough))


def _nodes(deployment: str, tasks: Sequence[Task]) -> dict[str, str]:
    """Names by addresses, those of nodes that have left included."""
    front = f"{deployment}_front"
    return {
        task.addresses[front]: f"node{task.number}" for task in tasks if front in task.addresses
    }


def _services(there: Sequence[str], query: Query) -> list[str]:
    named = {_service(part) for part in query.parts}
    for part in query.parts:
        if _service(part) not in there:
            raise DeployError(
                f"no part is called {part!r}; there are node1, node2 and so on, "
                f"{', '.join(name for name in there if name != 'web')}, and {REQUESTS}"
            )
    if query.requests_only:
        return ["balancer"]
    if named and query.request_id:
        named.add("balancer")
    return [name for name in there if name in named or not named]


def _service(part: str) -> str:
    if re.fullmatch(r"node\d+", part):
        return "web"
    return "balancer" if part == REQUESTS else part.partition("@")[0]


def _reads(query: Query, part: str) -> bool:
    # `balancer` means that of every host.
    return query.reads(part) or query.reads(part.partition("@")[0])


def _entry(line: str, nodes: Mapping[str, str]) -> Entry | None:
    found = LINE.match(line)
    if found is None:
        return None
    service, text = found["service"], found["text"]
    part = f"node{found['number']}" if service == "web" else service
    if service == "balancer":
        part = f"balancer@{found['host']}"
    request = read_line(text) if service == "balancer" else None
    if request:
        request.values["node"] = nodes.get(request.values["node"], request.values["node"])
        part = REQUESTS
    return Entry(f"{found['time'][:MICROSECONDS]}Z", part, text, request)


def _last(entries: Iterator[Entry], query: Query) -> Iterator[Entry]:
    parts: dict[str, deque[Entry]] = {}
    for entry in entries:
        parts.setdefault(entry.part, deque(maxlen=query.lines)).append(entry)
    for last in parts.values():
        yield from last


def _one_by_one(sources: Sequence[Generator[str, None, int]]) -> Generator[str, None, None]:
    for source in sources:
        with contextlib.closing(source):
            yield from source


def _together(sources: Sequence[Generator[str, None, int]]) -> Generator[str, None, None]:
    """Lines of all as they come, until all have ended."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read(source: Generator[str, None, int]) -> None:
        try:
            for line in source:
                lines.put(line)
        finally:
            lines.put(None)

    for source in sources:
        # They end with the command, whose output they read.
        threading.Thread(target=read, args=(source,), daemon=True).start()
    ended = 0
    while ended < len(sources):
        line = lines.get()
        if line is None:
            ended += 1
        else:
            yield line
