"""What `twofold logs` shows, from a run directory without the parts that write there."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from deploy.errors import DeployError
from deploy.logs.reading import Entry, Query, follow, read
from deploy.rundir import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Iterator


def at(second: int) -> str:
    return f"2026-11-21T12:00:{second:02}.000000Z"


def request(second: int, **values: object) -> str:
    given = {"status": 200, "node": "node1", "total_ms": 5, "request_id": "none-of-them", **values}
    rest = {
        "client": "127.0.0.1",
        "method": "GET",
        "path": "/",
        "slot": "1",
        "queue_ms": 0,
        "connect_ms": 0,
        "response_ms": 4,
        "retries": "0",
        "bytes": 100,
        "termination": "--",
    }
    time = {"time_ms": 1_795_262_400_000 + second * 1000}
    return json.dumps({**time, **rest, **given}) + "\n"


@pytest.fixture
def rundir() -> Iterator[RunDirectory]:
    """That of a deployment with two nodes, a balancer, and a log of requests."""
    directory = RunDirectory("shop")
    lock = directory.create()
    said = {"time": at(4), "level": "error", "request_id": "the-broken-one"}
    files = {
        "node1": f"{at(1)} a\n{at(6)} b\n",
        "node2": f"{at(3)} c\n{at(5)} {json.dumps(said)}\n",
        "balancer": f"{at(2)} up\n",
        "requests": request(2)
        + request(5, request_id="the-broken-one", status=500, node="node2")
        + request(7, total_ms=800),
    }
    for part, text in files.items():
        directory.log(part).write_text(text)
    yield directory
    os.close(lock)
    directory.remove()


def shown(rundir: RunDirectory, **query: object) -> list[str]:
    """Each line without the time, which is in the time zone of whoever reads it."""
    query.setdefault("lines", 20)
    return [entry.line()[13:] for entry in read(rundir, Query(**query))]  # type: ignore[arg-type]


def requests(rundir: RunDirectory, **query: object) -> list[str]:
    query.setdefault("lines", 20)
    entries = read(rundir, Query(**query))  # type: ignore[arg-type]
    return [entry.time[17:19] for entry in entries if entry.request]


def test_lines_of_all_parts_are_in_the_order_of_time_with_the_name_in_front(
    rundir: RunDirectory,
) -> None:
    assert shown(rundir) == [
        "node1      | a",
        "balancer   | up",
        "node2      | c",
        'node2      | {"time": "2026-11-21T12:00:04.000000Z", "level": "error", '
        '"request_id": "the-broken-one"}',
        "node1      | b",
    ]


def test_so_many_lines_of_some_parts(rundir: RunDirectory) -> None:
    assert shown(rundir, parts=("node1",), lines=1) == ["node1      | b"]
    assert shown(rundir, parts=("node1",), lines=0) == []


def test_an_unknown_part_is_refused_with_those_that_are_there(rundir: RunDirectory) -> None:
    with pytest.raises(DeployError, match="no part is called 'node7'; there are balancer, node1"):
        shown(rundir, parts=("node7",))


def test_requests_are_shown_by_what_became_of_them(rundir: RunDirectory) -> None:
    assert requests(rundir, requests=True) == ["02", "05", "07"]
    assert requests(rundir, requests=True, lines=1) == ["07"]
    assert requests(rundir, slower_than=0.5) == ["07"]
    assert requests(rundir, status="5xx") == ["05"]
    assert requests(rundir, status="20x") == ["02", "07"]
    assert requests(rundir, status="404") == []
    assert requests(rundir, requests=True, parts=("node2",)) == ["05"]
    assert requests(rundir, parts=("requests",)) == ["02", "05", "07"]
    assert shown(rundir, status="5xx")[0].startswith("requests   | 500 node2-1 5 ms")


def test_everything_about_one_request(rundir: RunDirectory) -> None:
    found = shown(rundir, request_id="the-broken-one", lines=None)
    assert [line.partition(" ")[0] for line in found] == ["node2", "requests"]


def test_for_programs_a_line_is_an_object(rundir: RunDirectory) -> None:
    entries = {entry.part: json.loads(entry.json()) for entry in read(rundir, Query())}
    assert entries["balancer"] == {"time": at(2), "part": "balancer", "text": "up"}
    # When the app wrote it, not when it came into the file.
    assert (entries["node2"]["level"], entries["node2"]["time"]) == ("error", at(4))
    [broken] = read(rundir, Query(status="500"))
    values = json.loads(broken.json())
    assert (values["part"], values["time"], values["node"]) == ("requests", at(5), "node2")


def test_a_time_of_the_apps_that_cannot_be_is_not_taken(rundir: RunDirectory) -> None:
    line = '{"time": "2026-13-41T12:00:00.000000Z"}'
    rundir.log("node1").write_text(f"{at(9)} {line}\n")
    [entry] = read(rundir, Query(parts=("node1",)))
    assert (entry.time, entry.text) == (at(9), line)


def test_a_line_without_a_time_is_shown_all_the_same() -> None:
    assert Entry("", "node1", "torn").line() == f"{'':12} node1      | torn"


def test_a_log_of_requests_that_is_not_kept_is_told(rundir: RunDirectory) -> None:
    rundir.log("requests").unlink()
    with pytest.raises(DeployError, match=r"requests are not logged: .*\[logs\]"):
        requests(rundir, status="500")


def test_following_shows_what_is_written_and_whoever_comes(rundir: RunDirectory) -> None:
    lines = (entry.line()[13:] for entry in follow(rundir, Query(lines=1)))
    assert [next(lines)[:14] for _ in range(3)] == [
        "balancer   | u",
        "node2      | {",
        "node1      | b",
    ]
    with rundir.log("node1").open("a") as log:
        log.write(f"{at(8)} d\n")
    rundir.log("node3").write_text(f"{at(8)} new\n")
    assert {next(lines), next(lines)} == {"node1      | d", "node3      | new"}
    lines.close()


def test_following_some_requests_begins_with_the_last_of_these(rundir: RunDirectory) -> None:
    entries = follow(rundir, Query(lines=1, status="200"))
    assert next(entries).time == at(7)
    with rundir.log("requests").open("a") as log:
        log.write(request(8, status=404) + request(9) + request(10))
    assert [next(entries).time for _ in range(2)] == [at(9), at(10)]
    entries.close()  # type: ignore[attr-defined]


def test_following_ends_with_the_deployment() -> None:
    directory = RunDirectory("gone")
    lock = directory.create()
    directory.log("node1").write_text("a\n")
    entries = follow(directory, Query(lines=1))
    assert next(entries).text == "a"
    os.close(lock)
    assert list(entries) == []
    directory.remove()
