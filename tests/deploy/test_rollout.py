"""Rolls: the order of the steps, and with the real parts that no request is lost."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy import rollout
from deploy.deployment import Deployment
from deploy.errors import BalancerError, DeployError, RolloutError, StartError
from deploy.profiles import PROFILES, profile
from deploy.targets.base import Nodes
from tests.deploy.visitors import RECORDING_APP, Visitors, held_while_there

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deploy.status import DeploymentStatus
    from deploy.targets.local import LocalTarget

    Start = Callable[..., LocalTarget]
    Eventually = Callable[..., None]


# The story


@dataclass(frozen=True)
class ListedNode:
    name: str
    deployment: Deployment


class ListedNodes(Nodes[ListedNode]):
    """Nodes that exist on paper; each step is written down."""

    def __init__(self, count: int, fails: Callable[[str, str], bool]) -> None:
        self.steps: list[str] = []
        self.listed: list[ListedNode] = []
        self._numbers = iter("123456789")
        self._fails = fails
        for _ in range(count):
            self.start(VERSION_1)
        self.steps.clear()

    @property
    def running(self) -> Sequence[ListedNode]:
        return self.listed

    def start(self, deployment: Deployment) -> ListedNode:
        node = ListedNode(next(self._numbers), deployment)
        self.listed.append(node)
        self._step("start", node)
        return node

    def wait_ready(self, node: ListedNode) -> None:
        self._step("wait for", node)

    def warm_up(self, node: ListedNode) -> None:
        self._step("warm up", node)

    def into_rotation(self, node: ListedNode) -> None:
        self._step("let visitors to", node)

    def drain(self, node: ListedNode) -> None:
        self._step("drain", node)

    def wait_idle(self, nodes: Sequence[ListedNode]) -> bool:
        self._step("wait until idle", nodes[0])
        return True

    def stop(self, nodes: Sequence[ListedNode]) -> None:
        for node in nodes:
            self.listed.remove(node)
            self._step("stop", node)

    def settle(self, deployment: Deployment) -> None:
        self.steps.append(f"settle for {deployment.version}")

    def _step(self, step: str, node: ListedNode) -> None:
        self.steps.append(f"{step} {node.name}")
        if self._fails(step, node.name):
            raise StartError(f"could not {step} {node.name}")

    def versions(self) -> str:
        return " ".join(node.deployment.version for node in self.running)


VERSION_1 = Deployment(
    "shop", "shop:app", Path("/srv/shop"), nodes=2, workers=1, profile=profile("threads")
)
VERSION_2 = replace(VERSION_1, version="2")
REPLACING_NODE_1 = [
    "start 3",
    "wait for 3",
    "warm up 3",
    "let visitors to 3",
    "drain 1",
    "wait until idle 1",
    "stop 1",
]


def silent(text: str) -> None:
    pass


def test_a_roll_replaces_one_node_after_the_other_the_new_one_first() -> None:
    nodes = ListedNodes(2, lambda step, name: False)
    rollout.roll(nodes, VERSION_2, silent)
    assert nodes.steps[:7] == REPLACING_NODE_1
    assert nodes.steps[7:14] == [
        step.replace("3", "4") if "3" in step else step.replace("1", "2")
        for step in REPLACING_NODE_1
    ]
    assert nodes.steps[14:] == ["settle for 2"]
    assert nodes.versions() == "2 2"


@pytest.mark.parametrize("step", ["start", "wait for", "warm up", "let visitors to"])
def test_a_first_node_that_fails_goes_and_the_old_ones_are_not_touched(step: str) -> None:
    nodes = ListedNodes(2, lambda at, name: (at, name) == (step, "3"))
    with pytest.raises(RolloutError, match=rf"version 2 .*could not {step} 3\n.*not touched"):
        rollout.roll(nodes, VERSION_2, silent)
    assert [node.name for node in nodes.running if node.name != "3"] == ["1", "2"]
    assert ("stop 3" in nodes.steps) == (step != "start")
    assert not any("drain" in step for step in nodes.steps)


def test_a_later_node_that_fails_takes_the_new_version_back() -> None:
    nodes = ListedNodes(2, lambda at, name: (at, name) == ("wait for", "4"))
    with pytest.raises(RolloutError, match="are of their old version again"):
        rollout.roll(nodes, VERSION_2, silent)
    assert nodes.versions() == "1 1"
    # A node of the old version first, then the new one goes.
    assert nodes.steps[-7:] == [
        "start 5",
        "wait for 5",
        "warm up 5",
        "let visitors to 5",
        "drain 3",
        "wait until idle 3",
        "stop 3",
    ]


def test_when_neither_version_starts_what_serves_is_kept() -> None:
    nodes = ListedNodes(2, lambda at, name: at == "wait for" and name in "45")
    with pytest.raises(RolloutError, match="Nor does version 1 start any more, so both serve"):
        rollout.roll(nodes, VERSION_2, silent)
    assert nodes.versions() == "1 2"


def test_without_a_balancer_nothing_more_is_stopped() -> None:
    class Mute(ListedNodes):
        def drain(self, node: ListedNode) -> None:
            raise BalancerError("no answer")

    nodes = Mute(2, lambda step, name: False)
    with pytest.raises(BalancerError, match="no answer"):
        rollout.roll(nodes, VERSION_2, silent)
    assert nodes.versions() == "1 1 2"


def test_a_node_that_stays_busy_is_stopped_and_that_is_told() -> None:
    class Busy(ListedNodes):
        def wait_idle(self, nodes: Sequence[ListedNode]) -> bool:
            return False

    nodes = Busy(2, lambda step, name: False)
    said: list[str] = []
    rollout.take_out(nodes, nodes.running[:1], said.append)
    assert nodes.steps == ["drain 1", "stop 1"]
    assert "1: still busy after the longest request, stopping anyway" in said


# With gunicorn and HAProxy


@pytest.fixture
def folder(project: Path) -> Path:
    (project / "site_app.py").write_text(RECORDING_APP)
    return project


def versions(status: DeploymentStatus) -> list[str]:
    assert {node.state for node in status.nodes} == {"in rotation"}
    return [node.version for node in status.nodes]


@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.parametrize("profile", PROFILES)
def test_rolls_under_load_lose_nothing(start: Start, folder: Path, profile: str) -> None:
    target = start(profile=profile)
    visitors = Visitors(target.url, folder / "executed", each=2)
    with visitors.running():
        target.roll()
        target.roll()
        status = target.rollback()
    assert visitors.failed == []
    assert visitors.executed_twice() == []
    assert versions(status) == ["2", "2"]
    assert status.version == "2"
    assert {answer.split()[0] for answer in visitors.answers} == {"1", "2", "3"}
    assert min(visitors.answered["GET"], visitors.answered["POST"]) > 50


@pytest.mark.integration
def test_a_version_is_a_folder_and_a_rollback_returns_to_it(start: Start, folder: Path) -> None:
    releases = [folder / "one", folder / "two"]
    for release in releases:
        release.mkdir()
        (release / "site_app.py").write_text(
            RECORDING_APP.replace('"VERSION"', f'"VERSION", "{release.name.upper()}"')
        )
    target = start(workers=1, env={"TWOFOLD_ONE": "one", "TWOFOLD_TWO": "two"})
    current = folder / "current"
    current.symlink_to(releases[0])
    status = target.roll(place=current)
    assert status.directory == str(releases[0])
    current.unlink()
    current.symlink_to(releases[1])
    # The link is followed anew.
    status = target.roll(version="2026.11")
    assert (status.directory, versions(status)) == (str(releases[1]), ["2026.11"] * 2)
    assert target.rollback().directory == str(releases[0])


@pytest.mark.integration
def test_a_roll_reads_the_settings_again_and_keeps_the_command_line(
    start: Start, folder: Path
) -> None:
    target = start(workers=1, nodes=1, env={"KEPT": "yes"})
    (folder / "twofold.toml").write_text(
        'workers = 3\nprofile = "processes"\nredis_url = "redis://h"\n[env]\nADDED = "yes"\n'
    )
    said: list[str] = []
    status = target.roll(report=said.append)
    assert (status.profile, len(status.slots)) == ("processes", 1)
    assert any(line.startswith("redis_url changed, but a roll keeps") for line in said)
    environ = Path(f"/proc/{status.nodes[0].pid}/environ").read_text().split("\0")
    assert {"KEPT=yes", "ADDED=yes"} <= set(environ)
    assert len(target.roll(given={"workers": 2}).slots) == 2
    assert len(target.scale(2).slots) == 4


BAD_VERSIONS = {
    "does not import": ("raise RuntimeError('no key')", "RuntimeError: no key", "was not started"),
    "is never ready": (
        "print('loading the catalogue')\n"
        "def app(environ, start_response):\n"
        "    start_response('503 Not Yet', [])\n"
        "    return [b'still loading']",
        "  loading the catalogue",
        "The last answer to GET /readyz: 503 Not Yet still loading",
    ),
    "dies at boot": (
        "import os\nclass App:\n    def start_worker(self):\n        print('out of luck')\n"
        "        os._exit(3)\n    def __call__(self, environ, start_response):\n        ...\n"
        "app = App()",
        "out of luck",
        "The last answer to GET /readyz: no answer",
    ),
    "fails on its pages": (
        "def app(environ, start_response):\n"
        "    page = environ['PATH_INFO'] == '/'\n"
        "    start_response('500 Broken' if page else '200 OK', [])\n"
        "    return [b'a broken page' if page else b'']",
        "500 Broken a broken page",
        "GET /: ",
    ),
}


@pytest.mark.integration
@pytest.mark.parametrize("version", BAD_VERSIONS)
def test_a_bad_version_is_rolled_back_by_itself(
    start: Start, folder: Path, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, cause, words = BAD_VERSIONS[version]
    (folder / "twofold.toml").write_text('[warm_up]\npaths = ["/"]\n')
    target = start(workers=1)
    before = target.status()
    bad = folder / "bad"
    bad.mkdir()
    (bad / "site_app.py").write_text(code)
    # Long enough to hear from it on a busy machine.
    patience = 15 if version == "is never ready" else 60
    (bad / "twofold.toml").write_text(f'boot_timeout = {patience}\n[warm_up]\npaths = ["/"]\n')
    visitors = Visitors(target.url, folder / "executed")
    with visitors.running(), pytest.raises(RolloutError) as error:
        target.roll(place=bad)
    assert error.value.exit_code == 1
    assert cause in str(error.value)
    assert words in str(error.value)
    after = target.status()
    assert versions(after) == ["1", "1"]
    assert [node.pid for node in after.nodes] == [node.pid for node in before.nodes]
    assert visitors.failed == []
    with pytest.raises(DeployError, match=r"version 1 is the first: there is none to go back to"):
        target.rollback()


@pytest.mark.integration
def test_a_second_change_at_once_is_refused(
    start: Start, folder: Path, eventually: Eventually
) -> None:
    target = start(workers=1, nodes=1)
    (folder / "slow").mkdir()
    hold = folder / "hold"
    hold.touch()
    (folder / "slow" / "site_app.py").write_text(held_while_there(hold) + RECORDING_APP)
    rolling = threading.Thread(target=target.roll, kwargs={"place": folder / "slow"})
    rolling.start()
    eventually(lambda: target.status().under_way == "roll")
    for change in (target.roll, lambda: target.scale(2), target.rollback):
        with pytest.raises(DeployError, match="`twofold roll` is under way; wait until"):
            change()
    hold.unlink()
    rolling.join()
    assert versions(target.status()) == ["2"]
    assert target.status().under_way is None
    assert versions(target.scale(2)) == ["2", "2"]


@pytest.mark.integration
def test_a_label_is_given_once(start: Start, folder: Path) -> None:
    target = start(workers=1, nodes=1)
    with pytest.raises(DeployError, match="there is a version 1 already"):
        target.roll(version="1")


@pytest.mark.integration
def test_a_deployment_can_be_stopped_in_the_middle_of_a_roll(
    start: Start, folder: Path, eventually: Eventually
) -> None:
    target = start(workers=1, nodes=1)
    (folder / "slow").mkdir()
    (folder / "slow" / "site_app.py").write_text("import time\ntime.sleep(60)\n")
    said: list[str] = []

    def roll() -> None:
        with pytest.raises(DeployError) as error:
            target.roll(place=folder / "slow")
        said.append(str(error.value))

    rolling = threading.Thread(target=roll)
    rolling.start()
    eventually(lambda: target.status().under_way == "roll")
    target.down()
    rolling.join()
    assert said == ["the deployment is being stopped"]
