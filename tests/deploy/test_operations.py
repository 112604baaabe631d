"""Commands on what is running, in terminals of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from deploy import procfs
from deploy.live import follow, follow_json
from deploy.status import DeploymentStatus
from tests.deploy.terminals import lines_until
from tests.deploy.visitors import held_while_there

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.targets.local import LocalTarget

    Start = Callable[..., LocalTarget]
    Eventually = Callable[..., None]
    Twofold = Callable[..., subprocess.Popen[str]]

pytestmark = pytest.mark.integration


@pytest.fixture
def twofold() -> Iterator[Twofold]:
    """Starts commands, and ends them with the test."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        code = "from deploy.cli import main; main(prog_name='twofold')"
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", code, *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        )
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_the_status_is_watched_until_the_deployment_ends(start: Start, twofold: Twofold) -> None:
    target = start(nodes=1, workers=1)
    people, programs = twofold("status", "--watch"), twofold("status", "--watch", "--json")
    lines_until(people, "ready at http://127.0.0.1:")
    lines_until(people, "node1 is in rotation")
    assert programs.stdout is not None
    for _ in range(2):
        line = json.loads(next(programs.stdout))
        assert DeploymentStatus.from_json(line).nodes[0].version == "1"
    target.scale(2)
    lines_until(people, "node2 is in rotation")
    target.down()
    for process in (people, programs):
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert output.endswith(f"{target.name} has ended\n")


def test_a_supervisor_that_is_slow_to_answer_is_waited_for(
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    eventually: Eventually,
) -> None:
    monkeypatch.setattr("deploy.targets.local.STATUS_TIMEOUT", 0.3)
    target = start(nodes=1, workers=1)
    assert target._guard is not None
    [supervisor] = procfs.children(target._guard.process.pid)
    followers = [threading.Thread(target=f, args=(target,)) for f in (follow, follow_json)]
    for follower in followers:
        follower.start()
    said = ""

    def told(text: str, times: int) -> bool:
        nonlocal said
        captured = capsys.readouterr()
        said += captured.out + captured.err
        return said.count(text) >= times

    os.kill(supervisor, signal.SIGSTOP)
    eventually(lambda: told("does not answer", 2))
    os.kill(supervisor, signal.SIGCONT)
    said = ""
    eventually(lambda: told('"in rotation"', 1))
    assert all(follower.is_alive() for follower in followers)
    target.down()
    for follower in followers:
        follower.join(timeout=60)
    assert not any(follower.is_alive() for follower in followers)


@pytest.mark.parametrize("command", [("status", "--watch"), ("logs", "--follow")])
def test_ctrl_c_ends_watching(start: Start, twofold: Twofold, command: tuple[str, ...]) -> None:
    start(nodes=1, workers=1)
    process = twofold(*command)
    lines_until(process, "")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in output) == (0, False)


def test_logs_are_followed_over_a_roll(start: Start, twofold: Twofold) -> None:
    target = start(nodes=1, workers=1)
    process = twofold("logs", "--follow", "--lines", "1")
    lines_until(process, "supervisor | ")
    target.roll()
    lines_until(process, "node2      | ")
    target.down()
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_ctrl_c_ends_the_command_and_not_the_roll(
    start: Start, twofold: Twofold, project: Path, eventually: Eventually
) -> None:
    target = start(nodes=1, workers=1)
    app = (project / "site_app.py").read_text()
    hold = project / "hold"
    hold.touch()
    (project / "site_app.py").write_text(held_while_there(hold) + app)
    process = twofold("roll")
    eventually(lambda: target.status().under_way == "roll")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, "The roll goes on without you" in output) == (130, True), output
    hold.unlink()
    eventually(lambda: target.status().version == "2", seconds=60)
    assert [node.version for node in target.status().nodes] == ["2"]
