"""HAProxy's runtime API: slots into and out of rotation, and counters, without a reload."""

import csv
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from .deployment import Slot
from .errors import BalancerError
from .render.haproxy import BACKEND, server_line
from .render.visitors import FRONTEND
from .status import State

ANSWER_TIMEOUT = 5.0
NO_SUCH_SERVER = "No such server"


@dataclass(frozen=True, slots=True)
class SlotCounters:
    state: State
    in_flight: int
    queue: int
    requests: int
    errors: int
    throughput: int
    """Requests in the last second."""
    latency: float
    """Mean of the last 1,024 answers until their first byte, queue included, in seconds."""
    last_check: str
    """How the last readiness check ended, in HAProxy's words."""
    address: str = ""
    """HOST:PORT; empty for a line that waits for the name server to give it one."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What HAProxy has counted since it started."""

    requests: int = 0
    connections: int = 0
    """Of visitors, idle ones included."""
    in_flight: int = 0
    """Waiting ones and answers on their way included."""
    queue: int = 0
    responses_5xx: int = 0
    throughput: int = 0
    latency: float = 0.0
    slots: tuple[tuple[str, SlotCounters], ...] = ()


class BalancerClient:
    """Commands for a running HAProxy; threads may share it, for each opens its own connection."""

    def __init__(self, runtime_socket: Path) -> None:
        self.runtime_socket = runtime_socket

    def counters(self) -> Counters:
        return parse_counters(self._ask("show stat"))

    def add(self, slot: Slot) -> None:
        """Into rotation; a server left over from an earlier slot of that name is used again."""
        if slot.name not in dict(self.counters().slots):
            answer = self._ask(f"add server {server_line(slot)}")
            if "New server registered" not in answer:
                raise BalancerError(f"the balancer did not add {slot.name}: {answer}")
        self._command(f"set maxconn server {BACKEND}/{slot.name} {slot.maxconn}")
        self._command(f"enable health {BACKEND}/{slot.name}")
        self._command(f"set server {BACKEND}/{slot.name} state ready")

    def drain(self, slot: Slot) -> None:
        """Out of rotation for new requests; those in flight go on."""
        self._leave(slot, "drain")

    def out_of_rotation(self, slot: Slot) -> None:
        self._leave(slot, "maint")

    def mark_down(self, slot: Slot) -> None:
        """No more requests until a check has found that it serves."""
        self._command(f"set server {BACKEND}/{slot.name} health down")

    def _leave(self, slot: Slot, state: str) -> None:
        # A balancer that was started again in between does not know a slot that was leaving.
        command = f"set server {BACKEND}/{slot.name} state {state}"
        answer = self._ask(command)
        if answer and NO_SUCH_SERVER not in answer:
            raise BalancerError(f"the balancer refused `{command}`: {answer}")

    def remove(self, slot: Slot) -> bool:
        """Forget a slot that is out of rotation; False while connections to it are open."""
        answer = self._ask(f"del server {BACKEND}/{slot.name}")
        return "deleted" in answer or NO_SUCH_SERVER in answer

    def idle(self, slots: Iterable[Slot]) -> bool:
        """No request is in flight or waiting on any of the slots."""
        counters = dict(self.counters().slots)
        known = [counters[slot.name] for slot in slots if slot.name in counters]
        return all(slot.in_flight == 0 and slot.queue == 0 for slot in known)

    def accept_no_more(self) -> None:
        """Visitors who are connected are still served."""
        self._command(f"shutdown frontend {FRONTEND}")

    def renew_certificate(self, file: Path, pem: str) -> None:
        """Show new visitors another certificate than the one read from the file."""
        name = str(file).replace(" ", "\\ ")
        # An empty line would end the certificate.
        lines = "\n".join(line for line in pem.splitlines() if line.strip())
        for command in (f"set ssl cert {name} <<\n{lines}\n", f"commit ssl cert {name}"):
            answer = self._ask(command)
            if not any(word in answer for word in ("created", "updated", "Success")):
                raise BalancerError(f"the balancer did not take the certificate: {answer}")

    def pid(self) -> int:
        """Of the process that answers on the socket."""
        for line in self._ask("show info").splitlines():
            name, _, value = line.partition(": ")
            if name == "Pid":
                return int(value)
        raise BalancerError("the balancer did not tell its process id")

    def all_idle(self) -> bool:
        """No request waits or is in flight anywhere, and no answer is still on its way."""
        return self.counters().in_flight == 0

    def all_gone(self) -> bool:
        """No visitor is connected."""
        return self.counters().connections == 0

    def _command(self, command: str) -> None:
        answer = self._ask(command)
        if answer:
            raise BalancerError(f"the balancer refused `{command}`: {answer}")

    def _ask(self, command: str) -> str:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(ANSWER_TIMEOUT)
                connection.connect(str(self.runtime_socket))
                connection.sendall(command.encode() + b"\n")
                received = b""
                while data := connection.recv(65_536):
                    received += data
        except OSError as error:
            raise BalancerError(f"the balancer does not answer `{command}`: {error}") from None
        return received.decode("utf-8", "replace").strip()


def parse_counters(text: str) -> Counters:
    """From the answer to `show stat`."""
    rows = list(csv.DictReader(text.removeprefix("# ").splitlines()))
    frontend = _row(rows, FRONTEND, "FRONTEND")
    backend = _row(rows, BACKEND, "BACKEND")
    servers = [row for row in rows if row["pxname"] == BACKEND and row["type"] == "2"]
    return Counters(
        requests=_number(frontend, "req_tot"),
        connections=_number(frontend, "scur"),
        in_flight=_number(backend, "scur"),
        queue=_number(backend, "qcur"),
        responses_5xx=_number(frontend, "hrsp_5xx"),
        throughput=_number(frontend, "req_rate"),
        latency=_latency(backend),
        slots=tuple((row["svname"], _slot(row)) for row in servers),
    )


def _row(rows: Iterable[dict[str, str]], proxy: str, server: str) -> dict[str, str]:
    for row in rows:
        if row["pxname"] == proxy and row["svname"] == server:
            return row
    raise BalancerError(f"the balancer's statistics have no line for {proxy}/{server}")


def _slot(row: dict[str, str]) -> SlotCounters:
    return SlotCounters(
        state=_state(row["status"]),
        in_flight=_number(row, "scur"),
        queue=_number(row, "qcur"),
        requests=_number(row, "stot"),
        errors=_number(row, "hrsp_5xx") + _number(row, "econ") + _number(row, "eresp"),
        throughput=_number(row, "rate"),
        latency=_latency(row),
        last_check=row.get("last_chk") or "",
        address=row.get("addr") or "",
    )


def _latency(row: dict[str, str]) -> float:
    # Not `ttime`: on a connection that is kept alive it begins when the answer before has ended,
    # so it holds the visitor's own pause.
    return sum(_number(row, part) for part in ("qtime", "ctime", "rtime")) / 1000


def _state(status: str) -> State:
    # As in `UP`, `UP 1/2` (one check failed), `DRAIN`, `DOWN`, `DOWN 1/2`, `MAINT`, `no check`.
    if status.startswith(("UP", "no check")):
        return "in rotation"
    return "draining" if status.startswith("DRAIN") else "out of rotation"


def _number(row: dict[str, str], column: str) -> int:
    return int(row.get(column) or 0)


def wait_until(
    condition: Callable[[], bool], *, seconds: float, pause: Callable[[float], object] = time.sleep
) -> bool:
    """Whether the condition came true within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause(0.05)
    return True
