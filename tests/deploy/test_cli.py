import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from deploy import cli, procfs, rundir
from deploy.cli import main
from deploy.status import DeploymentStatus
from tests.deploy.terminals import lines_until

Eventually = Callable[..., None]


def run(*arguments: str, **options: Any) -> click.testing.Result:
    return CliRunner().invoke(main, arguments, **options)


def test_help_names_every_command() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for command in cli.OWN_COMMANDS:
        assert f"  {command} " in result.output


@pytest.mark.parametrize("command", cli.OWN_COMMANDS)
def test_every_option_has_a_help_text(command: str) -> None:
    found = main.get_command(click.Context(main), command)
    assert found is not None
    assert found.help
    for parameter in found.params:
        assert isinstance(parameter, click.Argument) or parameter.help


def test_an_import_of_the_command_stays_light() -> None:
    code = "import sys, deploy.cli; deploy.cli.main(['--help'], standalone_mode=False); "
    code += "print(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stderr.split()
    heavy = {"redis", "gevent", "gunicorn", "rich", "numpy", "scipy", "locust", "matplotlib"}
    assert heavy & set(loaded) == set()


def test_an_unknown_command_is_wrong_usage() -> None:
    result = run("upp")
    assert result.exit_code == 2
    assert "upp" in result.output


@pytest.fixture
def broken_command(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("verify", "loadtests.no_such_module:verify", cli.ENTRY_POINT_GROUP)
    monkeypatch.setattr(cli, "entry_points", lambda group: [point])


@pytest.mark.usefixtures("broken_command")
def test_a_command_with_a_missing_extra_says_how_to_get_it() -> None:
    result = run("verify", "shop:app", "--nodes", "1,2", "--help")
    assert result.exit_code == 2
    assert "verify needs: pip install 'twofold[loadtests]'" in result.output
    assert "pip install 'twofold[loadtests]'" in " ".join(run("--help").output.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["up"], "no app: name its import string"),
        (["up", "shop"], "'shop:app'"),
        (["up", "shop:app", "--nodes", "0"], "nodes = 0: must be at least 1"),
        (["up", "shop:app", "--workers", "0"], "workers = 0: must be at least 1"),
        (["up", "shop:app", "--nodes", "two"], "'two' is not a valid integer"),
        (["up", "shop:app", "--profile", "thread"], "choose one of threads"),
        (["up", "shop:app", "--bind", "8000"], "HOST:PORT"),
        (["up", "shop:app", "--env", "KEY"], "must be KEY=VALUE"),
        (["up", "shop:app", "--env", "=x"], "must be KEY=VALUE"),
        (["up", "shop:app", "-C", "/no/such/folder"], "/no/such/folder is not a folder"),
        (["up", "shop:app", "--name", "a/b"], "name = 'a/b'"),
        (["serve", "shop:app", "--bind", "h:0"], "--bind h:0"),
        (["serve", "shop:app", "--bind", "h"], "HOST:PORT"),
        (["status"], "no deployment is running"),
        (["scale", "2"], "no deployment is running"),
        (["scale"], "Missing argument"),
        (["roll"], "no deployment is running"),
        (["roll", "--version", "a b"], "'a b' must be up to 40 letters"),
        (["roll", "--env", "KEY"], "no deployment is running"),
        (["rollback"], "no deployment is running"),
        (["logs"], "no deployment is running"),
        (["up", "shop:app", "--version", "a/b"], "'a/b' must be up to 40 letters"),
        (["down", "--name", "shop"], "no deployment is running"),
    ],
)
def test_wrong_usage_is_one_message_and_exit_code_2(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert (result.exit_code, words in result.output) == (2, True), result.output
    assert "Traceback" not in result.output


def twofold(*arguments: str) -> subprocess.Popen[str]:
    code = "import sys; from deploy.cli import main; main(prog_name='twofold')"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


@pytest.fixture
def foreground(project: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `twofold up` or `serve` as a user would, and ends it with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(command: str, *arguments: str) -> subprocess.Popen[str]:
        started.append(twofold(command, "site_app:app", "-C", str(project), *arguments))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.integration
@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_up_in_the_foreground_ends_in_order_with_a_signal(
    foreground: Callable[..., subprocess.Popen[str]], sig: signal.Signals
) -> None:
    process = foreground("up", "--bind", "127.0.0.1:0", "--nodes", "1", "--workers", "1")
    lines_until(process, "ready at http://127.0.0.1:")
    process.send_signal(sig)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, "stopping the store" in output) == (0, True), output
    assert not rundir.root().exists()


@pytest.mark.integration
def test_up_can_be_interrupted_while_it_starts(
    foreground: Callable[..., subprocess.Popen[str]],
) -> None:
    process = foreground("up", "--bind", "127.0.0.1:0", "--nodes", "1")
    lines_until(process, "starting")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in output) == (1, False), output
    assert not rundir.root().exists()


@pytest.mark.integration
def test_up_ends_when_another_terminal_says_down(
    foreground: Callable[..., subprocess.Popen[str]],
) -> None:
    process = foreground("up", "--bind", "127.0.0.1:0", "--nodes", "1", "--workers", "1")
    lines_until(process, "ready at")
    assert run("down").exit_code == 0
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, "has stopped" in output) == (0, True), output


@pytest.mark.integration
def test_up_says_so_when_the_supervisor_was_killed(
    foreground: Callable[..., subprocess.Popen[str]],
) -> None:
    process = foreground("up", "--bind", "127.0.0.1:0", "--nodes", "1", "--workers", "1")
    lines_until(process, "ready at")
    [guard] = procfs.children(process.pid)
    [supervisor] = procfs.children(guard)
    os.kill(supervisor, signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, "was killed" in output) == (2, True), output
    assert not rundir.root().exists()


@pytest.mark.integration
def test_a_detached_deployment_lives_on_and_obeys(project: Path) -> None:
    started = time.monotonic()
    up = twofold(
        "up", "site_app:app", "-C", str(project), "--detach", "--bind", "127.0.0.1:0",
        "--nodes", "1", "--workers", "1", "--env", "KEY=value",
    )  # fmt: skip
    # It must not keep the pipe open, or whoever reads its output would wait for ever.
    output, _ = up.communicate(timeout=60)
    assert up.returncode == 0, output
    assert time.monotonic() - started < 60
    try:
        status = DeploymentStatus.from_json(json.loads(run("status", "--json").output))
        assert status.url in output
        assert status.directory == str(project)
        assert "2 nodes" in run("scale", "2").output
        shown = run("status").output
        assert "node2-1" in shown
        assert "in rotation" in shown
        assert run("scale", "0").exit_code == 2
        pid = status.nodes[0].pid
        assert "KEY=value" in Path(f"/proc/{pid}/environ").read_text().split("\0")
        assert "1 node of version 1" in run("scale", "1").output
        rolled = run("roll", "--version", "next", "--env", "KEY=other")
        assert (rolled.exit_code, "1 node of version next" in rolled.output) == (0, True)
        assert "node2 is in rotation" in rolled.output
        pid = json.loads(run("status", "--json").output)["nodes"][0]["pid"]
        assert "KEY=other" in Path(f"/proc/{pid}/environ").read_text().split("\0")
        logged = run("logs", "--node", "node2", "--lines", "50").output
        assert "node2      | " in logged
        assert "Booting worker" in logged
        back = json.loads(run("rollback", "--json").stdout)
        assert (back["version"], back["nodes"][0]["version"]) == ("1", "1")
        assert run("rollback").exit_code == 2
        (project / "site_app.py").write_text("raise RuntimeError('a bad version')")
        failed = run("roll")
        assert (failed.exit_code, "a bad version" in failed.output) == (1, True), failed.output
    finally:
        down = run("down")
    assert (down.exit_code, "site_app is stopped" in down.output) == (0, True), down.output
    assert not rundir.root().exists()
