"""What an app needs outside of its process: asked for where a node starts, and only there."""

from __future__ import annotations

import http.client
import os
import signal
from typing import TYPE_CHECKING

import pytest

from deploy import procfs, rundir
from deploy.errors import StartError
from deploy.targets.local import LocalTarget

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.deployment import Deployment

pytestmark = pytest.mark.integration

# Its services answer as long as there is no file `away`.
APP = """\
import os, pathlib

class App:
    def check_services(self):
        if pathlib.Path({folder!r}, "away").exists():
            raise RuntimeError("the store of this app does not answer")

    def __call__(self, environ, start_response):
        body = str(os.getpid()).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

app = App()
"""


@pytest.fixture
def away(project: Path) -> Path:
    (project / "relies.py").write_text(APP.format(folder=str(project)))
    return project / "away"


def get(url: str) -> str:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def test_a_node_whose_services_are_away_does_not_start(
    away: Path, deployment: Callable[..., Deployment]
) -> None:
    away.touch()
    with pytest.raises(StartError, match="the store of this app does not answer"):
        LocalTarget.up(deployment("relies:app", nodes=1, workers=2), owned=True)


def test_a_worker_that_replaces_another_comes_up_while_they_are_away(
    away: Path, start: Callable[..., LocalTarget], eventually: Callable[..., None]
) -> None:
    target = start("relies:app", nodes=1, workers=2)
    master = target.status().nodes[0].pid
    assert master is not None
    away.touch()
    before = set(procfs.children(master))
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: len(set(procfs.children(master)) - before) == 2, seconds=60.0)
    assert int(get(target.url)) not in before
    assert target.status().nodes[0].restarts == 0


def test_a_successor_leaves_its_slot_to_the_old_worker_while_they_are_away(
    away: Path, start: Callable[..., LocalTarget], eventually: Callable[..., None]
) -> None:
    target = start("relies:app", nodes=1, workers=1)
    master = target.status().nodes[0].pid
    assert master is not None
    old = int(get(target.url))
    away.touch()
    os.kill(master, signal.SIGHUP)
    log = rundir.RunDirectory(target.name).log("node1")
    eventually(lambda: "died while booting; those that run serve on" in log.read_text())
    assert int(get(target.url)) == old
    away.unlink()
    eventually(lambda: procfs.children(master) not in ([], [old]), seconds=60.0)
    eventually(lambda: int(get(target.url)) != old)
