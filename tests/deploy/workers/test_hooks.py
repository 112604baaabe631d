"""gunicorn's server hooks: the same ones are called, as often, with our worker classes."""

from __future__ import annotations

import os
import signal
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import pytest

from deploy import procfs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Server

    Start = Callable[..., Server]
    Eventually = Callable[..., None]

pytest.importorskip("gunicorn_h1c")
pytestmark = pytest.mark.integration

CLASSES = ["sync", "gthread", "gevent"]

# With as many arguments as gunicorn asks of each. `pre_request` and `ssl_context` leave every
# request to gunicorn's own code, and have tests of their own.
HOOKS = {
    "on_starting": "server",
    "when_ready": "server",
    "on_reload": "server",
    "on_exit": "server",
    "nworkers_changed": "server, new, old",
    "pre_fork": "server, worker",
    "post_fork": "server, worker",
    "post_worker_init": "worker",
    "worker_int": "worker",
    "worker_abort": "worker",
    "worker_exit": "server, worker",
    "child_exit": "server, worker",
}


def write_hooks(file: Path, told: Path) -> None:
    lines = [
        "import os",
        f"told = os.open({str(told)!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)",
        *(f"def {hook}({args}): os.write(told, b'{hook}\\n')" for hook, args in HOOKS.items()),
    ]
    file.write_text("\n".join(lines))


def hooks_called(server: Server, told: Path, eventually: Eventually) -> Counter[str]:
    """By a reload, a worker that is aborted, one that is interrupted, and the end."""

    def booted() -> int:
        return told.read_text().count("post_worker_init")

    def one_worker_after(boots: int) -> bool:
        return booted() == boots and len(procfs.children(server.process.pid)) == 1

    os.kill(server.process.pid, signal.SIGHUP)
    eventually(lambda: one_worker_after(2))
    for boots, sig in ((3, signal.SIGABRT), (4, signal.SIGINT)):
        os.kill(procfs.children(server.process.pid)[0], sig)
        eventually(partial(one_worker_after, boots))
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0
    return Counter(told.read_text().split())


@pytest.mark.parametrize("own", CLASSES)
def test_every_hook_is_called_as_often_as_with_gunicorns_own_class(
    start: Start, ours: dict[str, str], tmp_path: Path, eventually: Eventually, own: str
) -> None:
    called = []
    for worker_class in (own, ours[own]):
        told = tmp_path / f"told-{worker_class}"
        write_hooks(tmp_path / "hooks.py", told)
        server = start(worker_class, "--config", "hooks.py", "--keep-alive", "1")
        called.append(hooks_called(server, told, eventually))
    assert called[0] == called[1]
    assert set(called[0]) == set(HOOKS)
