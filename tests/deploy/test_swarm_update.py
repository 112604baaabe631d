"""Waiting for an update of Swarm's that cannot end, on a cluster whose answers are made up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from deploy.errors import RolloutError, StartError
from deploy.targets.swarm import update
from deploy.targets.swarm.cluster import Host, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.deployment import Deployment

HOSTS = [Host("a", "host1", "10.0.0.1", True), Host("b", "host2", "10.0.0.2", False)]
OLD = Task("t1", 1, "a", True, "running", "", "image", "1", {}, "1")
STARTING = Task("t2", 1, "b", False, "assigned", "", "image", "2", {}, "2")


class Cluster:
    """A host went away while it was starting a node; Swarm goes back when it is told to."""

    def __init__(self, tasks: list[Task]) -> None:
        self.engine = self
        self.told: list[tuple[str, ...]] = []
        self._tasks = tasks
        self._states = self._say()

    def _say(self) -> Iterator[str]:
        while not self.told:
            yield "updating"
        yield "rollback_started"
        while True:
            yield "rollback_completed"

    def ask(self, *arguments: str) -> None:
        self.told.append(arguments)

    def hosts(self) -> list[Host]:
        return HOSTS

    def tasks(self, service: str) -> list[Task]:
        return self._tasks

    def service(self, name: str) -> dict[str, Any]:
        state = next(self._states)
        return {
            "Spec": {"Mode": {"Replicated": {"Replicas": 1}}},
            "UpdateStatus": {"State": state, "StartedAt": "now"},
        }


@pytest.fixture
def wait(
    deployment: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Cluster], list[str]]:
    monkeypatch.setattr(update, "PAUSE", 0.001)

    def wait(cluster: Cluster, boot_timeout: float = 60) -> list[str]:
        said: list[str] = []
        version = replace(deployment("shop:app"), version="2", boot_timeout=boot_timeout)
        with pytest.raises(RolloutError, match="the one before serves on") as raised:
            update.wait_updated(cluster, version, "shop_web", None, said.append)  # type: ignore[arg-type]
        return [*said, str(raised.value)]

    return wait


def test_host_that_goes_away_while_it_starts_a_node_ends_the_roll(
    wait: Callable[[Cluster], list[str]],
) -> None:
    cluster = Cluster([OLD, STARTING])
    said = wait(cluster)
    assert cluster.told == [("service", "rollback", "--detach", "shop_web")]
    assert all("host2 went away while it was starting a node" in text for text in said)


def test_nodes_that_failed_before_do_not_keep_others_from_running(
    deployment: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = [replace(OLD, id=name, wanted=False, state="rejected") for name in ("t8", "t9")]
    states = iter(["starting", "starting", "running"])

    class Slow(Cluster):
        def tasks(self, service: str) -> list[Task]:
            return [*broken, replace(OLD, state=next(states, "starting"))]

    monkeypatch.setattr(update, "PAUSE", 0.001)
    cluster: Any = Slow([])
    said: list[str] = []
    update.wait_running(cluster, deployment("shop:app"), "shop_web", said.append, ["t8", "t9"])
    assert said == ["node1 runs on host1"]
    with pytest.raises(StartError, match="it ended"):
        update.wait_running(cluster, deployment("shop:app"), "shop_web", said.append)


@pytest.mark.parametrize(
    "task",
    [
        replace(STARTING, host="a"),
        replace(STARTING, wanted=True),
        replace(STARTING, state="running"),
        replace(STARTING, state="shutdown"),
    ],
)
def test_other_tasks_are_waited_for(
    wait: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, task: Task
) -> None:
    monkeypatch.setattr(update, "grace_period", lambda deployment: 0.0)
    monkeypatch.setattr(update, "MONITOR", 0)
    monkeypatch.setattr(update, "MARGIN", 1)
    # Only the time ends it; and it is not over before Swarm has gone back.
    assert "it took too long" in wait(Cluster([OLD, task]), boot_timeout=0)[-1]
