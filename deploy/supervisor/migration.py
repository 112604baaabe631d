"""The setting `migrate`: a command that runs once, before the nodes of a version start.

It may be any framework's migrations, or a script. What it prints is in the log of its name.
"""

import contextlib
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from .. import procfs
from ..deployment import Deployment
from ..errors import StartError
from ..logs.files import LogFile
from ..rollout import Report
from .parts import Part

NAME = "migrate"
POLL = 0.05
# After SIGTERM, in which a program may end its connections in order.
STOP_TIMEOUT = 5.0


def migrate(
    deployment: Deployment,
    *,
    env: Mapping[str, str],
    log: LogFile,
    pause: Callable[[float], object],
    report: Report,
) -> None:
    """Run the version's command to its end, in its folder and with the environment of its nodes.

    `pause` is called while it runs, and ends it by raising.

    :raises StartError: it failed, with the last lines that it printed.
    """
    if deployment.migrate is None:
        return
    report(f"running `{deployment.migrate}`")
    part = _part(deployment, deployment.migrate, env, log)
    part.start()
    deadline = time.monotonic() + deployment.migrate_timeout
    try:
        while part.exit_code is None:
            if time.monotonic() > deadline:
                problem = f"was not done after {deployment.migrate_timeout:g} s (migrate_timeout)"
                _end(part)
                raise StartError(_failure(deployment, problem, part))
            pause(POLL)
    finally:
        _end(part)
    if part.exit_code:
        raise StartError(_failure(deployment, f"failed with code {part.exit_code}", part))
    report(f"`{deployment.migrate}` is done")


def planned(deployment: Deployment) -> Iterator[str]:
    """The step in words, for a roll that is only looked at."""
    if deployment.migrate:
        yield (
            f"run `{deployment.migrate}` once in {deployment.directory}, at most "
            f"{deployment.migrate_timeout:g} s"
        )


def _part(deployment: Deployment, command: str, env: Mapping[str, str], log: LogFile) -> Part:
    # The programs beside this Python's are meant, whether or not their environment is activated.
    path = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    program, *arguments = shlex.split(command)
    if os.sep in program:
        program = str(deployment.directory / program)
    found = shutil.which(program, path=path)
    if found is None:
        raise StartError(
            f"migrate = {command!r}: there is no program {program!r}. A shell's words need one: "
            "migrate = \"sh -c '…'\""
        )
    return Part(
        name=NAME,
        argv=[found, *arguments],
        log=log,
        env={**env, "PATH": path, "TWOFOLD_VERSION": deployment.version},
        cwd=deployment.directory,
    )


def _failure(deployment: Deployment, problem: str, part: Part) -> str:
    lines = part.last_log_lines(20) or "  (nothing)"
    return f"`{deployment.migrate}` {problem}. It printed last:\n{lines}"


def _end(part: Part) -> None:
    """End the command with all that it has started, if it runs."""
    process = part.process
    if process is None or process.poll() is not None:
        return
    family = [process.pid, *_descendants(process.pid)]
    _send(family, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT
    while any(map(procfs.runs, family)) and time.monotonic() < deadline:
        process.poll()
        time.sleep(0.02)
    _send(family, signal.SIGKILL)
    process.wait()


def _descendants(pid: int) -> list[int]:
    found = procfs.children(pid)
    return [*found, *(further for child in found for further in _descendants(child))]


def _send(pids: list[int], sig: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sig)
