"""One change of a deployment at a time, whoever makes it and from wherever.

The lock is a running container of a name that only one can have. It ends when its input does, so
the engine itself takes it away when whoever holds it is killed or cut off.
"""

import contextlib
import getpass
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from ..errors import DeployError, EngineError
from .engine import Engine

HOLDER = "twofold.holder"
COMMAND = "twofold.command"
LABEL = "twofold.lock"

START_TIMEOUT = 60.0
SECOND_LOOK = 2.0


def lock_name(deployment: str) -> str:
    return f"{deployment}-twofold-lock"


@contextmanager
def locked(engine: Engine, deployment: str, command: str, image: str) -> Iterator[None]:
    """Hold the lock for the block; `image` is one that the engine has, with a `cat` in it.

    :raises DeployError: someone else changes the deployment at this moment.
    """
    name = lock_name(deployment)
    labels = {LABEL: deployment, COMMAND: command, HOLDER: f"{getpass.getuser()}@{_host()}"}
    options = [word for item in labels.items() for word in ("--label", "=".join(item))]
    for look in ("first", "last"):
        process = engine.held(
            *("run", "--rm", "--interactive", "--no-healthcheck", "--pull", "never"),
            *("--network", "none", "--name", name, *options, "--entrypoint", "sh", image),
            *("-c", "echo held; exec cat >/dev/null"),
        )
        assert process.stdin  # noqa: S101  # asked for
        assert process.stdout  # noqa: S101
        assert process.stderr  # noqa: S101
        with process:
            try:
                if process.stdout.readline().strip() == b"held":
                    yield
                    return
                said = process.stderr.read().decode("utf-8", "replace")
            finally:
                with contextlib.suppress(OSError):
                    process.stdin.close()
                process.wait()
        if "already in use" not in said:
            raise EngineError(f"the lock {name} cannot be made:\n  {said.strip()}")
        if look == "first":
            # It may be that of someone who has just been killed, which the engine takes away.
            time.sleep(SECOND_LOOK)
    raise DeployError(_refusal(engine, deployment, command))


def holder(engine: Engine, deployment: str) -> str | None:
    """The command under way, or None."""
    shown = engine.ask("inspect", "--format", _label(COMMAND), lock_name(deployment))
    return shown.stdout.strip() or None if shown.returncode == 0 else None


def _refusal(engine: Engine, deployment: str, command: str) -> str:
    template = "\t".join((_label(COMMAND), _label(HOLDER), "{{.Created}}"))
    shown = engine.ask("inspect", "--format", template, lock_name(deployment))
    other, who, since = (*shown.stdout.strip().split("\t"), "", "", "")[:3]
    ago = f", since {_seconds(since):.0f} s" if since else ""
    return (
        f"`twofold {other or 'another change'}` of {deployment} is under way"
        f"{f' by {who}' if who else ''}{ago}; wait until it is done, and then say `twofold "
        f"{command}` again. `twofold status` shows how far it is. (If nobody is at it: "
        f"`docker rm --force {lock_name(deployment)}`)"
    )


def _label(name: str) -> str:
    return f'{{{{index .Config.Labels "{name}"}}}}'


def _seconds(created: str) -> float:
    try:
        began = datetime.strptime(created[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return 0.0
    return max(0.0, time.time() - began.timestamp())


def _host() -> str:
    return os.environ.get("HOSTNAME") or socket.gethostname()
