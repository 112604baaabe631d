"""The compose target on a real engine, under load: what holds on the local target holds here."""

from __future__ import annotations

import os
import re
import secrets
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.docker.engine import Engine
from deploy.docker.lock import locked
from deploy.errors import DeployError, NotRunning, RolloutError, StartError
from deploy.logs.reading import Query
from deploy.targets import find_target
from deploy.targets.compose import ComposeTarget
from tests.deploy.visitors import Visitors
from tests.docker.compose_site import NOT_READY, Site, docker, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.status import DeploymentStatus

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

ROLLS = int(os.environ.get("TWOFOLD_TEST_ROLLS", "3"))


@pytest.fixture(scope="module")
def site(shop_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A deployment of two nodes with two workers each, for all tests of the file."""
    folder = tmp_path_factory.mktemp("compose")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        site = Site(folder / "site", shop_image)
        try:
            site.up()
            yield site
            site.write()
            ComposeTarget.find(site.name).down(volumes=True)
            assert site.leftovers() == ""
        finally:
            site.remove()


@pytest.fixture
def target(site: Site) -> Iterator[ComposeTarget]:
    """As it was started: with good code and two nodes."""
    site.write()
    found = ComposeTarget.find(site.name)
    if len(found.status().nodes) != 2:
        found.scale(2)
    eventually(lambda: in_rotation(found.status(), 4), "two nodes in rotation")
    yield found
    site.write()


def in_rotation(status: DeploymentStatus, slots: int) -> bool:
    return [slot.state for slot in status.slots] == ["in rotation"] * slots


def fresh_label() -> str:
    """Of a version: a second try of a test finds what the first one has left."""
    return f"label-{secrets.token_hex(4)}"


def names(status: DeploymentStatus) -> list[str]:
    return [node.name for node in status.nodes]


def test_no_roll_loses_a_request(target: ComposeTarget) -> None:
    visitors = Visitors(target.url, each=2)
    before = target.status()
    with visitors.running():
        for _ in range(ROLLS):
            status = target.roll()
    assert visitors.failed == []
    assert visitors.answered["POST"] > 0
    assert {said.split()[0] for said in visitors.answers} >= {status.version}
    assert status.versions == (status.version,)
    assert len(status.nodes) == 2
    assert {node.image for node in status.nodes}.isdisjoint(node.image for node in before.nodes)


def test_a_rollback_brings_the_image_before(target: ComposeTarget) -> None:
    before = target.status()
    label = fresh_label()
    rolled = target.roll(version=label)
    visitors = Visitors(target.url, each=1)
    with visitors.running():
        status = target.rollback()
    assert rolled.version == label
    assert (status.version, visitors.failed) == (before.version, [])
    assert {node.image for node in status.nodes} == {node.image for node in before.nodes}


def test_a_version_that_is_never_ready_is_rolled_back(site: Site, target: ComposeTarget) -> None:
    before, visitors = target.status(), Visitors(target.url, each=1)
    tag = docker("image", "inspect", "--format", "{{.Id}}", site.name)
    site.write(NOT_READY, boot_timeout=40)
    with visitors.running(), pytest.raises(RolloutError) as error:
        target.roll(version="bad")
    said = str(error.value)
    assert "version bad did not get into service" in said
    assert "was not ready after 40 s (boot_timeout)" in said
    assert "no key is set" in said
    assert "The last answer to GET /readyz: 503" in said
    assert "the key is missing" in said
    assert "the nodes that serve were not touched" in said
    assert (names(target.status()), visitors.failed) == (names(before), [])
    assert target.status().version == before.version
    assert docker("image", "inspect", "--format", "{{.Id}}", site.name) == tag


def test_a_version_that_cannot_be_imported_is_rolled_back(
    site: Site, target: ComposeTarget
) -> None:
    before = target.status()
    site.write("raise RuntimeError('no such table')\n")
    with pytest.raises(RolloutError, match=r"(?s)its container ended with code.*no such table"):
        target.roll()
    assert names(target.status()) == names(before)


def test_an_image_that_does_not_build_changes_nothing(site: Site, target: ComposeTarget) -> None:
    before, dockerfile = target.status(), site.folder / "Dockerfile"
    text = dockerfile.read_text()
    dockerfile.write_text(text + "RUN echo the disk of the builder; false\n")
    try:
        with pytest.raises(RolloutError) as error:
            target.roll(version="unbuilt")
    finally:
        dockerfile.write_text(text)
    assert "version unbuilt was not started: the image does not build" in str(error.value)
    assert "the disk of the builder" in str(error.value)
    assert names(target.status()) == names(before)


def test_scaling_loses_no_request(target: ComposeTarget) -> None:
    visitors = Visitors(target.url, each=2)
    with visitors.running():
        assert in_rotation(target.scale(6), 12)
        assert in_rotation(target.scale(3), 6)
    assert visitors.failed == []
    assert visitors.answered["POST"] > 0


def test_a_node_that_dies_is_started_again(site: Site, target: ComposeTarget) -> None:
    def restarts() -> int:
        return sum(node.restarts for node in target.status().nodes)

    visitors, before = Visitors(target.url, each=2), restarts()
    with visitors.running():
        eventually(lambda: visitors.answered["POST"] > 50, "visitors are served")
        killed = site.containers()[0]
        processes, began = site.processes(killed), site.began(killed)
        site.kill(killed)
        eventually(lambda: not any(map(Path.exists, processes)), "all its processes have ended")
        failed = len(visitors.failed)
        # Until then the balancer may not have noticed.
        eventually(lambda: site.began(killed) != began, "a restart")
        eventually(lambda: in_rotation(target.status(), 4), "all slots in rotation")
    assert restarts() == before + 1
    # At most what was in flight there: two visitors' POSTs, and none of the GETs. The processes end
    # one after the other, and a visitor whom one has failed may be sent to the next: to each of two
    # workers, or to the queue before it.
    assert visitors.failed_with("GET") == []
    assert failed <= 2 * 2 * 2, visitors.failed
    assert len(visitors.failed) <= failed + 2, visitors.failed


def test_a_roll_that_was_killed_is_put_in_order(site: Site, target: ComposeTarget) -> None:
    before, visitors = target.status(), Visitors(target.url, each=1)
    label = fresh_label()
    with visitors.running():
        command = site.twofold("roll", "--name", site.name, "--version", label)
        with command:
            assert command.stdout
            lines = []
            for line in command.stdout:
                lines.append(line)
                if "is in rotation" in line:
                    break
            command.kill()
        assert "is in rotation" in lines[-1], lines
        status = target.status()
        assert set(status.versions) == {before.version, label}
        eventually(lambda: target.status().under_way is None, "the lock has gone")
        back = target.rollback()
    assert (back.versions, len(back.nodes)) == ((before.version,), 2)
    assert in_rotation(back, 4)
    assert visitors.failed == []


def test_one_change_at_a_time(site: Site, target: ComposeTarget) -> None:
    before = target.status()
    image = docker("inspect", "--format", "{{.Image}}", site.containers("balancer")[0])
    with locked(Engine(), site.name, "roll", image):
        assert target.status().under_way == "roll"
        with pytest.raises(DeployError, match=r"`twofold roll` of \S+ is under way by \S+@\S+"):
            target.scale(3)
    assert target.status().under_way is None
    assert names(target.status()) == names(before)


def test_compose_alone_finds_the_project_as_it_is(site: Site, target: ComposeTarget) -> None:
    target.roll()
    before = set(site.containers())
    project = target._project
    newest = target._newest().deployment
    scaled = project.compose(newest, "up", "--detach", "--no-build", "--scale", "web=3")
    assert scaled == ""
    assert before < set(site.containers())
    eventually(lambda: in_rotation(target.status(), 6), "the third node is in rotation")
    assert target.status().versions == (newest.version,)


def test_a_roll_without_doing_it(site: Site, target: ComposeTarget) -> None:
    before = target.status()
    plan = target.plan_roll(version="planned", given={"env": {"COLOUR": "green"}})
    assert (plan.version, plan.replaces, plan.imported) == ("planned", before.version, False)
    assert [change.setting for change in plan.changes] == ["env.COLOUR"]
    assert plan.steps[0] == f"build the image {site.name}"
    assert any(step.startswith(f"drain {before.nodes[0].name}") for step in plan.steps)
    assert names(target.status()) == names(before)


def test_settings_of_the_balancer_follow_and_come_back(target: ComposeTarget) -> None:
    visitors = Visitors(target.url, each=1)
    with visitors.running():
        rolled = target.roll(given={"threads": 7, "balancer.queue_timeout": 3})
        assert in_rotation(rolled, 4)
        assert {slot.capacity for slot in rolled.slots} == {7}
        assert "timeout queue 3000" in target._project.files.balancer
        back = target.rollback()
    assert in_rotation(back, 4)
    assert {slot.capacity for slot in back.slots} == {4}
    assert visitors.failed == []


def test_a_roll_leaves_the_other_containers_alone(target: ComposeTarget) -> None:
    with pytest.raises(RolloutError, match=r"containers\.redis changed since version"):
        target.roll(given={"containers.redis": False})


def test_the_status_tells_what_runs_where(site: Site, target: ComposeTarget) -> None:
    visitors = Visitors(target.url, each=1)
    with visitors.running():
        eventually(
            lambda: all(slot.requests for slot in target.status().slots), "each slot has requests"
        )
    status = target.status()
    assert (status.target, status.name, status.url) == ("compose", site.name, site.url)
    assert len(status.slots) == 4
    assert all(re.fullmatch(r"node\d+-[12]", slot.name) for slot in status.slots)
    assert all(slot.capacity == 4 for slot in status.slots)
    assert all(node.cpu_seconds > 0 and node.memory for node in status.nodes)
    assert all((node.image or "").startswith("sha256:") for node in status.nodes)
    assert status.balancer.requests >= sum(visitors.answered.values())
    assert status.store is not None


def test_the_logs_of_nodes_and_requests(target: ComposeTarget) -> None:
    visitors = Visitors(target.url, each=1)
    with visitors.running():
        eventually(lambda: visitors.answered["POST"] > 10, "visitors are served")
    node = target.status().nodes[0].name
    entries = list(target.logs(Query(parts=(node,), lines=5)))
    assert entries
    assert {entry.part for entry in entries} == {node}
    assert [entry.time for entry in entries] == sorted(entry.time for entry in entries)
    requests = list(target.logs(Query(requests=True, lines=5)))
    assert 0 < len(requests) <= 5
    assert {entry.request.values["method"] for entry in requests if entry.request} <= {
        "GET",
        "POST",
    }
    with pytest.raises(DeployError, match="no part is called 'node99'"):
        list(target.logs(Query(parts=("node99",))))


def test_a_second_deployment_of_the_name_is_refused(site: Site, target: ComposeTarget) -> None:
    before = site.containers()
    with pytest.raises(StartError, match="runs already in containers of this engine"):
        site.up()
    assert site.containers() == before
    assert find_target(site.name).name == site.name


# Of their own: what does not start, and what is left when it ends.


@pytest.fixture
def other(site: Site, shop_image: str, tmp_path: Path) -> Iterator[Site]:
    """A project of its own that does not run yet; the first one's variables hold for it."""
    other = Site(tmp_path / "site", shop_image)
    yield other
    other.remove()


def test_a_port_that_is_taken_leaves_nothing(site: Site, other: Site) -> None:
    other.port = site.port
    other.write()
    with pytest.raises(StartError, match="the port that visitors connect to is taken"):
        other.up()
    assert other.leftovers() == ""


def test_nodes_that_never_get_ready_leave_nothing(other: Site) -> None:
    other.write("raise RuntimeError('no such table')\n")
    with pytest.raises(StartError, match="no such table"):
        other.up()
    assert other.leftovers() == ""


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("container_name: fixed", "the service `web` has a fixed container_name"),
        ("depends_on: [nothing]", 'depends on undefined service "nothing"'),
    ],
)
def test_what_the_user_adds_is_checked_first(other: Site, added: str, said: str) -> None:
    file = other.folder / "docker-compose.override.yml"
    file.write_text(f"services:\n  web:\n    {added}\n")
    with pytest.raises(DeployError, match=re.escape(said)):
        other.up()
    assert other.leftovers() == ""


def test_in_the_foreground_it_ends_with_ctrl_c_and_keeps_its_volumes(other: Site) -> None:
    volumes = ("volume", "ls", "--quiet", "--filter", f"name={other.name}")
    with other.twofold("up", "--nodes", "1", "--workers", "1") as command:
        assert command.stdout
        lines = []
        for line in command.stdout:
            lines.append(line)
            if "node1 is in rotation" in line:
                break
        assert f"ready at {other.url}\n" in lines, lines
        command.send_signal(signal.SIGINT)
        command.communicate(timeout=120)
        assert command.returncode == 0
    assert docker(*volumes) == f"{other.name}_redis"
    with pytest.raises(NotRunning):
        ComposeTarget.find(other.name)
