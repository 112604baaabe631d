"""`twofold verify --target swarm`, in small: two sizes, one round, pages that wait, three hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docker.swarm.hosts import Hosts

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

SETTINGS = """\
app = "counter:app"
name = "measured"
target = "swarm"
boot_timeout = 60

[containers]
image = "{image}"
"""
SUITE = """\
from locust import FastHttpUser, task


class Visitor(FastHttpUser):
    @task
    def wait_a_little(self):
        self.client.get("/wait")
"""
# Points count that were measured while other tests keep the machine busy.
COMMAND = """\
from loadtests.cli import verify
from loadtests.host import HostTimes

HostTimes.read = lambda: None
verify()
"""
CPUS = 0.5


@pytest.fixture
def project(counter_image: str, tmp_path: Path) -> Path:
    (tmp_path / "twofold.toml").write_text(SETTINGS.format(image=f"{counter_image}-measured"))
    (tmp_path / "Dockerfile").write_text(f"FROM {counter_image}\n")
    (tmp_path / "suite.py").write_text(SUITE)
    return tmp_path


def test_an_app_that_waits_scales_over_hosts(project: Path, hosts: Hosts) -> None:
    figures = project / "figures.json"
    env = {name: text for name, text in os.environ.items() if name != "DOCKER_CONTEXT"}
    done = subprocess.run(
        [
            *(sys.executable, "-c", COMMAND),
            *("-C", str(project), "--suite", str(project / "suite.py")),
            *("--nodes", "1,2", "--rounds", "1", "--duration", "6s", "--warm-up", "1s"),
            *("--workers-per-node", "1", "--threads", "6", "--cpus-per-node", f"{CPUS}"),
            *("--users-per-slot", "3", "--min-efficiency", "0.5", "--seed", "1"),
            *("--json", str(figures), "--html", str(project / "report.html")),
        ],
        env={**env, "DOCKER_HOST": hosts[1].engine, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=500,
    )
    # One round tells no spread.
    assert done.returncode == 3, done.stdout + done.stderr
    written = json.loads(figures.read_text(encoding="utf-8"))
    conditions = written["conditions"]
    assert conditions["target"] == "swarm: containers on the hosts of a Docker Swarm"
    assert len(conditions["hosts of the nodes"].split(", ")) == 2
    assert conditions["resource under test"] == "unknown"
    assert conditions["CPU budget"].startswith(f"{CPUS:g} CPUs a node, by the quota of its host")
    assert "CPU of the nodes" in conditions["not known"]
    points: dict[int, dict[str, Any]] = {m["size"]: m for m in written["measurements"]}
    for size, point in points.items():
        assert point["void"] == []
        # A balancer on each host, and traffic to all of them.
        assert point["generator_processes"] == 3
        assert set(point["slot_requests"]) == {f"node{number}-1" for number in range(1, size + 1)}
        assert min(point["slot_requests"].values()) > 0
        assert set(point["cpu"]) == {"generator"}
    assert "measured" not in hosts[1].docker("service", "ls", "--format", "{{.Name}}")
