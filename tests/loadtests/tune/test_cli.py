"""`twofold tune` from outside: a real search in small, an interrupt, messages and exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import tomllib
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from click.testing import CliRunner

from deploy.procfs import children
from deploy.rundir import RunDirectory
from loadtests import point
from loadtests.tune import halving, tuning
from loadtests.tune.candidates import Candidate, Grid
from loadtests.tune.cli import tune

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

APP = """
import time


def app(environ, start_response):
    if environ["PATH_INFO"] != "/readyz":
        time.sleep(0.1)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a tiny app that waits, under a name that no other test uses."""
    (tmp_path / "tiny.py").write_text(APP)
    (tmp_path / "twofold.toml").write_text(
        f'app = "tiny:app"\nname = "t{uuid4().hex[:12]}"\n'
        "workers = 1   # one is enough\nthreads = 1\n"
    )
    return tmp_path


@pytest.fixture
def call(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(tune, ["-C", str(project), *arguments])

    return invoke


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_an_app_that_waits_gets_more_threads_and_its_file_is_written(
    call: Callable[..., Result], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two settings in two rounds: one request at once against many."""
    present, better = Candidate("threads", 1, 1), Candidate("threads", 1, 32)
    # Other tests may keep the machine busy, and two rounds must do.
    monkeypatch.setattr(point, "void_reasons", lambda *_: ())
    monkeypatch.setattr(tuning, "grid", lambda *_: Grid((present, better), (), ""))
    monkeypatch.setattr(halving, "MOST_ROUNDS", 2)
    monkeypatch.setenv("WEB_CONCURRENCY", "1")
    figures = project / "figures.json"
    before = (project / "twofold.toml").read_text()
    result = call(
        *("--max-time", "20m", "--duration", "2s", "--warm-up", "0"),
        *("--json", str(figures), "--write"),
    )
    assert result.exit_code == 0, result.output
    assert "1 worker with 32 threads is faster than every other finalist" in result.stdout
    assert "waiting-bound" in result.stderr
    assert "WEB_CONCURRENCY is set" in result.stderr
    assert "-threads = 1\n+threads = 32\n" in result.stdout
    after = (project / "twofold.toml").read_text()
    assert after == before.replace("threads = 1", "threads = 32") + 'profile = "threads"\n'
    written = json.loads(figures.read_text())
    assert written["kind"] == "win"
    assert {trial["round"] for trial in written["trials"]} == {1, 2}
    assert all(trial["memory"] for trial in written["trials"])


@pytest.mark.integration
def test_an_interrupt_shows_what_is_known_and_leaves_nothing(project: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "from loadtests.tune.cli import tune; tune()", "--write"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    before = (project / "twofold.toml").read_text()
    name = tomllib.loads(before)["name"]
    try:
        wait_until(lambda: (RunDirectory(f"{name}-tune").path).exists())
        process.send_signal(signal.SIGINT)
        shown, messages = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Interrupted: this is what was known by then" in messages
    assert "Nothing to recommend: nothing was measured yet." in shown
    assert (project / "twofold.toml").read_text() == before
    wait_until(lambda: not RunDirectory(f"{name}-tune").path.exists())
    assert children(process.pid) == []


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-time", "soon"], "--max-time is 'soon'"),
        (["--suite", "nothing"], "There is no suite 'nothing'"),
        (["--env", "LONELY"], "--env 'LONELY': must be KEY=VALUE"),
        (["--env", "WEB_CONCURRENCY=abc"], "env: WEB_CONCURRENCY = 'abc': must be a whole"),
        (["--json", "/proc/version/x.json"], "/proc/version"),
        (["--cpus-per-node", "0"], "cpus"),
        (["no app at all"], "app"),
        (["-C", "/no/such/folder"], "/no/such/folder"),
    ],
)
def test_wrong_usage_is_one_message_and_exit_2(
    arguments: list[str], message: str, call: Callable[..., Result]
) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.integration
def test_an_app_that_cannot_be_imported_is_one_message(
    call: Callable[..., Result], project: Path
) -> None:
    (project / "tiny.py").write_text("raise RuntimeError('no key is set')\n")
    result = call()
    assert result.exit_code == 2
    assert "RuntimeError: no key is set" in result.stderr


def test_a_file_that_is_no_toml_is_one_message(call: Callable[..., Result], project: Path) -> None:
    (project / "twofold.toml").write_text("app = \n")
    result = call()
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr
