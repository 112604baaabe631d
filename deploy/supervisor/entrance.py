"""Where visitors come in: the balancer, and the sockets that outlive it."""

import contextlib
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import addresses, processes
from ..balancer import BalancerClient, wait_until
from ..errors import BalancerError, DeployError
from ..rundir import RunDirectory
from .parts import Part, balancer_part
from .records import Records

if TYPE_CHECKING:
    from ..processes import Process

IN_FLIGHT_TIMEOUT = 10.0
LAST_REQUEST_TIMEOUT = 1.0
STOP_TIMEOUT = 5.0


class Entrance:
    """The sockets are held here, as gunicorn's master holds those of its workers.

    When the balancer dies, visitors wait until the next one accepts them.
    """

    def __init__(
        self,
        doors: Sequence[socket.socket],
        rundir: RunDirectory,
        client: BalancerClient,
        records: Records,
        wait_for: Callable[[Part, Callable[[], bool]], None],
    ) -> None:
        """`wait_for` waits for a part until a condition holds, and raises if the part dies."""
        self.part: Part | None = None
        self._doors = doors
        self._rundir = rundir
        self._client = client
        self._records = records
        self._wait_for = wait_for
        self._retired: list[Process] = []
        """Balancers that another has taken over from, and that still answer somebody."""

    def open(self, binary: Path) -> None:
        """Let visitors connect, and start what serves them."""
        for door in self._doors:
            addresses.listen(door)
        listeners = [door.fileno() for door in self._doors]
        log, requests = self._records.log("balancer"), self._records.requests
        config = self._rundir.haproxy_config
        self.part = balancer_part(binary, config, listeners, log, requests)
        self.part.start()
        self._wait_for(self.part, self._answers)

    def reload(self) -> None:
        """A second balancer takes over with the file of now; the first answers what it has."""
        part = self.part
        if part is None or part.process is None:
            return
        before = part.process
        part.start("-sf", str(before.pid))
        try:
            self._wait_for(part, self._answers)
        except DeployError:
            part.process = before
            raise
        self._retired.append(before)

    def reap(self) -> None:
        """Forget balancers that have answered everybody."""
        self._retired = [process for process in self._retired if process.poll() is None]

    def _answers(self) -> bool:
        try:
            return self.part is not None and self._client.pid() == self.part.pid
        except BalancerError:
            return False

    def close(self, hurry: Callable[[], bool]) -> None:
        """Let nobody in any more, let requests finish unless there is a `hurry`, and stop."""
        # These first: while they listen, visitors get in whom no balancer will take any more.
        for door in self._doors:
            door.close()
        self._finish_requests(hurry)
        if self.part and self.part.process:
            processes.stop([self.part.process], (signal.SIGTERM, STOP_TIMEOUT), hurry=hurry)
        processes.stop(self._retired, (signal.SIGUSR1, STOP_TIMEOUT), hurry=hurry)

    def _finish_requests(self, hurry: Callable[[], bool]) -> None:
        # A balancer that does not answer has no request that could finish.
        with contextlib.suppress(BalancerError):
            self._client.accept_no_more()
            # Who has just been answered may be sending again, and is told then that it is the end.
            wait_until(lambda: hurry() or self._client.all_gone(), seconds=LAST_REQUEST_TIMEOUT)
            wait_until(lambda: hurry() or self._client.all_idle(), seconds=IN_FLIGHT_TIMEOUT)
