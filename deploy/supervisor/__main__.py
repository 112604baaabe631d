"""`python -m deploy.supervisor GUARD_PID`: started by the guard, told what to run on stdin.

The first line of stdin is the deployment as JSON. Whoever started it holds the other end open and
so owns the deployment: when that end closes, everything stops, unless a line `release` came before.
Progress and the outcome of the start go to stdout as the control socket's messages.
"""

import contextlib
import json
import logging
import os
import signal
import sys
import threading
from io import FileIO

from .. import addresses
from ..deployment import Deployment
from ..errors import DeployError
from ..launch import die_with_parent
from ..metrics.server import MetricsServer
from ..rundir import RunDirectory
from .control import ControlServer, Message
from .records import Records
from .supervisor import Stopping, Supervisor


class Announcer:
    """Messages to whoever started this process, who may have gone away."""

    def __init__(self) -> None:
        self._channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
        _redirect(1, os.devnull)

    def send(self, message: Message) -> None:
        with contextlib.suppress(OSError, ValueError):
            print(json.dumps(message), file=self._channel, flush=True)

    def report(self, text: str) -> None:
        logging.info("%s", text)
        self.send({"progress": text})

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._channel.close()


def main() -> int:
    guard = int(sys.argv[1])
    # The guard can clean up after this process, but not after itself.
    die_with_parent(guard, signal.SIGTERM)
    # Unbuffered: a buffer is locked by the thread that reads it, and the interpreter cannot end.
    channel = os.fdopen(0, "rb", buffering=0)
    deployment = Deployment.from_json(json.loads(channel.readline()))
    announcer = Announcer()
    rundir = RunDirectory(deployment.name)
    try:
        lock = rundir.create()
        deployment, doors = addresses.reserve_doors(deployment)
        deployment, metrics_door = addresses.reserve_metrics(deployment)
        block = addresses.free_block()
    except DeployError as error:
        announcer.send(_failure(str(error), error.exit_code))
        return error.exit_code
    records = Records(deployment, rundir)
    records.take_stderr()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    supervisor = Supervisor(deployment, rundir, block, doors, records)
    if metrics_door:
        MetricsServer(metrics_door, lambda: records.metrics(supervisor.observer.status())).start()
    try:
        return _run(supervisor, announcer, channel, guard)
    finally:
        os.close(lock)


def _run(supervisor: Supervisor, announcer: Announcer, channel: FileIO, guard: int) -> int:
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, lambda *_: supervisor.request_stop())
    threading.Thread(target=_watch_owner, args=(channel, supervisor), daemon=True).start()
    control: ControlServer | None = None
    exit_code = 0
    outcome = _failure("the deployment was stopped")
    try:
        control = supervisor.control_server()
        control.start()
        supervisor.up(announcer.report)
        announcer.send({"result": supervisor.observer.status().to_json()})
        announcer.close()
        supervisor.look_after()
    except Stopping:
        exit_code = DeployError.exit_code
    except DeployError as error:
        logging.error("%s", error)
        supervisor.request_stop(hurry=True)
        exit_code = error.exit_code
        outcome = _failure(str(error))
    except Exception as error:
        logging.exception("the supervisor failed")
        supervisor.request_stop(hurry=True)
        exit_code = DeployError.exit_code
        outcome = _failure(f"the supervisor failed: {error!r}")
    supervisor.down()
    supervisor.rundir.remove()
    # Only now: whoever reads this finds nothing left.
    announcer.send(outcome)
    # Not os.getppid(): of a guard that was killed, that is whoever adopts orphans here.
    supervisor.answer_the_rest({"pids": [os.getpid(), guard]})
    if control:
        control.close()
    return exit_code


def _failure(error: str, exit_code: int = DeployError.exit_code) -> Message:
    return {"error": error, "exit_code": exit_code}


def _watch_owner(channel: FileIO, supervisor: Supervisor) -> None:
    for line in channel:
        if line.strip() == b"release":
            return
    supervisor.request_stop(hurry=True)


def _redirect(descriptor: int, path: str) -> None:
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(target, descriptor)
    os.close(target)


if __name__ == "__main__":
    sys.exit(main())
