"""`twofold verify` from outside: exit codes, messages, files, and what is left behind."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import click
import pytest
from click.testing import CliRunner, Result

from deploy.procfs import children
from deploy.rundir import RunDirectory
from loadtests import cli, command
from loadtests.cli import verify
from loadtests.host import HostTimes
from loadtests.options import absolute_if_file
from loadtests.report import read_result

APP = """
import os, time


def app(environ, start_response):
    status = "200 OK"
    if environ["PATH_INFO"] != "/readyz":
        time.sleep(float(os.environ.get("DELAY", "0.1")))
        status = os.environ.get("STATUS", "200 OK")
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a tiny app that waits, under a name that no other test uses."""
    (tmp_path / "tiny.py").write_text(APP)
    (tmp_path / "twofold.toml").write_text(
        textwrap.dedent(f"""
        app = "tiny:app"
        name = "t{uuid4().hex[:12]}"
        workers = 1
        """)
    )
    return tmp_path


@pytest.fixture
def call(project: Path) -> Callable[..., Result]:
    def invoke(*arguments: str) -> Result:
        report = "" if "--html" in arguments else f"--html={project / 'report.html'}"
        return CliRunner().invoke(verify, ["-C", str(project), *filter(None, [report]), *arguments])

    return invoke


@pytest.fixture
def busy_machine_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let points count that were measured while other tests keep the machine busy."""
    monkeypatch.setattr(HostTimes, "read", lambda: None)


@pytest.mark.integration
@pytest.mark.usefixtures("busy_machine_allowed")
def test_an_app_that_waits_scales_near_linearly(call: Callable[..., Result], project: Path) -> None:
    figures = project / "reports" / "figures.json"
    junit = project / "reports" / "junit.xml"
    result = call(
        *("--nodes", "1,2", "--rounds", "3", "--duration", "3s", "--warm-up", "1s"),
        *("--threads", "8", "--min-efficiency", "0.5", "--seed", "1"),
        *("--json", str(figures), "--junit", str(junit)),
    )
    assert result.exit_code == 0, result.output
    assert re.search(r"\[2/6\] [12] nodes?, round 1 of 3", result.stderr)
    assert "Measured in 3 rounds, as asked." in result.stdout
    assert "Bottleneck: " in result.stdout
    assert str(figures) in result.stdout
    assert "<testsuites>" in junit.read_text(encoding="utf-8")
    assert "<html" in (project / "report.html").read_text(encoding="utf-8")
    written = json.loads(figures.read_text(encoding="utf-8"))
    assert {m["size"]: m["users"] for m in written["measurements"]} == {1: 12, 2: 24}
    assert written["conditions"]["resource under test"] == "waiting-bound"
    assert "--nodes 1,2" in written["command"]


@pytest.mark.integration
@pytest.mark.usefixtures("busy_machine_allowed")
def test_workers_are_compared_on_one_node_and_a_limit_not_kept_is_exit_1(
    call: Callable[..., Result], project: Path
) -> None:
    figures = project / "figures.json"
    result = call(
        *("--workers", "1,2", "--rounds", "1", "--duration", "1s", "--warm-up", "0"),
        *("--max-p99", "1ms", "--json", str(figures)),
    )
    assert result.exit_code == 1, result.output
    written = json.loads(figures.read_text(encoding="utf-8"))
    assert {m["size"]: sorted(m["slot_requests"]) for m in written["measurements"]} == {
        1: ["node1-1"],
        2: ["node1-1", "node1-2"],
    }


@pytest.mark.integration
@pytest.mark.usefixtures("busy_machine_allowed")
def test_latency_is_measured_at_a_share_of_the_throughput(
    call: Callable[..., Result], project: Path
) -> None:
    figures = project / "figures.json"
    result = call(
        *("--nodes", "1,2", "--rounds", "1", "--duration", "2s", "--warm-up", "0"),
        *("--latency-at", "0.5", "--min-efficiency", "0.1", "--json", str(figures)),
    )
    assert "latency at 50 % of the throughput" in result.stderr
    written = json.loads(figures.read_text(encoding="utf-8"))
    assert [(m["size"], m["repeat"]) for m in written["paced"]] == [(1, 0), (2, 0)]
    assert all(m["scheduled"] for m in written["paced"])
    assert not any(m["scheduled"] for m in written["measurements"])


@pytest.mark.integration
@pytest.mark.usefixtures("busy_machine_allowed")
def test_a_report_that_cannot_be_written_costs_neither_the_figures_nor_the_exit_code(
    call: Callable[..., Result], project: Path
) -> None:
    """A traceback would end with 1, which says that a limit is surely missed."""
    figures = project / "figures.json"
    result = call(
        *("--nodes", "1,2", "--rounds", "1", "--duration", "1s", "--warm-up", "0"),
        *("--html", "/dev/full", "--json", str(figures)),
    )
    assert result.exit_code == 2, result.output
    assert "Error: /dev/full cannot be written: No space left on device" in result.stderr
    assert "Traceback" not in result.output
    saved = read_result(figures)
    assert saved.verdict.sentence in result.stdout
    assert (saved.verdict.kind, saved.verdict.exit_code) == ("undecided", 3)


@pytest.mark.integration
@pytest.mark.usefixtures("busy_machine_allowed")
def test_users_who_pause_make_no_app_scale(call: Callable[..., Result], project: Path) -> None:
    """Whatever is behind it, twice the users of twice the nodes ask for twice as much."""
    suite = Path("loadtests/suites/front.py").read_text()
    (project / "pausing.py").write_text(suite.replace('"THINK_TIME", "0"', '"THINK_TIME", "1"'))
    result = call(
        *("--nodes", "1,2", "--rounds", "2", "--duration", "3s", "--warm-up", "0"),
        *("--suite", str(project / "pausing.py")),
    )
    assert result.exit_code == 2, result.output
    assert "No verdict: no valid measurement at 1 node, because the users left" in result.stdout
    assert "Bottleneck: too little load." in result.stdout


@pytest.mark.integration
@pytest.mark.usefixtures("busy_machine_allowed")
def test_an_interrupted_run_keeps_its_points_without_a_verdict(project: Path) -> None:
    figures = project / "part.json"
    process = start(project, "--duration", "1s", "--warm-up", "0", "--json", str(figures))
    messages = wait_for_line(process, "req/s")
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130, messages + rest
    assert f" is in {figures}; twofold report {figures} shows it." in rest
    assert "Interrupted. What was started is stopped." in rest
    saved = read_result(figures)
    assert saved.measurements
    assert saved.ending.reason == "interrupted"
    assert saved.verdict.kind == "void"
    assert not (project / "reports" / "verify.html").exists()


def wait_for_line(process: subprocess.Popen[str], words: str) -> str:
    """What the process says up to and including the first line with these words."""
    assert process.stderr
    said = ""
    for line in process.stderr:
        said += line
        if words in line:
            return said
    raise AssertionError(said)


@pytest.mark.integration
def test_an_app_that_only_fails_stops_early(call: Callable[..., Result], project: Path) -> None:
    down = "STATUS=503 Down"
    result = call("--nodes", "1,2", "--rounds", "1", "--duration", "10m", "--env", down)
    assert result.exit_code == 2
    assert "'GET /: HTTP 503'" in result.stderr
    assert "Check that the app answers" in result.stderr
    assert not (project / "report.html").exists()


@pytest.mark.integration
@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_after_an_end_by_signal(sig: signal.Signals, project: Path) -> None:
    process = start(project)
    try:
        started = wait_for_locust(process.pid)
        process.send_signal(sig)
        _, messages = process.communicate(timeout=60)
    finally:
        process.kill()
    if sig == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 130
        assert "Interrupted" in messages
    wait_until_gone(started)
    assert not (project / "reports" / "verify.html").exists()
    wait_until(lambda: not RunDirectory(deployment_name(project)).path.exists())


def start(project: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from loadtests.cli import verify; verify()"]
    return subprocess.Popen(
        [*command, "--nodes", "1,2", *options],
        cwd=project,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def deployment_name(project: Path) -> str:
    line = (project / "twofold.toml").read_text().splitlines()[2]
    return line.split('"')[1] + "-verify"


def wait_for_locust(pid: int) -> list[int]:
    """All descendants of the process, once Locust is one of them."""
    found: list[int] = []

    def locust_runs() -> bool:
        found[:] = descendants(pid)
        return any("loadtests.suites" in command_line(child) for child in found)

    wait_until(locust_runs)
    assert len(found) > 3
    return found


def descendants(pid: int) -> list[int]:
    found = children(pid)
    return found + [each for child in found for each in descendants(child)]


def command_line(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


def wait_until_gone(pids: list[int]) -> None:
    wait_until(lambda: not any(command_line(pid) for pid in pids))


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nodes", "0,1"], "--nodes is '0,1'"),
        (["--workers", "1,1"], "name each size once"),
        (["--nodes", "1,2", "--workers", "1,2"], "--workers-per-node"),
        (["--suite", "nothing"], "There is no suite 'nothing'"),
        (["--duration", "soon"], "--duration is 'soon'"),
        (["--rounds", "2", "--precision", "0.1"], "--rounds and --precision"),
        (["--max-time", "10s"], "--max-time leaves 0:10 minutes"),
        (["--junit", "/proc/version/x.xml"], "/proc/version"),
        (["--env", "LONELY"], "--env 'LONELY': must be KEY=VALUE"),
        (["--env", "WEB_CONCURRENCY=abc"], "env: WEB_CONCURRENCY = 'abc': must be a whole"),
        (["--workers-per-node", "0"], "workers"),
        (["--profile", "fibres"], "profile"),
        (["no app at all"], "app"),
        (["--html", "/proc/nothing/here.html"], "/proc/nothing"),
        (["--html", "/"], "cannot be written"),
        (["--json", "/proc/figures.json"], "/proc/figures.json cannot be written"),
        (["--json", "figures", "--junit", "figures"], "figures is named twice"),
        (["--nodes", "4,2,2"], "name each size once"),
        (["--nodes", "1,201"], "addresses for 200"),
        (["--load-generators", "9999"], "9,999 processes"),
        (["--users-per-slot", "1"], "slots stay idle"),
        (["--json", "/proc/version/x.json"], "/proc/version"),
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


def test_an_unknown_key_in_the_table_is_refused(call: Callable[..., Result], project: Path) -> None:
    with (project / "twofold.toml").open("a") as file:
        file.write("[loadtests]\nroundz = 3\n")
    result = call()
    assert result.exit_code == 2
    assert "loadtests.roundz. Did you mean 'rounds'?" in result.stderr


def test_a_missing_extra_says_what_to_install(
    call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "EXTRA", ("click", "no_such_package_here"))
    result = call("--nodes", "1,2")
    assert result.exit_code == 2
    assert "no_such_package_here" in result.stderr
    assert "pip install 'twofold[loadtests]'" in result.stderr


def test_a_locustfile_on_the_command_line_is_relative_to_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("")
    monkeypatch.chdir(tmp_path)
    assert absolute_if_file("mine.py") == str(tmp_path / "mine.py")
    assert absolute_if_file("journey") == "journey"
    assert absolute_if_file(None) is None


def test_the_command_is_told_as_it_was_given_without_secrets() -> None:
    given = ["my shop:app", "-C", "a b", "--nodes", "1,2", "--env", "A=secret", "--env", "B=2"]
    context = verify.make_context("verify", list(given))
    assert cli.command_line(context) == (
        "twofold verify 'my shop:app' --directory 'a b' --nodes 1,2 --env 'A=…' --env 'B=…'"
    )


def test_verify_is_a_command_of_twofold() -> None:
    from deploy.cli import main

    with click.Context(main) as context:
        assert main.get_command(context, "verify") is verify
