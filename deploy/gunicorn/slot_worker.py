"""What a node adds to gunicorn's workers, whatever their class."""

import mmap
import os
import sys
from collections.abc import Callable
from typing import Any

from gunicorn.workers import gthread

from ..launch import die_with_parent
from . import NodeOptions
from .blocking import blocking_drivers
from .bodies import bounded
from .greenlets import is_patched
from .rotation import leave_rotation_on_signal

# Seconds that a worker leaves waiting connections open: one that stops with its node, which is what
# gunicorn's do, and one that has a successor.
LINGER = gthread.STOP_KEEPALIVE_LINGER  # pyright: ignore[reportAttributeAccessIssue]
SUCCEEDED_LINGER = 15.0


class SharedFlag:
    """A flag that the master and its worker both see, once either has set it."""

    def __init__(self) -> None:
        self._byte = mmap.mmap(-1, 1)

    def set(self) -> None:
        self._byte[0] = 1

    def is_set(self) -> bool:
        return self._byte[0] == 1


class SlotWorker:
    """To be put before a worker class: serves one slot, until a successor does.

    gunicorn's workers stop by themselves after `max_requests`, and then nobody accepts until the
    next one has booted. This one tells its master, and goes on.
    """

    age: int
    alive: bool
    cfg: Any
    log: Any
    max_requests: int
    nr: int
    ppid: int
    sockets: list[Any]
    wsgi: Any

    # Only the master knows these.
    superseded = False
    """Whether there has been a reload since it was started."""
    known = False
    """Whether the master has seen that it booted."""

    def __init__(
        self, *arguments: Any, slot: int, options: NodeOptions, fills_gap: bool = False
    ) -> None:
        """`slot` counts from 0; `fills_gap`: its worker has died."""
        self._booted = SharedFlag()
        self._stopping = SharedFlag()
        self._worn_out = SharedFlag()
        super().__init__(*arguments)
        self.slot = slot
        self.options = options
        self.fills_gap = fills_gap
        self.most_requests = self.max_requests
        self.max_requests = sys.maxsize

    @property
    def booted(self) -> bool:
        return self._booted.is_set()

    @booted.setter
    def booted(self, value: bool) -> None:
        """gunicorn's word for it, which only the worker's process would hear."""
        if value:
            self._booted.set()

    @property
    def stopping(self) -> bool:
        """Whether the slot has another worker, or is about to get one."""
        return self._stopping.is_set()

    @property
    def outdated(self) -> bool:
        return self.superseded or self._worn_out.is_set()

    def tell_to_stop(self) -> None:
        """In the master, ahead of the signal."""
        self._stopping.set()

    # In the worker's process.

    def init_process(self) -> None:
        os.environ["TWOFOLD_SLOT"] = str(self.slot + 1)
        if not self.options.shared_listener:
            own = self.sockets[self.slot]
            for listener in self.sockets:
                if listener is not own:
                    listener.close()
            self.sockets = [own]
        super().init_process()  # type: ignore[misc]

    def load_wsgi(self) -> None:
        # Only now, for it is forgotten when the process takes the settings' `user` or `group`.
        die_with_parent(self.ppid)
        super().load_wsgi()  # type: ignore[misc]
        # The app's own, whatever is put around it below.
        self._stop_worker = _hook(self.wsgi, "stop_worker")
        _hook(self.wsgi, "start_worker")()
        # Without its services a node does not start, and a successor leaves the slot to the old
        # worker. Where the old one has died, an app without them is better than none.
        if not self.fills_gap:
            _hook(self.wsgi, "check_services")()
        self.wsgi = bounded(
            self.wsgi,
            max_body=self.options.max_body,
            min_upload_rate=self.options.min_upload_rate,
            notify=self.notify,
        )
        if is_patched():
            for driver in blocking_drivers():
                self.log.warning("This driver blocks all greenlets of a worker: %s", driver)
        if self.options.drain:
            leave_rotation_on_signal(self, self.options.readiness_path)

    def run(self) -> None:
        try:
            # The master tells it to stop and then looks whether it has booted; here it is the other
            # way round. So one that is told to quit at this moment has accepted nothing.
            if not self.stopping:
                super().run()  # type: ignore[misc]
        finally:
            self._stop_worker()

    def notify(self) -> None:
        super().notify()  # type: ignore[misc]
        if self.nr >= self.most_requests and not self._worn_out.is_set():
            self.log.info("Asking for a successor after %s requests", self.nr)
            self._worn_out.set()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        # By this name it is found in the other logs; gunicorn tells the URL only.
        request_id = dict(getattr(req, "headers", ())).get("X-REQUEST-ID")
        if request_id:
            self.log.error("The request %s failed", request_id)
        super().handle_error(req, client, addr, exc)  # type: ignore[misc]

    def handle_exit(self, sig: int, frame: Any) -> None:
        # With a successor there is no hurry, and whoever closes a connection may cut off a request
        # that is on its way: the balancer gets the time to use or close its own. A second signal
        # means that the whole node stops. gunicorn's class and ours read this while they stop.
        seconds = SUCCEEDED_LINGER if self.stopping and self.alive else LINGER
        gthread.STOP_KEEPALIVE_LINGER = seconds  # pyright: ignore[reportAttributeAccessIssue]
        super().handle_exit(sig, frame)  # type: ignore[misc]


def _hook(app: Any, name: str) -> Callable[[], object]:
    """What an app may have to be called at the start or the end of a worker."""
    hook: object = getattr(app, name, None)
    return hook if callable(hook) else _nothing


def _nothing() -> None:
    """For an app without such a hook."""


def slot_worker_class(worker_class: type) -> type:
    return type(worker_class.__name__, (SlotWorker, worker_class), {})
