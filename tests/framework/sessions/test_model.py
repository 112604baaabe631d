"""A random schedule of requests, kills and cut links against a real server, held against a model.

Worker processes (``model_worker.py``) serve a few visitors, several at once for each, and write
down every step. Between each worker and Valkey stands a link that loses requests and replies,
interrupts the worker with a signal while it waits, or kills it. Afterwards there has to be an order
of the requests that explains the journal and what is left in Valkey (``model_checker.py``).

``SESSION_MODEL_SEED`` and ``SESSION_MODEL_LIVES`` choose another schedule and a longer one.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import hiredis
import pytest

from framework.sessions import codec

SEED = os.environ.get("SESSION_MODEL_SEED", "1")
LIVES = int(os.environ.get("SESSION_MODEL_LIVES", "8"))
WORKERS = 6
OPERATIONS = 60
"""Requests of one life of a worker."""

PATIENCE = 60.0
FAULTS = {
    "none": 100.0,
    "lose request": 1.0,
    "lose reply": 2.5,
    "interrupt": 1.5,
    "kill before": 0.4,
    "kill after": 0.4,
}
"""What a link does with a request, and how often it does."""

KINDS = {
    *("create", "look", "set", "forget", "set_own", "swap", "append", "count", "adjust"),
    *("take_turns", "flash", "renew", "log_in", "log_out", "log_out_elsewhere"),
}
"""What the workers' requests do."""

pytestmark = pytest.mark.integration


class Nursery:
    """The program that forks workers."""

    def __init__(self) -> None:
        program = Path(__file__).with_name("model_worker.py")
        self._process = subprocess.Popen(
            [sys.executable, str(program)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lock = threading.Lock()

    def bear(self, life: dict[str, Any]) -> int:
        """Start a worker and return its pid."""
        assert self._process.stdin
        assert self._process.stdout
        with self._lock:
            self._process.stdin.write(f"{json.dumps(life)}\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=PATIENCE)


class Link(threading.Thread):
    """Leads the lives of one worker: starts them, and forwards or harms what they send."""

    # Held from a lost reply until its request came again, for a server remembers only so many
    # commits of a session.
    repeating = threading.Lock()

    def __init__(self, number: int, folder: Path, nursery: Nursery, server_port: int) -> None:
        super().__init__()
        self.number = number
        self.folder = folder
        self.nursery = nursery
        self.server_port = server_port
        self.random = random.Random(f"{SEED}/link/{number}")
        self.faults: set[str] = set()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with socket.create_server(("127.0.0.1", 0)) as self.listener:
                for life in range(LIVES):
                    self.lead(life)
        except BaseException as error:
            self.failure = error

    def lead(self, life: int) -> None:
        port = self.listener.getsockname()[1]
        told = {
            "url": f"redis://127.0.0.1:{port}",
            "folder": str(self.folder),
            "seed": SEED,
            "worker": self.number,
            "life": life,
            "operations": OPERATIONS,
        }
        self.life = life
        self.pid = self.nursery.bear(told)
        try:
            self.handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        fault = "none"
        try:
            while connection := self.accept():
                fault = self.serve(connection, fault)
        finally:
            if fault == "lose reply":
                self.repeating.release()
            os.close(self.handle)

    def accept(self) -> socket.socket | None:
        """Return the worker's next connection, ``None`` when it has ended."""
        sources: list[Any] = [self.listener, self.handle]
        ready, _, _ = select.select(sources, [], [], PATIENCE)
        if self.listener in ready:
            return self.listener.accept()[0]
        assert ready, f"worker {self.number} neither asks nor ends"
        return None

    def serve(self, connection: socket.socket, last_fault: str) -> str:
        """Forward over one connection until one of the two closes it; return the last fault.

        What was lost is sent again, and is left alone then: nobody should have noticed.
        """
        fault = "none"
        with connection, socket.create_connection(("127.0.0.1", self.server_port)) as server:
            if last_fault.startswith("lose"):
                try:
                    send(connection, ask(server, receive(connection)))
                finally:
                    if last_fault == "lose reply":
                        self.repeating.release()
            while fault in ("none", "interrupt") and (request := receive(connection)):
                (fault,) = self.random.choices(list(FAULTS), list(FAULTS.values()))
                self.faults.add(fault)
                self.forward(request, fault, connection, server)
        return fault

    def forward(
        self, request: bytes, fault: str, connection: socket.socket, server: socket.socket
    ) -> None:
        if fault == "lose request":
            return
        if fault == "kill before":
            self.kill()
            return
        if fault == "lose reply":
            self.repeating.acquire()
            ask(server, request)
            return
        with self.repeating:
            pass
        reply = ask(server, request)
        if fault == "kill after":
            self.kill()
            return
        if fault == "interrupt":
            os.kill(self.pid, signal.SIGUSR1)
        send(connection, reply)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        select.select([self.handle], [], [], PATIENCE)
        step = {"mark": "killed", "worker": self.number, "life": self.life}
        with (self.folder / "journal").open("a") as journal:
            journal.write(f"{json.dumps(step)}\n")


def receive(connection: socket.socket) -> bytes:
    """Return one whole command or reply, nothing when the link is closed."""
    reader, whole = hiredis.Reader(), b""
    while True:
        try:
            data = connection.recv(1 << 16)
        except ConnectionResetError:
            return b""
        if not data:
            return b""
        whole += data
        reader.feed(data)
        if reader.gets() is not False:
            return whole


def ask(server: socket.socket, request: bytes) -> bytes:
    """Send a command to the server and return the reply; nothing for nothing."""
    if not request:
        return b""
    server.sendall(request)
    return receive(server)


def send(connection: socket.socket, reply: bytes) -> None:
    try:
        connection.sendall(reply)
    except (BrokenPipeError, ConnectionResetError):
        # An interrupted worker has closed its end.
        return


def sessions_left(client: Any) -> list[dict[str, Any]]:
    """Return the sessions in the store, decoded as ``docs/decisions/session-record.md`` says."""
    sessions = []
    for key in client.scan_iter(count=1000):
        # -2 would be a replaced id whose mark has just expired.
        assert client.pttl(key) != -1, f"{key} never expires"
        record = client.hgetall(key) if client.type(key) == b"hash" else {}
        if record and b"m" not in record:
            sessions.append(decoded(record))
    return sessions


def decoded(record: dict[bytes, bytes]) -> dict[str, Any]:
    session: dict[str, Any] = {"flashes": []}
    for name, data in record.items():
        if name.startswith(b"="):
            session[name[1:].decode()] = codec.decode(data)
        elif name.startswith(b"+"):
            session[name[1:].decode()] = int(data)
        elif name == b"u":
            session["user"] = codec.decode(data)
        elif name.startswith(b"!"):
            session["flashes"].append(codec.decode(data)[1])
    if "basket" in session:
        session["basket"] = session["basket"]["items"]
    return session


@pytest.mark.timeout(300)
def test_random_requests_kills_and_cut_links_lose_nothing(own_server: Any, tmp_path: Path) -> None:
    # The server lives on, so it need not wait for its disk.
    own_server.client.config_set("appendfsync", "no")
    nursery = Nursery()
    links = [Link(number, tmp_path, nursery, own_server.port) for number in range(WORKERS)]
    for link in links:
        link.start()
    for link in links:
        link.join()
    nursery.close()
    assert [link.failure for link in links] == [None] * WORKERS
    journal = tmp_path / "journal"
    wrong = check(journal, sessions_left(own_server.client))
    assert not wrong, f"SESSION_MODEL_SEED={SEED}: {wrong}"
    # A schedule in which something never happened would prove nothing about it.
    steps = [json.loads(line) for line in journal.read_text().splitlines()]
    assert sum(step["mark"] in ("lived", "killed") for step in steps) == WORKERS * LIVES
    done = {step["op"] for step in steps if step.get("outcome") == "done"}
    assert {
        step["kind"] for step in steps if step["mark"] == "plan" and step["op"] in done
    } == KINDS
    assert {fault for link in links for fault in link.faults} == set(FAULTS)


def check(journal: Path, left: list[dict[str, Any]]) -> str:
    """Return what nothing explains, as text."""
    program = Path(__file__).with_name("model_checker.py")
    command = [sys.executable, str(program), str(journal)]
    done = subprocess.run(
        command, input=json.dumps(left), capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def request(op: str, kind: str, outcome: str = "done", **plan: Any) -> list[dict[str, Any]]:
    """The steps of one request in a journal."""
    return [
        {"mark": "begin", "op": op, "cookie": plan.pop("cookie", "c1")},
        {"mark": "plan", "op": op, "kind": kind, **plan},
        {"mark": "end", "op": op, "outcome": outcome},
    ]


A, B = "ada/0.0.0", "bob/0.0.0"
FIRST, SECOND = "ada/1.0.1", "ada/1.0.2"
BEGUN = request(A, "create", writes={"origin": A})


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ([], []),
        ([], [{"origin": A}, {"origin": A}]),
        ([], [{"origin": A}, {"theme": A}]),
        (request(FIRST, "log_out", origin=A), [{"origin": A}]),
        (
            request(FIRST, "log_out", origin=A) + request(SECOND, "look", origin=A),
            [],
        ),
        (
            request(FIRST, "renew", origin=A, cookie="c1")
            + request(SECOND, "look", origin=A, cookie="c1"),
            [{"origin": A}],
        ),
        (request(B, "look", origin=A), [{"origin": A}]),
        (request(FIRST, "look", "refused", origin=A), [{"origin": A}]),
        (request(FIRST, "set", "status 500", origin=A), [{"origin": A}]),
        (request(FIRST, "set", origin=A, writes={"theme": "1"}), [{"origin": A}]),
        (
            request(FIRST, "set", "refused", origin=A, writes={"theme": "1"}),
            [{"origin": A, "theme": "1"}],
        ),
        (
            request(FIRST, "set", origin=A, writes={"theme": "1"})
            + request(SECOND, "set", origin=A, writes={"theme": "2"}),
            [{"origin": A, "theme": "1"}],
        ),
        (
            request(FIRST, "swap", origin=A, saw={"swapped": None}, writes={"swapped": FIRST})
            + request(SECOND, "look", origin=A, saw={"swapped": None}),
            [{"origin": A, "swapped": FIRST}],
        ),
        (
            request(FIRST, "count", origin=A, adds={"counted": 2}),
            [{"origin": A, "counted": 4}],
        ),
        (request(FIRST, "count", origin=A, adds={"counted": 2}), [{"origin": A}]),
        (
            request(FIRST, "swap", origin=A, saw={"swapped": None}, writes={"swapped": FIRST})
            + request(SECOND, "swap", origin=A, saw={"swapped": None}, writes={"swapped": SECOND}),
            [{"origin": A, "swapped": SECOND}],
        ),
        (request(FIRST, "append", origin=A, appends=True), [{"origin": A}]),
        (
            request(FIRST, "append", origin=A, appends=True),
            [{"origin": A, "basket": [FIRST, FIRST]}],
        ),
        (request(FIRST, "flash", origin=A, flashes=True), [{"origin": A}]),
        (
            request(FIRST, "flash", origin=A, flashes=True)
            + request(SECOND, "flash", origin=A, flashes=True),
            [{"origin": A, "flashes": [FIRST, SECOND]}],
        ),
        (
            request(FIRST, "flash", origin=A, flashes=True)
            + request(SECOND, "flash", "interrupted", origin=A, shown=["ada/9.9.9"]),
            [{"origin": A, "flashes": [FIRST]}],
        ),
        (request(FIRST, "log_in", origin=A), [{"origin": A}]),
        (request(FIRST, "log_in", origin=A), [{"origin": A, "user": "bob"}]),
    ],
)
def test_the_checker_finds_what_cannot_be(
    tmp_path: Path, steps: list[dict[str, Any]], left: list[dict[str, Any]]
) -> None:
    journal = tmp_path / "journal"
    journal.write_text("".join(f"{json.dumps(step)}\n" for step in BEGUN + steps))
    assert check(journal, [{"flashes": [], **session} for session in left])
