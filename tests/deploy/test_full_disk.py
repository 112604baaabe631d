"""What a deployment does while nothing can be written into its run directory."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from deploy.errors import DeployError, RolloutError
from deploy.rundir import RunDirectory
from tests.deploy.test_edges_tls import serial, write_certificate
from tests.deploy.test_local import get

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.targets.local import LocalTarget

    Start = Callable[..., LocalTarget]
    Eventually = Callable[..., None]

pytestmark = pytest.mark.integration


@contextmanager
def unwritable(path: Path) -> Iterator[None]:
    """In the way of the file's next version, for root too."""
    obstacle = path.with_name(f"{path.name}.new")
    obstacle.mkdir()
    try:
        yield
    finally:
        obstacle.rmdir()


def in_rotation(target: LocalTarget) -> list[tuple[str, str]]:
    """Names and versions; every node there is must be in rotation."""
    nodes = target.status().nodes
    assert {node.state for node in nodes} == {"in rotation"}
    return [(node.name, node.version) for node in nodes]


def test_a_roll_that_the_balancer_could_not_survive_changes_nothing(start: Start) -> None:
    target = start(nodes=2, workers=1)
    with unwritable(RunDirectory(target.name).haproxy_config):
        with pytest.raises(RolloutError, match=r"(?s)haproxy\.cfg cannot be written.*not touched"):
            target.roll()
        assert in_rotation(target) == [("node1", "1"), ("node2", "1")]
        with pytest.raises(DeployError, match=r"haproxy\.cfg cannot be written"):
            target.scale(3)
        assert in_rotation(target) == [("node1", "1"), ("node2", "1")]
    target.roll()
    assert [version for _, version in in_rotation(target)] == ["3", "3"]


def test_nodes_can_be_taken_out_all_the_same(start: Start) -> None:
    target = start(nodes=2, workers=1)
    config = RunDirectory(target.name).haproxy_config
    with unwritable(config):
        target.scale(1)
        assert in_rotation(target) == [("node1", "1")]
        assert "node1 " in get(target.url)
        assert "node2-1" in config.read_text()
    target.roll()
    assert re.findall(r"node\d-\d", config.read_text()) == ["node2-1"]


def test_settings_that_the_balancer_did_not_get_are_tried_again(
    start: Start, project: Path, eventually: Eventually
) -> None:
    target = start(nodes=1, workers=1)
    config = RunDirectory(target.name).haproxy_config
    (project / "twofold.toml").write_text('readiness_path = "/other"\n')
    # The old node serves this one while the new one is in rotation.
    visitor = threading.Thread(target=get, args=(target.url, "/wait"))
    visitor.start()
    eventually(lambda: target.status().balancer.in_flight == 1)
    raised: list[str] = []

    def roll() -> None:
        with pytest.raises(DeployError) as caught:
            target.roll()
        raised.append(str(caught.value))

    rolling = threading.Thread(target=roll)
    rolling.start()
    eventually(lambda: any(node.state == "draining" for node in target.status().nodes))
    with unwritable(config):
        (project / "go").touch()
        rolling.join()
        visitor.join()
    assert "all nodes are of version 2, but the balancer goes on" in raised[0]
    assert in_rotation(target) == [("node2", "2")]
    assert target.status().version == "2"
    assert "/other" not in config.read_text()
    target.roll()
    assert "/other" in config.read_text()
    target.rollback()
    assert target.status().version == "2"


def test_a_renewed_certificate_ends_nothing_and_is_kept_as_soon_as_there_is_room(
    start: Start, project: Path, eventually: Eventually
) -> None:
    (project / "twofold.toml").write_text(
        '[balancer.tls]\ncertificate = "cert.pem"\nkey = "key.pem"\n'
    )
    write_certificate(project)
    target = start(nodes=1, workers=1)
    first, rundir = serial(target.url), RunDirectory(target.name)
    with unwritable(rundir.certificate):
        write_certificate(project)
        eventually(lambda: serial(target.url) != first)
        log = rundir.log("supervisor")
        eventually(lambda: "certificate.pem cannot be written" in log.read_text())
        before = rundir.certificate.read_text()
    eventually(lambda: rundir.certificate.read_text() != before)
    assert (project / "cert.pem").read_text() in rundir.certificate.read_text()
    assert not target.ended
