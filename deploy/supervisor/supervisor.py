"""The life of a deployment on this machine: up, looked after, down."""

import contextlib
import logging
import queue
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from .. import binaries, certificates, probes, processes
from ..addresses import Block
from ..balancer import BalancerClient, wait_until
from ..cpu_budget import CpuBudgets
from ..deployment import Balancer, Deployment
from ..errors import DeployError, StartError
from ..preflight import check_app
from ..rollout import Report, prepare
from ..rundir import RunDirectory
from ..wording import counted
from .certificate import CertificateKeeper
from .changes import Changes
from .control import Command, ControlServer, Message
from .entrance import Entrance
from .fleet import Fleet
from .migration import NAME as MIGRATE
from .migration import migrate
from .observe import NodeSnapshot, Observer, Snapshot
from .parts import Part, RunningNode, node_environment, store_part
from .records import Records

logger = logging.getLogger(__name__)

TICK = 0.2
START_TIMEOUT = 10.0
STOP_TIMEOUT = 5.0

WAKE_UP = Command("wake up", {})


class Stopping(Exception):
    """The deployment is to end, whatever is being done."""


class Supervisor:
    """Owns every process of a deployment.

    The main thread alone starts and ends processes: they die with the thread that started them.
    Other threads ask for the status, submit commands and request the end.
    """

    def __init__(
        self,
        deployment: Deployment,
        rundir: RunDirectory,
        block: Block,
        doors: Sequence[socket.socket],
        records: Records,
    ) -> None:
        """`doors` are bound to the deployment's addresses."""
        self.deployment = deployment
        """As it was started: name, balancer and store stay what they are here."""
        self.rundir = rundir
        self.block = block
        self.client = BalancerClient(rundir.haproxy_socket)
        self.budgets = CpuBudgets(deployment.name)
        self.records = records
        self.observer = Observer(deployment, self.client, self.budgets, records)
        self.entrance = Entrance(doors, rundir, self.client, records, self._wait_for)
        self.certificate = CertificateKeeper(rundir, self.client)
        self.store: Part | None = None
        self.store_url: str | None = None
        self._is_up = False
        self._redis_url = ""
        self._made_key = secrets.token_urlsafe(32)
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._turn = threading.Lock()
        self._under_way: str | None = None
        self._down_commands: list[Command] = []
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self.fleet = Fleet(
            deployment,
            block,
            rundir,
            self.client,
            listeners=[door.fileno() for door in doors],
            environment=self._environment,
            reload_balancer=self._reload_balancer,
            budgets=self.budgets,
            log=records.log,
            pause=self._pause,
            hurry=self._hurry.is_set,
        )
        self.changes = Changes(
            deployment, self.fleet, self._check_app, self._migrate, records.tally
        )

    # Called from other threads and from signal handlers.

    def request_stop(self, *, hurry: bool = False) -> None:
        """End the deployment: in order, or without waiting for requests in flight."""
        if hurry:
            self._hurry.set()
        self._stopping.set()
        self._commands.put(WAKE_UP)

    def submit(self, command: Command) -> None:
        if command.name == "down":
            self._down_commands.append(command)
            self.request_stop()
        elif self._stopping.is_set():
            command.fail("the deployment is being stopped")
        elif not self._turn.acquire(blocking=False):
            command.fail(
                f"`twofold {self._under_way}` is under way; wait until it is done, and then say "
                f"`twofold {command.name}` again. `twofold status` shows how far it is"
            )
        else:
            self._under_way = command.name
            self._commands.put(command)

    # The main thread.

    def up(self, report: Report) -> None:
        """Start everything, in the order in which the parts need each other."""
        deployment = self.deployment
        haproxy = binaries.haproxy()
        self.certificate.install(deployment.balancer.tls)
        self._redis_url = self._start_store(report)
        self.observer.store_ping = probes.StorePing(self._redis_url)
        self._check_app(deployment)
        self._migrate(deployment, report)
        nodes, workers = counted(deployment.nodes, "nodes"), counted(deployment.workers, "workers")
        report(f"starting {nodes} of {workers}")
        for running in prepare(self.fleet, deployment, deployment.nodes, report):
            running.phase = "in rotation"
        self._start_balancer(haproxy, report)
        self._is_up = True
        self._publish()

    def _environment(self, deployment: Deployment) -> Mapping[str, str]:
        return node_environment(deployment, self._redis_url, self._made_key)

    def _check_app(self, deployment: Deployment) -> None:
        if deployment.balancer.tls:
            certificates.load(deployment.balancer.tls)
        check_app(deployment, self._environment(deployment), self._pause)

    def _migrate(self, deployment: Deployment, report: Report) -> None:
        migrate(
            deployment,
            env=self._environment(deployment),
            log=self.records.log(MIGRATE),
            pause=self._pause,
            report=report,
        )

    def _start_store(self, report: Report) -> str:
        url = self.deployment.redis_url
        if url is not None:
            probes.check_store(url)
            self.store_url = probes.without_password(url)
            return url
        store, url = store_part(
            binaries.store(), self.block, self.rundir, self.records.log("store")
        )
        self.store, self.store_url = store, probes.without_password(url)
        store.start()
        self._wait_for(store, lambda: _store_answers(url))
        report(f"store at {self.store_url}")
        return url

    def _start_balancer(self, binary: Path, report: Report) -> None:
        self.fleet.write_balancer_config()
        self.entrance.open(binary)
        report(f"balancer at {self.deployment.balancer.url}")

    def _reload_balancer(self, balancer: Balancer) -> None:
        self.certificate.install(balancer.tls)
        self.entrance.reload()

    def _wait_for(self, part: Part, ready: Callable[[], bool]) -> None:
        def ready_or_dead() -> bool:
            return ready() or part.exit_code is not None

        if not wait_until(ready_or_dead, seconds=START_TIMEOUT, pause=self._pause):
            raise StartError(f"the {part.name} does not answer:\n{part.last_log_lines()}")
        if part.exit_code is not None:
            raise StartError(
                f"the {part.name} ended with code {part.exit_code}:\n{part.last_log_lines()}"
            )

    def look_after(self) -> None:
        """Execute commands and restart what dies, until the end is requested."""
        with contextlib.suppress(Stopping):
            while True:
                self._pause(0)
                with contextlib.suppress(queue.Empty):
                    self._execute(self._commands.get(timeout=TICK))

    def _execute(self, command: Command) -> None:
        if command is WAKE_UP:
            return
        logger.info("command: %s", command.name)
        try:
            answer = self.changes.execute(command)
        except DeployError as error:
            logger.error("%s", error)
            self._next_turn()
            command.fail(str(error), error.exit_code)
        except Stopping:
            command.fail("the deployment is being stopped")
            raise
        except Exception as error:
            # A fault of ours in one command is no reason to end what serves visitors.
            logger.exception("`twofold %s` failed", command.name)
            self._next_turn()
            command.fail(
                f"`twofold {command.name}` failed unexpectedly, {error!r}; what ran before it runs "
                f"on, and {self.rundir.log('supervisor')} has the whole story"
            )
        else:
            self._next_turn()
            command.finish(self.observer.status().to_json() if answer is None else answer)

    def _next_turn(self) -> None:
        # Before the answer: whoever reads it may send the next command at once.
        self._under_way = None
        self._publish()
        self._turn.release()

    def _pause(self, seconds: float) -> None:
        """Wait, look after what runs, and raise Stopping if the end was requested."""
        if self._stopping.wait(seconds):
            raise Stopping
        self._restart_the_dead()
        self.certificate.renew()
        self._publish()

    def _restart_the_dead(self) -> None:
        self.entrance.reap()
        for part in self._parts_in_service():
            if part.pid is not None:
                continue
            if part.restart_at is None:
                pause = part.plan_restart()
                code = part.exit_code
                logger.error("%s ended with code %s, again in %g s", part.name, code, pause)
                self.fleet.note_death(part.name)
            elif time.monotonic() >= part.restart_at:
                self._restart(part)

    def _restart(self, part: Part) -> None:
        try:
            part.restart()
        except StartError as error:
            logger.error("%s, again in %g s", error, part.plan_restart())
        else:
            self.records.tally.restarts[part.name] += 1
            logger.info("%s started again, pid %s", part.name, part.pid)

    def _parts_in_service(self) -> Iterator[Part]:
        # What is being started is watched by who starts it.
        if not self._is_up:
            return
        yield from (part for part in (self.store, self.entrance.part) if part)
        for running in self.fleet.running:
            if running.phase == "in rotation":
                yield running.part

    def _publish(self) -> None:
        self.observer.snapshot = Snapshot(
            deployment=self.changes.history.current,
            under_way=self._under_way,
            nodes=tuple(map(_node_snapshot, self.fleet.running)),
            balancer_pid=self.entrance.part.pid if self.entrance.part else None,
            store_pid=self.store.pid if self.store else None,
            store_url=self.store_url,
        )

    def down(self) -> None:
        """Stop everything: visitors first, then nodes, then the store they write to."""
        self._stopping.set()
        if self.entrance.part:
            self._report_down("finishing requests in flight")
        self.entrance.close(self._hurry.is_set)
        if self.fleet.running:
            self._report_down(f"stopping {counted(len(self.fleet.running), 'nodes')}")
            self.fleet.end(self.fleet.running)
        if self.store and self.store.process:
            self._report_down("stopping the store")
            store = [self.store.process]
            processes.stop(store, (signal.SIGTERM, STOP_TIMEOUT), hurry=self._hurry.is_set)
        self.budgets.close()

    def _report_down(self, text: str) -> None:
        logger.info("%s", text)
        for command in list(self._down_commands):
            command.report(text)

    def answer_the_rest(self, result: Message) -> None:
        """The last word to everyone who still waits."""
        for command in list(self._down_commands):
            command.finish(result)
        with contextlib.suppress(queue.Empty):
            while True:
                self._commands.get_nowait().fail("the deployment is being stopped")

    def control_server(self) -> ControlServer:
        def status() -> Message:
            return self.observer.status().to_json()

        return ControlServer(self.rundir.control_socket, status, self.submit)


def _node_snapshot(running: RunningNode) -> NodeSnapshot:
    part = running.part
    version = running.deployment.version
    return NodeSnapshot(running.node, version, running.phase, part.pid, part.restarts)


def _store_answers(url: str) -> bool:
    try:
        probes.check_store(url)
    except StartError:
        return False
    return True
