"""What visitors notice when a part dies or hangs: of GETs nothing, of POSTs what was in flight."""

from __future__ import annotations

import os
import signal
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
import redis

from deploy import procfs
from deploy.balancer import BalancerClient
from deploy.errors import DeployError
from deploy.profiles import PROFILES
from deploy.rundir import RunDirectory
from tests.deploy.visitors import RECORDING_APP, Visitors, held_while_there

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.targets.local import LocalTarget

    Start = Callable[..., LocalTarget]
    Eventually = Callable[..., None]

# Some seconds, and on a machine that has much else to do some minutes.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

# It tries again for some seconds; what it does there is no worse for being done twice.
STORE_APP = """\
import os, redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

store = redis.Redis.from_url(
    os.environ["REDIS_URL"],
    retry=Retry(ConstantBackoff(0.1), 200),
    retry_on_error=[redis.BusyLoadingError],
)

def app(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        store.incr("posts")
    body = b"%d" % int(store.get("posts") or 0)
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture
def folder(project: Path) -> Path:
    (project / "site_app.py").write_text(RECORDING_APP)
    return project


class Experiment:
    """Visitors before, while and after something happens to a deployment."""

    def __init__(self, target: LocalTarget, folder: Path, eventually: Eventually) -> None:
        self.visitors = Visitors(target.url, folder / "executed")
        self._target = target
        self._eventually = eventually

    def run(self, harm: Callable[[], None], recovered: Callable[[], bool]) -> None:
        with self.visitors.running():
            self._wait_for_answers()
            harm()
            self._eventually(recovered, seconds=60)
            self._eventually(self._all_serve, seconds=60)
            self._wait_for_answers()

    def _wait_for_answers(self) -> None:
        before = self.visitors.answered.total()
        self._eventually(lambda: self.visitors.answered.total() > before + 60, seconds=60)

    def _all_serve(self) -> bool:
        status = self._target.status()
        return {slot.state for slot in status.slots} == {"in rotation"}

    def lost(self, method: str) -> list[str]:
        """Without answers that broke off in the middle: nobody can send the rest of one."""
        failed = self.visitors.failed_with(method)
        return [failure for failure in failed if "IncompleteRead" not in failure]


def pid_of_node(target: LocalTarget) -> int:
    pid = target.status().nodes[0].pid
    assert pid is not None
    return pid


def url_of_store(target: LocalTarget) -> str:
    environ = Path(f"/proc/{pid_of_node(target)}/environ").read_text().split("\0")
    [url] = [line.partition("=")[2] for line in environ if line.startswith("REDIS_URL=")]
    return url


@pytest.mark.parametrize("profile", PROFILES)
def test_a_death_loses_at_most_the_posts_in_flight_there(
    start: Start, folder: Path, eventually: Eventually, profile: str
) -> None:
    target = start(profile=profile)
    master = pid_of_node(target)
    worker = procfs.children(master)[0]

    def worker_is_replaced() -> bool:
        workers = procfs.children(master)
        return len(workers) == 2 and worker not in workers

    for victim, recovered in (
        (worker, worker_is_replaced),
        (master, lambda: [node.restarts for node in target.status().nodes] == [1, 0]),
    ):
        experiment = Experiment(target, folder, eventually)
        experiment.run(partial(os.kill, victim, signal.SIGKILL), recovered)
        assert experiment.lost("GET") == []
        # Each visitor has one request in flight, and a second one may just reach the other worker
        # of a node that dies.
        assert len(experiment.lost("POST")) <= 6
        assert experiment.visitors.executed_twice() == []


def test_a_node_that_hangs_for_a_while_loses_nothing(
    start: Start, folder: Path, eventually: Eventually
) -> None:
    target = start()
    master = pid_of_node(target)
    frozen = [master, *procfs.children(master)]

    def freeze() -> None:
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(5)
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)

    experiment = Experiment(target, folder, eventually)
    experiment.run(freeze, lambda: True)
    assert experiment.visitors.failed == []
    assert experiment.visitors.executed_twice() == []


def test_visitors_wait_while_the_balancer_is_started_again(
    start: Start, folder: Path, eventually: Eventually
) -> None:
    target = start(nodes=1)
    before = target.status().balancer.pid
    assert before is not None
    experiment = Experiment(target, folder, eventually)
    experiment.run(
        lambda: os.kill(before, signal.SIGKILL),
        lambda: target.status().balancer.pid not in (None, before),
    )
    # What was in flight in the balancer: of each visitor one request. Nobody was refused.
    assert len(experiment.visitors.failed) <= 6
    assert not any("Refused" in failure for failure in experiment.visitors.failed)
    assert experiment.visitors.executed_twice() == []


def test_a_balancer_that_takes_over_with_new_settings_loses_nothing(
    start: Start, folder: Path, eventually: Eventually
) -> None:
    target = start(nodes=1)
    before = target.status().balancer.pid
    assert before is not None
    versions: list[str] = []
    (folder / "twofold.toml").write_text("[balancer]\nrequest_timeout = 17\n")
    experiment = Experiment(target, folder, eventually)
    experiment.run(
        lambda: versions.append(target.roll().version),
        lambda: target.status().balancer.pid != before,
    )
    assert experiment.visitors.failed == []
    eventually(lambda: not procfs.runs(before), seconds=60)
    assert experiment.visitors.executed_twice() == []


def test_a_store_that_dies_is_back_with_its_data(
    start: Start, folder: Path, eventually: Eventually
) -> None:
    (folder / "site_app.py").write_text(STORE_APP)
    target = start(nodes=1)
    before = target.status().store
    assert before is not None
    assert before.pid is not None
    victim = before.pid

    def back() -> bool:
        store = target.status().store
        return store is not None and store.pid not in (None, victim)

    experiment = Experiment(target, folder, eventually)
    with redis.Redis.from_url(url_of_store(target)) as client:
        client.set("key", "value")
        # It writes to its file at once, or after a second if the disk is busy.
        eventually(lambda: client.info("persistence")["aof_buffer_length"] == 0, seconds=60)
    experiment.run(lambda: os.kill(victim, signal.SIGKILL), back)
    assert experiment.visitors.failed == []
    with redis.Redis.from_url(url_of_store(target)) as client:
        assert client.get("key") == b"value"


def test_nobody_waits_for_a_node_that_was_started_again_and_boots(
    start: Start, project: Path, eventually: Eventually
) -> None:
    target = start(nodes=2, workers=1)
    app, hold = project / "site_app.py", project / "hold"
    hold.touch()
    app.write_text(held_while_there(hold) + app.read_text())
    os.kill(pid_of_node(target), signal.SIGKILL)
    eventually(lambda: target.status().nodes[0].restarts == 1)
    # It listens, as gunicorn does before there is a worker that accepts.
    eventually(lambda: len(target.status().nodes[0].workers) == 1)
    assert target.status().nodes[0].state == "out of rotation"
    before = sent_to(target, "node1-1")
    for _ in range(4):
        with urlopen(target.url) as answer:
            assert answer.read().startswith(b"node2 ")
    assert sent_to(target, "node1-1") == before
    hold.unlink()
    eventually(lambda: target.status().nodes[0].state == "in rotation")


def test_visitors_wait_for_the_only_node(
    start: Start, project: Path, eventually: Eventually
) -> None:
    target = start(nodes=1, workers=1)
    app, hold = project / "site_app.py", project / "hold"
    app.write_text(held_while_there(hold) + app.read_text())
    # A check of the balancer's own that comes before the node listens takes it out as well.
    for _ in range(5):
        hold.touch()
        dead = pid_of_node(target)
        os.kill(dead, signal.SIGKILL)
        eventually(lambda dead=dead: restarted(target, dead))
        if not last_check(target).startswith("L4"):
            break
        hold.unlink()
        eventually(lambda: target.status().nodes[0].state == "in rotation")
    threading.Timer(1.0, partial(hold.unlink, missing_ok=True)).start()
    with urlopen(target.url) as answer:
        assert answer.read().startswith(b"node1 ")


def restarted(target: LocalTarget, dead: int) -> bool:
    """Whether the node that replaced a dead one has a worker, and so listens."""
    [node] = target.status().nodes
    return node.pid != dead and len(node.workers) == 1


def sent_to(target: LocalTarget, name: str) -> int:
    """How many requests a slot was given, answered or not."""
    [slot] = [slot for slot in target.status().slots if slot.name == name]
    return slot.requests


def last_check(target: LocalTarget) -> str:
    """How the balancer's last check of the only slot ended."""
    [(_, slot)] = BalancerClient(RunDirectory(target.name).haproxy_socket).counters().slots
    return slot.last_check


def test_what_a_change_left_while_the_balancer_hung_goes_with_the_next(
    start: Start, project: Path
) -> None:
    target = start(nodes=1, workers=1)
    balancer = target.status().balancer.pid
    assert balancer is not None
    os.kill(balancer, signal.SIGSTOP)
    with pytest.raises(DeployError, match="the balancer does not answer"):
        target.scale(2)
    os.kill(balancer, signal.SIGCONT)
    assert len(target.status().nodes) == 2
    target.scale(2)
    assert [node.state for node in target.status().nodes] == ["in rotation"] * 2
