"""`twofold verify --target compose`, in small: two sizes, one round, an app that waits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from loadtests.cli import verify
from loadtests.host import HostTimes
from tests.docker.compose_site import Site, docker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

APP = """\
import time

def app(environ, start_response):
    if environ["PATH_INFO"] != "/readyz":
        time.sleep(0.1)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
CPUS = 0.5


@pytest.fixture
def site(shop_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    # Points count that were measured while other tests keep the machine busy.
    monkeypatch.setattr(HostTimes, "read", lambda: None)
    site = Site(tmp_path / "site", shop_image)
    site.write(APP)
    measured = f"{site.name}-verify"
    try:
        yield site
    finally:
        left = docker("ps", "--all", "--quiet", "--filter", f"name={measured}")
        left += docker("volume", "ls", "--quiet", "--filter", f"name={measured}")
        site.remove()
        docker("image", "rm", "--force", measured)
    assert left == ""


def test_an_app_that_waits_scales_over_containers(site: Site, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    result = CliRunner().invoke(
        verify,
        [
            *("-C", str(site.folder), "--target", "compose"),
            *("--nodes", "1,2", "--rounds", "1", "--duration", "6s", "--warm-up", "2s"),
            *("--workers-per-node", "2", "--threads", "2", "--cpus-per-node", f"{CPUS}"),
            # More users allow for more requests under way when the counting begins and ends.
            *("--users-per-slot", "3", "--min-efficiency", "0.5", "--seed", "1"),
            *("--json", str(figures), "--html", str(tmp_path / "report.html")),
        ],
    )
    # One round tells no spread.
    assert result.exit_code == 3, result.output
    written = json.loads(figures.read_text(encoding="utf-8"))
    assert written["title"] == "site_app:app on 1, 2 nodes, compose"
    conditions = written["conditions"]
    assert conditions["target"] == "compose: containers of one Docker engine"
    assert conditions["CPU budget"] == f"{CPUS:g} CPUs a node, by the engine's quota"
    assert conditions["resource under test"] == "waiting-bound"
    assert conditions["not known"] == "workers that died in a node that went on"
    points: dict[int, dict[str, Any]] = {m["size"]: m for m in written["measurements"]}
    for size, point in points.items():
        nodes = {f"node{number}" for number in range(1, size + 1)}
        assert point["void"] == []
        assert set(point["node_budget"]) == set(point["node_cpu"]) == nodes
        assert all(0 < used < CPUS for used in point["node_cpu"].values())
        assert point["memory"] > 0
        # Each worker is a slot: both of each node got an even part.
        assert set(point["slot_requests"]) == {
            f"{node}-{slot}" for node in nodes for slot in (1, 2)
        }
        assert min(point["slot_requests"].values()) > 0
        assert {part for part, cores in point["cpu"].items() if cores > 0} == {
            *("nodes", "balancer", "store", "generator")
        }
