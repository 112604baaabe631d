"""The processes a deployment consists of: nodes, balancer, store."""

import contextlib
import os
import secrets
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from .. import processes
from ..addresses import STORE_PORT, Block
from ..deployment import Deployment, Node
from ..errors import StartError
from ..gunicorn import NodeOptions, settings_environment
from ..logs.files import LogFile
from ..logs.pipes import LogPipe, Sink, with_time
from ..processes import Process
from ..profiles import concurrency_environment, gunicorn_settings
from ..render.valkey import render_valkey
from ..rundir import RunDirectory
from ..status import State

FIRST_BACKOFF = 0.1
LONGEST_BACKOFF = 30.0
STABLE_AFTER = 60.0

KEPT_LINES = 20


@dataclass(slots=True)
class Part:
    """A process that is started again when it dies, each time after a longer pause."""

    name: str
    argv: list[str]
    log: LogFile
    output: Sink | None = None
    """What takes its stdout; None: the log, as it takes stderr."""
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    sockets: tuple[int, ...] = ()
    confined: tuple[str, ...] = ()
    """What holds it to its CPU budget, in the launcher's words."""
    process: Process | None = None
    restarts: int = 0
    started: float = 0.0
    backoff: float = FIRST_BACKOFF
    restart_at: float | None = None
    last_words: deque[bytes] = field(default_factory=deque)
    """The last lines of the process that was started last, whether or not they could be logged."""
    pipe: LogPipe | None = None

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        return self.process.poll() if self.process else None

    def start(self, *arguments: str) -> None:
        """Start a process; `arguments` go behind the usual ones, this once.

        :raises StartError: there is no such program, or the system has no room for one more.
        """
        try:
            self._start(arguments)
        except (OSError, RuntimeError) as error:
            # The latter: no thread can be started.
            raise StartError(f"{self.name} could not be started: {error}") from None

    def _start(self, arguments: Sequence[str]) -> None:
        self.last_words = last_words = deque[bytes](maxlen=KEPT_LINES)
        write = with_time(self.log.write)

        def keep(lines: bytes) -> None:
            last_words.extend(lines.splitlines())
            write(lines)

        self.pipe = LogPipe(keep)
        with self.pipe as stderr, self._stdout(stderr) as stdout:
            self.process = processes.spawn(
                [*self.argv, *arguments],
                stdout=stdout,
                stderr=stderr,
                env=self.env,
                cwd=self.cwd,
                sockets=self.sockets,
                confined=self.confined,
            )
        self.started = time.monotonic()
        self.restart_at = None

    def _stdout(self, stderr: int) -> AbstractContextManager[int]:
        return LogPipe(self.output) if self.output else contextlib.nullcontext(stderr)

    def plan_restart(self) -> float:
        """Decide when a dead part starts again; returns the pause in seconds."""
        now = time.monotonic()
        if now - self.started > STABLE_AFTER:
            self.backoff = FIRST_BACKOFF
        pause, self.backoff = self.backoff, min(2 * self.backoff, LONGEST_BACKOFF)
        self.restart_at = now + pause
        return pause

    def restart(self) -> None:
        self.start()
        self.restarts += 1

    def last_log_lines(self, count: int = 15) -> str:
        """Of the process that was started last, at most KEPT_LINES."""
        if self.pipe and self.exit_code is not None:
            self.pipe.finish()
        lines = list(self.last_words)[-count:]
        return "\n".join(f"  {line.decode('utf-8', 'replace')}" for line in lines)


@dataclass(slots=True)
class RunningNode:
    """A node, its gunicorn, and where it is in its life."""

    node: Node
    deployment: Deployment
    part: Part
    phase: State = "adding"

    @property
    def name(self) -> str:
        return self.node.name


def node_part(
    deployment: Deployment,
    node: Node,
    block: Block,
    log: LogFile,
    env: Mapping[str, str],
    confined: tuple[str, ...],
) -> Part:
    limits = deployment.balancer.limits
    settings = gunicorn_settings(
        deployment.profile,
        app=deployment.app,
        binds=[slot.address for slot in node.slots],
        request_timeout=deployment.balancer.request_timeout,
        limits=limits,
        trusted_proxies=[block.balancer],
    )
    options = NodeOptions(
        supervised=True, max_body=limits.max_body, min_upload_rate=limits.min_upload_rate
    )
    return Part(
        name=node.name,
        argv=processes.python_module("deploy.gunicorn"),
        log=log,
        env={
            **env,
            "TWOFOLD_NODE": node.name,
            "TWOFOLD_VERSION": deployment.version,
            **concurrency_environment(deployment.profile),
            **settings_environment(settings, options),
        },
        cwd=deployment.directory,
        confined=confined,
    )


def balancer_part(
    binary: Path, config: Path, listeners: Sequence[int], log: LogFile, requests: Sink
) -> Part:
    argv = [str(binary), "-db", "-f", str(config)]
    return Part(name="balancer", argv=argv, log=log, output=requests, sockets=tuple(listeners))


def store_part(binary: Path, block: Block, rundir: RunDirectory, log: LogFile) -> tuple[Part, str]:
    """The store, with its configuration written, and its URL."""
    password = secrets.token_urlsafe(24)
    config = render_valkey(
        host=block.store, port=STORE_PORT, password=password, directory=rundir.store_data
    )
    rundir.write_secret(rundir.store_config, config)
    part = Part(
        name="store",
        argv=[str(binary), str(rundir.store_config)],
        log=log,
    )
    return part, f"redis://:{password}@{block.store}:{STORE_PORT}/0"


def node_environment(deployment: Deployment, redis_url: str, made_key: str) -> dict[str, str]:
    """What every node of this version finds in its environment.

    `made_key` signs where no key was set: every node of every version must sign with the same, and
    a local run should not need one set up.
    """
    env = {**os.environ, "PYTHONUNBUFFERED": "1", "REDIS_URL": redis_url}
    if not any(name in source for name in SECRET_KEYS for source in (env, deployment.env)):
        env["SECRET_KEY"] = made_key
    return {**env, **deployment.env}


SECRET_KEYS = ("SECRET_KEY", "SECRET_KEY_FILE")
