"""What a running deployment tells about its requests, in logs and as metrics."""

from __future__ import annotations

import json
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy import procfs
from deploy.errors import StartError
from deploy.logs.files import newest_first
from deploy.logs.reading import Query, follow, read
from deploy.logs.requests import LONGEST_PATH
from deploy.observability import SMALLEST_FILE
from deploy.rundir import RunDirectory

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.targets.local import LocalTarget

pytestmark = pytest.mark.integration

Start = Callable[..., "LocalTarget"]
Eventually = Callable[..., None]

# Says the request's id, in the answer and to its log.
APP = """\
import os, sys, time

def app(environ, start_response):
    request_id = environ.get("HTTP_X_REQUEST_ID", "-")
    if environ["PATH_INFO"] == "/wait":
        time.sleep(3)
        while not os.path.exists(os.path.join(os.path.dirname(__file__), "go")):
            time.sleep(0.02)
    if environ["PATH_INFO"] == "/fail":
        raise RuntimeError("a fault of the app")
    if environ["PATH_INFO"] == "/say":
        print("answering", request_id, file=sys.stderr, flush=True)
    start_response("200 OK", [("Content-Length", str(len(request_id)))])
    return [request_id.encode()]
"""


@pytest.fixture(autouse=True)
def telling_app(project: Path) -> None:
    (project / "site_app.py").write_text(APP)


def connect(target: LocalTarget) -> HTTPConnection:
    return HTTPConnection(urlsplit(target.url).netloc, timeout=60)


def get(connection: HTTPConnection, path: str, *ids: str) -> tuple[HTTPResponse, str]:
    """The answer to a request with these request ids, and its text."""
    connection.putrequest("GET", path)
    for request_id in ids:
        connection.putheader("X-Request-ID", request_id)
    connection.endheaders()
    response = connection.getresponse()
    return response, response.read().decode()


def lines(target: LocalTarget, **query: object) -> list[dict[str, object]]:
    found = read(RunDirectory(target.name), Query(**query))  # type: ignore[arg-type]
    return [json.loads(entry.json()) for entry in found]


def metrics(target: LocalTarget) -> dict[str, float]:
    """The samples, by name and the values of the labels."""
    url = target.status().metrics_url
    assert url is not None
    with urlopen(url, timeout=60) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {
            sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
            for family in families
            for sample in family.samples
        }


def requests(found: dict[str, float]) -> float:
    return sum(value for name, value in found.items() if name.startswith("twofold_requests_total"))


def test_a_request_has_one_id_for_visitor_app_and_logs(
    start: Start, eventually: Eventually
) -> None:
    target = start(nodes=2, workers=1)
    with closing(connect(target)) as visitor:
        response, made = get(visitor, "/say?token=secret")
        assert len(made) == 36
        assert response.headers["X-Request-ID"] == made
        assert get(visitor, "/", "from-a-browser.1")[1] == "from-a-browser.1"
        unsafe = [("short",), ("x" * 65,), ('quote"quote',), ("first-of-two", "second-of-two")]
        for ids in unsafe:
            assert get(visitor, "/", *ids)[1] not in (*ids, ",".join(ids), ", ".join(ids))
    eventually(lambda: len(lines(target, request_id=made)) == 2)
    said, request = sorted(lines(target, request_id=made), key=lambda line: "text" not in line)
    assert said["text"] == f"answering {made}"
    assert (request["node"], request["slot"], request["status"]) == (said["part"], "1", 200)
    assert (request["method"], request["path"], request["client"]) == ("GET", "/say", "127.0.0.1")
    assert "secret" not in RunDirectory(target.name).log("requests").read_text()


@pytest.mark.parametrize("fast_workers", [True, False])
def test_a_request_that_failed_is_named_in_the_log_of_its_node(
    start: Start, eventually: Eventually, fast_workers: bool
) -> None:
    target = start(nodes=1, workers=1, fast_workers=fast_workers)
    with closing(connect(target)) as visitor:
        assert get(visitor, "/fail", "the-one-that-failed")[0].status == 500
    eventually(lambda: len(lines(target, request_id="the-one-that-failed")) == 2)
    said = lines(target, request_id="the-one-that-failed")
    [text] = [str(line["text"]) for line in said if "text" in line]
    assert text.endswith("The request the-one-that-failed failed")


def test_a_request_that_no_worker_took_is_told_too(
    start: Start, project: Path, eventually: Eventually
) -> None:
    overrides = {"balancer.queue_timeout": 0.1, "metrics.bind": "127.0.0.1:0"}
    target = start(nodes=1, workers=1, profile="processes", **overrides)
    with closing(connect(target)) as first, closing(connect(target)) as second:
        first.request("GET", "/wait")
        eventually(lambda: metrics(target)["twofold_saturation_ratio"] == 1)
        response, text = get(second, "/refused", "refused-request")
        assert (response.status, response.headers["X-Request-ID"]) == (503, "refused-request")
        assert "busy" in text
        (project / "go").touch()
        assert first.getresponse().read()
    eventually(lambda: len(lines(target, requests=True)) == 2)
    [line] = lines(target, status="503")
    assert (line["request_id"], line["node"], line["termination"]) == ("refused-request", "-", "sQ")
    [slow] = lines(target, slower_than=2.5)
    assert slow["path"] == "/wait"
    # They are counted after they are written.
    eventually(lambda: requests(metrics(target)) == 2)
    found = metrics(target)
    assert found["twofold_queue_timeouts_total"] == 1
    assert found["twofold_requests_total - - 503"] == 1
    assert found["twofold_requests_total node1 1 200"] == 1
    assert found["twofold_request_duration_seconds_bucket node1 2.5"] == 0
    assert found["twofold_request_duration_seconds_bucket node1 +Inf"] == 1


def test_what_visitors_send_cannot_break_a_line(start: Start, eventually: Eventually) -> None:
    target = start(nodes=1, workers=1)
    paths = ['/"quotes"', "/back\\slash", "/" + "x" * 2000, '/","status":1,"node":"evil"']
    with closing(connect(target)) as visitor:
        for number, path in enumerate(paths):
            get(visitor, path, f"request-{number}")
        visitor.close()
        visitor.connect()
        visitor.sock.sendall(b"GET /no\x01thing HTTP/1.1\r\n\r\n")
        assert visitor.sock.recv(100).startswith(b"HTTP/1.1 400")
    eventually(lambda: len(lines(target, requests=True)) == 5)
    *good, bad = lines(target, requests=True)
    assert [line["path"] for line in good] == [path[:LONGEST_PATH] for path in paths]
    assert (bad["method"], bad["status"], bad["request_id"]) == ("<BADREQ>", 400, "-")


def test_no_line_is_lost_or_torn_while_files_are_rotated(
    start: Start, eventually: Eventually
) -> None:
    target = start(nodes=1, workers=2, **{"logs.file_size": SMALLEST_FILE, "logs.files": 10})
    count, followed = 3000, []

    def watch() -> None:
        for entry in follow(RunDirectory(target.name), Query(requests=True)):
            assert entry.request
            followed.append(entry.request.values["request_id"])
            if len(followed) == count:
                return

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    ids = [f"request-{number}" for number in range(count)]
    with closing(connect(target)) as visitor:
        for request_id in ids:
            assert get(visitor, "/" + "x" * 900, request_id)[0].status == 200
    eventually(lambda: len(lines(target, requests=True)) == count)
    log = RunDirectory(target.name).log("requests")
    sizes = [path.stat().st_size for path in newest_first(log)]
    assert len(sizes) > 2
    assert max(sizes) <= SMALLEST_FILE
    assert [line["request_id"] for line in lines(target, requests=True)] == ids
    eventually(lambda: len(followed) == count)
    assert followed == ids
    assert target.status().lost_log_lines == 0


def test_a_full_disk_does_not_stop_serving(start: Start, eventually: Eventually) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        target = start(nodes=1, workers=1, **{"metrics.bind": "127.0.0.1:0"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with closing(connect(target)) as visitor:
        for _ in range(300):
            assert get(visitor, "/" + "x" * 900)[0].status == 200
        eventually(lambda: requests(metrics(target)) == 300)
        lost = target.status().lost_log_lines
        assert 0 < lost == metrics(target)["twofold_lost_log_lines_total requests"]
        assert len(lines(target, requests=True)) == 300 - lost
        # Room again: the next lines are there.
        guard = target._guard
        assert guard is not None
        [supervisor] = procfs.children(guard.process.pid)
        resource.prlimit(supervisor, resource.RLIMIT_FSIZE, (soft, hard))
        get(visitor, "/", "there-is-room")
    eventually(lambda: bool(lines(target, request_id="there-is-room")))
    assert target.status().lost_log_lines == lost


def test_counters_never_go_back(start: Start, project: Path, eventually: Eventually) -> None:
    target = start(nodes=2, workers=1, **{"metrics.bind": "127.0.0.1:0"})

    def visit(count: int) -> None:
        with closing(connect(target)) as visitor:
            for _ in range(count):
                assert get(visitor, "/")[0].status == 200

    visit(20)
    eventually(lambda: requests(metrics(target)) == 20)
    before = metrics(target)
    pid = target.status().balancer.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: target.status().balancer.restarts == 1)
    visit(20)
    # A setting of the balancer's changes, so it is reloaded at the end of this.
    (project / "twofold.toml").write_text("[balancer]\nrequest_timeout = 29\n")
    target.roll()
    visit(20)
    eventually(lambda: requests(metrics(target)) == 60)
    after = metrics(target)
    backwards = {
        name: (value, after.get(name))
        for name, value in before.items()
        if name.split()[0].endswith(("_total", "_bucket", "_count", "_sum"))
        and after.get(name, value) < value
    }
    assert backwards == {}
    assert after["twofold_restarts_total balancer"] == 1
    assert after["twofold_changes_total roll done"] == 1
    assert after["twofold_node_info node1 2"] == 1
    durations = "twofold_request_duration_seconds_count "
    assert sum(value for name, value in after.items() if name.startswith(durations)) == 60


def test_a_visitors_pauses_are_not_latency(start: Start) -> None:
    target = start(nodes=1, workers=1)
    with closing(connect(target)) as visitor:
        for _ in range(3):
            assert get(visitor, "/")[0].status == 200
            time.sleep(3)
    status = target.status()
    # Of a pause in each of two requests it would be two seconds.
    assert status.balancer.latency < 1
    assert all(slot.latency < 1 for node in status.nodes for slot in node.slots)


def test_requests_are_not_written_where_nobody_wants_it(
    start: Start, eventually: Eventually
) -> None:
    target = start(nodes=1, workers=1, **{"logs.requests": False, "metrics.bind": "127.0.0.1:0"})
    with closing(connect(target)) as visitor:
        assert get(visitor, "/")[0].status == 200
    # They are counted all the same.
    eventually(lambda: requests(metrics(target)) == 1)
    assert not RunDirectory(target.name).log("requests").exists()


def test_without_an_address_there_are_no_metrics(start: Start) -> None:
    target = start(nodes=1, workers=1, **{"logs.requests": False})
    assert target.status().metrics_url is None
    assert "log stdout" not in RunDirectory(target.name).haproxy_config.read_text()


def test_an_address_that_is_taken_is_an_error_with_its_name(start: Start) -> None:
    first = start(nodes=1, workers=1, **{"metrics.bind": "127.0.0.1:0"})
    bind = urlsplit(first.status().metrics_url or "").netloc
    with pytest.raises(StartError, match=f"metrics.bind {bind}: another process listens"):
        start(nodes=1, workers=1, name="second", **{"metrics.bind": bind})


def test_the_last_words_of_a_node_that_does_not_start_are_shown(
    start: Start, project: Path
) -> None:
    (project / "site_app.py").write_text(
        "import os\nif 'TWOFOLD_NODE' in os.environ: raise RuntimeError('my last words')\n" + APP
    )
    with pytest.raises(StartError, match=r"(?s)node1 did not start.*my last words"):
        start(nodes=1, workers=1)
