"""A worker stops only when its successor has booted: at HUP, at max_requests, in every profile."""

from __future__ import annotations

import os
import signal
import socket
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from deploy import procfs, rundir
from deploy.profiles import PROFILES
from tests.deploy.visitors import RECORDING_APP, Visitors, held_while_there

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.targets.local import LocalTarget

    Start = Callable[..., LocalTarget]
    Eventually = Callable[..., None]

# Some seconds, and on a machine that has much else to do some minutes.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

# Several, one after the other.
SOME_BOOTS = 90.0

CAUSES = ("HUP", "max_requests")


def master_of(target: LocalTarget) -> int:
    pid = target.status().nodes[0].pid
    assert pid is not None
    return pid


def workers_of(target: LocalTarget) -> set[int]:
    return set(procfs.children(master_of(target)))


def reload(target: LocalTarget) -> None:
    os.kill(master_of(target), signal.SIGHUP)


def log_of(target: LocalTarget) -> str:
    return rundir.RunDirectory(target.name).log("node1").read_text()


def told(target: LocalTarget, words: str) -> int:
    """How often the node's log says so."""
    return log_of(target).count(words)


def slot_that_answers(target: LocalTarget) -> str:
    with urllib.request.urlopen(target.url, timeout=30) as response:
        return response.read().decode().split()[-1]


@pytest.mark.parametrize("fast", [True, False], ids=["ours", "gunicorn's"])
@pytest.mark.parametrize("profile", PROFILES)
def test_nobody_notices_workers_that_are_replaced(
    start: Start,
    project: Path,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    profile: str,
    fast: bool,
) -> None:
    (project / "site_app.py").write_text(RECORDING_APP)
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--max-requests 30 --max-requests-jitter 10")
    target = start(nodes=1, workers=2, profile=profile, fast_workers=fast)
    visitors = Visitors(target.url, project / "executed")
    with visitors.running():
        for _ in range(2):
            boots = told(target, "serves slot")
            reload(target)
            eventually(lambda n=boots: told(target, "serves slot") >= n + 2, SOME_BOOTS)
        asked = told(target, "Asking for a successor")
        eventually(lambda: told(target, "Asking for a successor") >= asked + 2, SOME_BOOTS)
        boots = told(target, "serves slot")
        eventually(lambda: told(target, "serves slot") >= boots + 2, SOME_BOOTS)
    assert visitors.failed == []
    assert visitors.executed_twice() == []
    assert "Traceback" not in log_of(target)
    # Each of two workers has a slot, also the last ones to come.
    eventually(lambda: {slot_that_answers(target) for _ in range(4)} == {"1", "2"})


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("profile", PROFILES)
def test_the_old_worker_serves_for_as_long_as_the_new_one_boots(
    start: Start,
    project: Path,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    profile: str,
    cause: str,
) -> None:
    hold = project / "hold"
    (project / "site_app.py").write_text(held_while_there(hold) + RECORDING_APP)
    if cause == "max_requests":
        monkeypatch.setenv("GUNICORN_CMD_ARGS", "--max-requests 10")
    target = start(nodes=1, workers=1, profile=profile)
    [old] = workers_of(target)
    hold.touch()
    visitors = Visitors(target.url, project / "executed")
    with visitors.running():
        if cause == "HUP":
            reload(target)
        eventually(lambda: len(workers_of(target)) == 2, SOME_BOOTS)
        answered = visitors.answered.total()
        eventually(lambda: visitors.answered.total() > answered + 100)
        assert old in workers_of(target)
        hold.unlink()
        eventually(lambda: old not in workers_of(target), SOME_BOOTS)
    assert visitors.failed == []
    assert visitors.executed_twice() == []


@pytest.mark.parametrize(
    ("profile", "line"),
    [
        ("threads", "raise RuntimeError('no key is set')"),
        ("processes", "raise SystemExit(1)"),
        ("greenlets", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
    ],
)
def test_a_successor_that_cannot_boot_leaves_the_old_worker_serving(
    start: Start, project: Path, eventually: Eventually, profile: str, line: str
) -> None:
    app = project / "site_app.py"
    app.write_text(RECORDING_APP)
    target = start(nodes=1, workers=2, profile=profile)
    old = workers_of(target)
    visitors = Visitors(target.url, project / "executed")
    with visitors.running():
        app.write_text(line)
        reload(target)
        eventually(lambda: told(target, "serve on. Next try in 2 s") == 1, SOME_BOOTS)
        assert old <= workers_of(target)
        app.write_text(RECORDING_APP)
        # By itself, with the next try.
        eventually(lambda: not old & workers_of(target), SOME_BOOTS)
    assert visitors.failed == []
    assert [node.restarts for node in target.status().nodes] == [0]


def test_an_app_that_was_preloaded_has_successors_too(
    start: Start, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--preload --max-requests 20")
    target = start(nodes=1, workers=2)
    visitors = Visitors(target.url)
    old = workers_of(target)
    with visitors.running():
        reload(target)
        eventually(lambda: not old & workers_of(target), SOME_BOOTS)
        reloaded = workers_of(target)
        eventually(lambda: not reloaded & workers_of(target), SOME_BOOTS)
    assert visitors.failed == []


def test_a_boot_that_hangs_is_given_up_at_the_next_reload(
    start: Start, project: Path, eventually: Eventually
) -> None:
    app = project / "site_app.py"
    app.write_text(RECORDING_APP)
    target = start(nodes=1, workers=1)
    [old] = workers_of(target)
    app.write_text("import time\ntime.sleep(600)\n")
    reload(target)
    eventually(lambda: len(workers_of(target)) == 2)
    [hanging] = workers_of(target) - {old}
    app.write_text(RECORDING_APP)
    reload(target)
    eventually(lambda: not {old, hanging} & workers_of(target), SOME_BOOTS)
    assert len(workers_of(target)) == 1
    assert "died while booting" not in log_of(target)


def test_a_worker_that_dies_while_another_slot_has_broken_code_does_not_end_the_node(
    start: Start, project: Path, eventually: Eventually
) -> None:
    app = project / "site_app.py"
    app.write_text(RECORDING_APP)
    target = start(nodes=1, workers=2)
    survivor, victim = sorted(workers_of(target))
    app.write_text("raise RuntimeError('broken')")
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: "for slot 2 died while booting" in log_of(target), SOME_BOOTS)
    app.write_text(RECORDING_APP)
    eventually(lambda: len(workers_of(target)) == 2, SOME_BOOTS)
    assert survivor in workers_of(target)
    assert [node.restarts for node in target.status().nodes] == [0]


@pytest.mark.parametrize("profile", ["threads", "greenlets"])
def test_a_replaced_worker_answers_on_connections_that_are_kept(
    start: Start, project: Path, eventually: Eventually, profile: str
) -> None:
    target = start(nodes=1, workers=1, profile=profile)
    [old] = workers_of(target)
    [slot] = target.status().slots
    host, _, port = slot.address.rpartition(":")
    # Past the balancer, which would close a connection that it does not use.
    with socket.create_connection((host, int(port)), timeout=60) as kept:
        assert b"keep-alive" in ask(kept)
        reload(target)
        eventually(lambda: len(workers_of(target)) == 2, SOME_BOOTS)
        eventually(lambda: "serves slot 1\n" in log_of(target).partition("Hang up")[2])
        # Past the two seconds of a worker that stops with its node.
        time.sleep(4)
        said = ask(kept)
    assert f" {old} ".encode() in said
    assert b"Connection: close" in said
    eventually(lambda: old not in workers_of(target))


def ask(client: socket.socket) -> bytes:
    client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    return client.recv(65536)
