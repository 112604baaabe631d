"""gunicorn's master, as a node needs it."""

import gc
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

from gunicorn.app.base import BaseApplication
from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from .. import processes
from . import NodeOptions, read_options
from .greenlets import unsafe_preload
from .rotation import LEAVE_ROTATION
from .slot_worker import SlotWorker, slot_worker_class
from .slots import mismatch, next_change

# Seconds between looks at a worker that boots.
BOOT_STEP = 0.1

# Seconds until the next try after a worker died while booting, doubled each time.
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0


class _OnlyWorkersLeftError(Exception):
    """A reload has renewed everything else."""


class NodeArbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Keeps every slot served: a worker stops only when its successor has booted.

    gunicorn has the old workers stop when the new ones are not yet up, and ends when one of them
    cannot boot. Here the old ones serve on; a node ends only when nobody is left to serve.
    """

    WORKERS: dict[int, Any]  # pyright: ignore[reportIncompatibleVariableOverride]
    cfg: Any
    log: Any
    num_workers: int
    options: NodeOptions
    draining = False
    ending = False
    pause = FIRST_PAUSE
    no_start_before = 0.0

    # Starting and stopping.

    def setup(self, app: Any) -> None:
        super().setup(app)
        share_with_workers()
        self.slot_worker_class = slot_worker_class(self.cfg.worker_class)
        self.worker_class = self.slot_worker_class

    def start(self) -> None:
        self.options = read_options()
        problem = mismatch(
            self.cfg.workers,
            len(self.cfg.address),
            shared=self.options.shared_listener,
            reuse_port=self.cfg.reuse_port,
        ) or unsafe_preload(self.cfg)
        if problem:
            self.log.error(problem)
            sys.exit(1)
        # On USR2 gunicorn runs its own command line again, which is not how it was started here.
        self.START_CTX["args"] = processes.python_module("deploy.gunicorn")
        super().start()

    def stop(self, graceful: bool = True) -> None:
        self.ending = True
        super().stop(graceful)

    def handle_term(self) -> None:
        """Leave rotation, and stop `drain` seconds later; a second SIGTERM stops at once."""
        drain = self.options.drain
        if self.draining or not drain:
            super().handle_term()
        self.draining = True
        self.log.info("Leaving rotation for %s seconds before stopping", drain)
        self.kill_workers(LEAVE_ROTATION)
        signal.signal(signal.SIGALRM, lambda *_: self.signal(signal.SIGTERM, None))
        signal.setitimer(signal.ITIMER_REAL, drain)

    def handle_usr2(self) -> None:
        if self.options.supervised:
            self.log.warning("Not replacing this node: say `twofold roll`, which drains it first.")
        else:
            super().handle_usr2()

    # Workers.

    def handle_ttin(self) -> None:
        self._keep_number()

    def handle_ttou(self) -> None:
        self._keep_number()

    def _keep_number(self) -> None:
        self.log.warning("The number of workers stays: each has a slot of the balancer.")

    def wait_for_signals(self, timeout: float | None = 1.0) -> list[int]:
        if not all(worker.booted for worker in self.WORKERS.values()):
            timeout = BOOT_STEP
        signals: list[int] = super().wait_for_signals(timeout)
        return signals

    def manage_workers(self) -> None:
        if self.num_workers not in (0, self.cfg.workers):
            # Told over gunicorn's control socket.
            self._keep_number()
            self.num_workers = self.cfg.workers
        self._note_boots()
        change = next_change(self.WORKERS.values(), self.num_workers)
        for worker in change.stop:
            worker.tell_to_stop()
            self.kill_worker(worker.pid, signal.SIGTERM if worker.booted else signal.SIGQUIT)
        if time.monotonic() >= self.no_start_before:
            for slot in change.start:
                self._start_worker(slot)
        if len(self.WORKERS) == self.num_workers:
            # gunicorn starts and stops none then, and reports its metrics.
            super().manage_workers()

    def _note_boots(self) -> None:
        for worker in self.WORKERS.values():
            if worker.booted and not worker.known:
                worker.known = True
                self.pause = FIRST_PAUSE
                self.log.info("Worker %s serves slot %s", worker.pid, worker.slot + 1)

    def _start_worker(self, slot: int) -> None:
        # gunicorn's method takes no slot; what it calls to make a worker can have one.
        is_first = self.worker_age < self.num_workers
        has_predecessor = any(worker.slot == slot for worker in self.WORKERS.values())
        fills_gap = not is_first and not has_predecessor
        make: Any = partial(
            self.slot_worker_class, slot=slot, options=self.options, fills_gap=fills_gap
        )
        self.worker_class = make
        super().spawn_worker()

    def spawn_worker(self) -> NoReturn:
        """What gunicorn's `reload` calls when it has renewed everything but the workers."""
        raise _OnlyWorkersLeftError

    def reload(self) -> None:
        with suppress(_OnlyWorkersLeftError):
            super().reload()
        for worker in self.WORKERS.values():
            worker.superseded = True
        self.pause, self.no_start_before = FIRST_PAUSE, 0.0
        self.manage_workers()

    def reap_workers(self) -> None:
        before = set(self.WORKERS.values())
        while True:
            try:
                super().reap_workers()
                break
            except HaltServer:
                # A worker could not boot. What that means is decided below.
                continue
        for worker in before.difference(self.WORKERS.values()):
            if not worker.booted and not worker.stopping and not self.ending:
                self._boot_failed(worker)

    def _boot_failed(self, worker: SlotWorker) -> None:
        if not any(other.booted and not other.stopping for other in self.WORKERS.values()):
            raise HaltServer("Worker died while booting.", self.WORKER_BOOT_ERROR)
        self.log.error(
            "A worker for slot %s died while booting; those that run serve on. Next try in %g s.",
            worker.slot + 1,
            self.pause,
        )
        self.no_start_before = time.monotonic() + self.pause
        self.pause = min(2 * self.pause, LONGEST_PAUSE)


def share_with_workers() -> None:
    """Keep the garbage collector of each worker from what it shares with the master.

    The collector writes to every object it looks at, and a worker that writes to a page has a copy
    of its own from then on.
    """
    # After a reload what an earlier app left behind is not kept.
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class _RunsNodeArbiter(BaseApplication):  # type: ignore[misc]
    def run(self) -> None:
        NodeArbiter(self).run()


class NodeApplication(WSGIApplication, _RunsNodeArbiter):  # type: ignore[misc]
    """gunicorn's application, whose `run` ends in the base class: here, in the one above."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(prog="gunicorn", **arguments)

    def load_config_from_file(self, filename: str) -> Any:
        """The node's settings, on top of a file that GUNICORN_CMD_ARGS names."""
        own = self.cfg.parser().parse_args(self.cfg.get_cmd_args_from_env()).config
        if own:
            super().load_config_from_file(own)
        return super().load_config_from_file(filename)
