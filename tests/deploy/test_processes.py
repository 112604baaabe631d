import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy import launch, processes, procfs
from deploy.errors import StartError

Eventually = Callable[..., None]
Spawn = Callable[..., processes.Process]

SLEEP = [sys.executable, "-c", "import time; print('on', flush=True); time.sleep(60)"]
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
PARENT = """\
import sys, time
from deploy import processes
child = processes.spawn([sys.executable, "-c", "import time; time.sleep(60)"], stdout=2, stderr=2)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def spawn(log: Path) -> Callable[..., processes.Process]:
    """Starts a program that writes to the log."""

    def start(argv: list[str]) -> processes.Process:
        with log.open("wb") as output:
            return processes.spawn(argv, stdout=output.fileno(), stderr=output.fileno())

    return start


def test_output_goes_where_it_is_told(spawn: Spawn, log: Path, eventually: Eventually) -> None:
    child = spawn(SLEEP)
    eventually(lambda: log.read_text() == "on\n")
    processes.stop([child], (signal.SIGTERM, 10))
    assert child.returncode == -signal.SIGTERM


def test_a_child_dies_with_a_killed_parent(tmp_path: Path, eventually: Eventually) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert procfs.runs(child)
    parent.kill()
    parent.communicate()
    eventually(lambda: not procfs.runs(child))


def test_a_program_whose_parent_is_gone_does_not_start() -> None:
    with pytest.raises(SystemExit, match="parent 1 is gone"):
        launch.die_with_parent(1, signal.SIGCONT)


def test_who_ignores_a_signal_gets_the_next(
    spawn: Spawn, log: Path, eventually: Eventually
) -> None:
    code = STUBBORN + "print('on', flush=True); time.sleep(60)"
    child = spawn([sys.executable, "-c", code])
    eventually(lambda: log.read_text() == "on\n")
    processes.stop([child], (signal.SIGTERM, 0.1), (signal.SIGINT, 20))
    assert child.returncode == -signal.SIGINT or "KeyboardInterrupt" in log.read_text()


def test_hurry_cuts_the_waiting_short(spawn: Spawn, log: Path, eventually: Eventually) -> None:
    code = STUBBORN + "print('on', flush=True); time.sleep(60)"
    child = spawn([sys.executable, "-c", code])
    eventually(lambda: log.read_text() == "on\n")
    started = time.monotonic()
    processes.stop([child], (signal.SIGTERM, 100), hurry=lambda: True)
    assert child.returncode == -signal.SIGKILL
    assert time.monotonic() - started < 30


def test_a_module_of_the_users_does_not_shadow_this_package(tmp_path: Path) -> None:
    (tmp_path / "deploy.py").write_text("raise SystemExit('shadowed')")
    found = processes.run(
        processes.python_module("deploy.gunicorn.preflight", "os:getenv", "sync", str(tmp_path)),
        env=dict(os.environ),
        cwd=tmp_path,
        timeout=60,
    )
    assert json.loads(found.stdout)["problem"] is None


def test_a_program_that_cannot_be_started_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"true could not be started: .*No such file"):
        processes.spawn(["true"], stdout=2, stderr=2, cwd=tmp_path / "no such folder")


def test_waiting_for_an_end_can_be_given_up(spawn: Spawn) -> None:
    process = spawn(["/bin/sleep", "60"])

    def give_up(seconds: float) -> None:
        raise InterruptedError

    try:
        with pytest.raises(InterruptedError):
            processes.stop([process], (signal.SIGWINCH, 60.0), pause=give_up)
        assert process.poll() is None
    finally:
        processes.stop([process])
