"""HAProxy in a container: its runtime API by way of `docker exec`, and probes from where it stands.

HAProxy fills its lines of servers from DNS by itself, so a line is known by its address and not by
its name. The official image has bash and no client for sockets; bash can open one.
"""

import contextlib
import os
import select
import threading
import time
from collections.abc import Iterable, Sequence

from .. import processes
from ..balancer import Counters, SlotCounters, parse_counters, wait_until
from ..errors import BalancerError, EngineError
from ..probes import ProbeAnswer
from ..render.containers import RUNTIME_PORT
from ..render.haproxy import BACKEND
from .engine import Engine

# One `docker exec` for many commands: each would take as long as a hundred answers.
SESSION = r"""
while IFS= read -r command; do
  { exec 3<>"/dev/tcp/127.0.0.1/$1" && printf '%s\n' "$command" >&3 && cat <&3; exec 3>&-; } 2>&1
  printf '\001\n'
done
"""
LEAVE_STATE = r"""
exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'show servers state\n' >&3 && cat <&3 >"$2"
"""
END = b"\1\n"
RELOAD_TIMEOUT = 30.0
ANSWER_TIMEOUT = 30.0

# What comes back is cut, and kept apart by a byte that no header has.
PROBE = r"""
for ((n = 0; n < $2; n++)); do
  for port in $3; do
    for path in "${@:4}"; do
      if exec 3<>"/dev/tcp/$1/$port"; then
        printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$path" >&3
        head -c 2000 <&3 | tr '\r\n' '  '
        exec 3>&-
      fi 2>/dev/null
      printf '\001'
    done
  done
done
"""

# HAProxy takes a line of commands as long as its buffer, 16 KiB.
COMMANDS_AT_ONCE = 150


class ContainerBalancer:
    """A balancer that runs in a container of its own; threads may share it."""

    def __init__(self, engine: Engine, container: str) -> None:
        """`container` is its id or name."""
        self.engine = engine
        self.container = container
        self._session: processes.Process | None = None
        self._turn = threading.Lock()

    def counters(self) -> Counters:
        return parse_counters(self.ask("show stat"))

    def lines(self) -> dict[str, SlotCounters]:
        """All lines of servers by their names, those without an address included."""
        return dict(self.counters().slots)

    def set_state(self, lines: Iterable[str], state: str) -> None:
        """`ready`, `drain` or `maint`, for lines of these names."""
        commands = [f"set server {BACKEND}/{line} state {state}" for line in lines]
        for start in range(0, len(commands), COMMANDS_AT_ONCE):
            answer = self.ask("; ".join(commands[start : start + COMMANDS_AT_ONCE]))
            if answer:
                raise BalancerError(f"the balancer refused to set lines to {state}: {answer}")

    def reload(self, state_file: str) -> None:
        """Have it read its file again; what it knows of the servers' addresses is left there.

        :raises BalancerError: it does not take the file, and goes on as before.
        """
        before = self._worker()
        self.engine.run(
            *("exec", self.container, "bash", "-c", LEAVE_STATE, "bash", str(RUNTIME_PORT)),
            state_file,
        )
        self.engine.run("kill", "--signal", "USR2", self.container)
        if not wait_until(lambda: self._worker() != before, seconds=RELOAD_TIMEOUT):
            said = self.engine.ask("logs", "--tail", "5", self.container)
            raise BalancerError(
                f"the balancer did not take its new file:\n{said.stdout}{said.stderr}"
            )

    def _worker(self) -> str:
        """The process id, in its container, of the one that answers."""
        lines = self.ask("show info").splitlines()
        return next((line for line in lines if line.startswith("Pid:")), "")

    def ask(self, command: str) -> str:
        """:raises BalancerError: it does not answer."""
        with self._turn:
            try:
                answer = self._say(command)
            except (OSError, EngineError):
                # A container that was started again has lost the session.
                self.close()
                try:
                    answer = self._say(command)
                except (OSError, EngineError) as error:
                    self.close()
                    raise BalancerError(
                        f"the balancer does not answer `{command[:60]}`: {error}"
                    ) from None
        said = answer.decode("utf-8", "replace").strip()
        if said.startswith("bash:"):
            raise BalancerError(f"the balancer does not answer `{command[:60]}`: {said[:200]}")
        return said

    def _say(self, command: str) -> bytes:
        session = self._session or self._open()
        assert session.stdin  # noqa: S101  # asked for
        assert session.stdout  # noqa: S101
        session.stdin.write(command.encode() + b"\n")
        session.stdin.flush()
        received = b""
        deadline = time.monotonic() + ANSWER_TIMEOUT
        while not received.endswith(END):
            ready, _, _ = select.select([session.stdout], [], [], deadline - time.monotonic())
            data = os.read(session.stdout.fileno(), 65_536) if ready else b""
            if not data:
                raise OSError("no answer" if not ready else "the connection to it was closed")
            received += data
        return received.removesuffix(END)

    def _open(self) -> processes.Process:
        self._session = self.engine.held(
            *("exec", "--interactive", self.container, "bash", "-c", SESSION, "bash"),
            str(RUNTIME_PORT),
        )
        return self._session

    def close(self) -> None:
        """It is opened again when something is said."""
        session, self._session = self._session, None
        if session:
            session.kill()
            with contextlib.suppress(OSError):
                session.communicate()

    def probe(
        self,
        host: str,
        ports: Sequence[int],
        paths: Sequence[str],
        *,
        times: int = 1,
        timeout: float,
    ) -> list[ProbeAnswer]:
        """An answer for each GET of each path on each port, `times` over; `timeout` is for all."""
        answer = self.engine.ask(
            *("exec", self.container, "timeout", f"{timeout:g}", "bash", "-c", PROBE, "bash"),
            *(host, str(times), " ".join(map(str, ports)), *paths),
            timeout=timeout + 30,
        )
        said = answer.stdout.split("\1")[:-1]
        missing = times * len(ports) * len(paths) - len(said)
        late = ProbeAnswer(None, f"no answer within {timeout:g} s")
        return [*map(_answer, said), *[late] * missing]

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()


def _answer(text: str) -> ProbeAnswer:
    """From the beginning of an answer in HTTP, with spaces for line ends."""
    version, _, rest = text.partition(" ")
    status, _, rest = rest.partition(" ")
    if not version.startswith("HTTP/") or not status.isdecimal():
        return ProbeAnswer(None, "no answer: the connection was refused or closed")
    head, _, body = rest.partition("    ")
    return ProbeAnswer(int(status), f"{status} {head.partition('  ')[0]} {body[:300]}".strip())
