import csv
import io
import socket
import threading
from pathlib import Path

import pytest

from deploy.balancer import BalancerClient, parse_counters, wait_until
from deploy.deployment import Node
from deploy.errors import BalancerError

COLUMNS = ["# pxname", "svname", "qcur", "scur", "stot", "econ", "eresp", "status", "type"]
COLUMNS += ["hrsp_5xx", "req_tot", "req_rate", "rate", "last_chk", ""]
COLUMNS += ["qtime", "ctime", "rtime", "ttime"]


def statistics(*servers: dict[str, object]) -> str:
    """What HAProxy 2.6 and 2.8 answer to `show stat`, with the columns that matter."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    frontend = {"svname": "FRONTEND", "type": 0, "req_tot": 120, "hrsp_5xx": 3, "status": "OPEN"}
    writer.writerow({"# pxname": "visitors", **frontend, "req_rate": 40})
    for server in servers:
        writer.writerow({"# pxname": "web", "type": 2, **server})
    backend = {"svname": "BACKEND", "type": 1, "qcur": 7, "scur": 9}
    backend |= {"qtime": 200, "ctime": 1, "rtime": 49, "ttime": 3_000}
    writer.writerow({"# pxname": "web", **backend})
    return text.getvalue() + "\n"


def test_totals_are_those_of_visitors() -> None:
    counters = parse_counters(statistics())
    assert (counters.requests, counters.responses_5xx, counters.throughput) == (120, 3, 40)
    assert (counters.in_flight, counters.queue, counters.latency) == (9, 7, 0.25)
    assert counters.slots == ()


def test_a_slot_has_its_counters() -> None:
    server = {"svname": "node1-1", "qcur": 1, "scur": 2, "stot": 30, "status": "UP"}
    server |= {"econ": 4, "eresp": 5, "hrsp_5xx": 6}
    times = {"qtime": 0, "ctime": 2, "rtime": 40, "ttime": 4_004}
    text = statistics({**server, **times, "rate": 8, "last_chk": "L7OK"})
    [(name, slot)] = parse_counters(text).slots
    assert name == "node1-1"
    assert (slot.queue, slot.in_flight, slot.requests, slot.errors) == (1, 2, 30, 15)
    assert (slot.throughput, slot.latency, slot.last_check) == (8, 0.042, "L7OK")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("UP", "in rotation"),
        ("UP 1/2", "in rotation"),
        ("no check", "in rotation"),
        ("DRAIN", "draining"),
        ("DOWN", "out of rotation"),
        ("DOWN 1/2", "out of rotation"),
        ("MAINT", "out of rotation"),
    ],
)
def test_haproxys_words_become_ours(status: str, state: str) -> None:
    [(_, slot)] = parse_counters(statistics({"svname": "node1-1", "status": status})).slots
    assert slot.state == state


def test_an_answer_without_our_lines_is_an_error() -> None:
    with pytest.raises(BalancerError, match="visitors/FRONTEND"):
        parse_counters("# pxname,svname,type\n")


class Recorder:
    """Answers each connection on a unix socket with the next text, and keeps what was asked."""

    def __init__(self, path: Path, answers: list[str]) -> None:
        self.asked: list[str] = []
        self._answers = answers
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for answer in self._answers:
            connection, _ = self._socket.accept()
            with connection:
                self.asked.append(connection.recv(4096).decode().strip())
                connection.sendall(answer.encode())

    def close(self) -> None:
        self._thread.join()
        self._socket.close()


SLOT = Node(1, "127.9.9.1", workers=1, concurrency=4).slots[0]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # A short path: unix sockets have room for 107 bytes.
    monkeypatch.chdir(tmp_path)
    return Path("socket")


def test_draining_is_one_command(path: Path) -> None:
    haproxy = Recorder(path, ["\n"])
    BalancerClient(path).drain(SLOT)
    haproxy.close()
    assert haproxy.asked == ["set server web/node1-1 state drain"]


def test_a_refused_command_is_an_error_with_haproxys_words(path: Path) -> None:
    haproxy = Recorder(path, ["Permission denied.\n"])
    with pytest.raises(BalancerError, match=r"node1-1 state drain`: Permission denied"):
        BalancerClient(path).drain(SLOT)
    haproxy.close()


def test_a_slot_that_is_not_there_needs_no_draining(path: Path) -> None:
    haproxy = Recorder(path, ["No such server.\n", "No such server.\n"])
    BalancerClient(path).drain(SLOT)
    BalancerClient(path).out_of_rotation(SLOT)
    haproxy.close()


def test_a_slot_left_over_takes_as_many_requests_as_the_new_worker_serves(path: Path) -> None:
    left_over = statistics({"svname": "node1-1", "status": "MAINT"})
    haproxy = Recorder(path, [left_over, "\n", "\n", "\n"])
    BalancerClient(path).add(SLOT)
    haproxy.close()
    assert haproxy.asked[1] == "set maxconn server web/node1-1 4"


def test_a_balancer_is_known_by_its_process(path: Path) -> None:
    haproxy = Recorder(path, ["Name: HAProxy\nPid: 4711\n", "Name: HAProxy\n"])
    assert BalancerClient(path).pid() == 4711
    with pytest.raises(BalancerError, match="did not tell its process id"):
        BalancerClient(path).pid()
    haproxy.close()


@pytest.mark.parametrize(
    ("answer", "gone"),
    [
        ("Server deleted.\n\n", True),
        ("No such server.\n", True),
        ("Server still has connections attached to it, cannot remove it.\n", False),
    ],
)
def test_a_slot_is_forgotten_when_no_connection_is_left(
    path: Path, answer: str, gone: bool
) -> None:
    haproxy = Recorder(path, [answer])
    assert BalancerClient(path).remove(SLOT) is gone
    haproxy.close()


@pytest.mark.parametrize(
    ("in_flight", "queue", "idle"), [(0, 0, True), (1, 0, False), (0, 1, False)]
)
def test_idle_means_nothing_in_flight_and_nothing_waiting(
    path: Path, in_flight: int, queue: int, idle: bool
) -> None:
    row = {"svname": "node1-1", "scur": in_flight, "qcur": queue, "status": "DRAIN"}
    haproxy = Recorder(path, [statistics(row)])
    assert BalancerClient(path).idle([SLOT]) is idle
    haproxy.close()


def test_a_balancer_that_is_not_there_is_an_error(path: Path) -> None:
    with pytest.raises(BalancerError, match="does not answer `show stat`"):
        BalancerClient(path).counters()


def test_waiting_ends_with_the_condition_or_the_time() -> None:
    calls = iter([False, False, True])
    assert wait_until(lambda: next(calls), seconds=5, pause=lambda _: None)
    assert not wait_until(lambda: False, seconds=0.01)
