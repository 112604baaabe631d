"""The tables [logs] and [metrics], and what `twofold status` says about them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from deploy import live
from deploy.deployment import Deployment
from deploy.errors import SettingsError
from deploy.observability import Logs, Metrics
from deploy.settings import load_deployment
from deploy.status import BalancerStatus, DeploymentStatus, NodeStatus, SlotStatus, StoreStatus
from deploy.versions import next_version

if TYPE_CHECKING:
    from pathlib import Path

STATUS = DeploymentStatus(
    name="shop",
    url="http://127.0.0.1:8000",
    app="shop:app",
    directory="/srv/shop",
    profile="threads",
    version="7",
    under_way=None,
    time=100.0,
    nodes=(
        NodeStatus(
            *("node1", "127.64.9.1", "in rotation", 1, 1.5, 0, "7"),
            slots=(SlotStatus("node1-1", "127.64.9.1:8001", "in rotation", 3, capacity=4),),
        ),
    ),
    balancer=BalancerStatus(3, 1500, 4, 0.5, 6, 1350, 0.1),
    store=StoreStatus("redis://h", 4, 0.25),
)


def load(folder: Path, toml: str = "", **overrides: object) -> Deployment:
    (folder / "twofold.toml").write_text(f'app = "shop:app"\n{toml}')
    return load_deployment(folder, overrides, environ={})


def shown(status: DeploymentStatus) -> str:
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(live._view(status))
    return capture.get()


def test_requests_are_logged_and_metrics_are_off_unless_told(tmp_path: Path) -> None:
    found = load(tmp_path)
    assert found.logs == Logs(requests=True, file_size=16 * 1024**2, files=4)
    assert (found.metrics.bind, found.metrics.url) == (None, None)


def test_every_key_arrives(tmp_path: Path) -> None:
    tables = '[logs]\nrequests = false\nfile_size = "2 MiB"\nfiles = 1\n[metrics]\nbind = "[::1]:1"'
    found = load(tmp_path, tables)
    assert found.logs == Logs(requests=False, file_size=2 * 1024**2, files=1)
    assert found.metrics.url == "http://[::1]:1/metrics"
    assert Deployment.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("[logs]\nfile_size = 1000", "logs.file_size = 1000: must be at least 1 MiB"),
        ("[logs]\nfiles = 0", "logs.files = 0: must be at least 1"),
        ("[logs]\nrequest = true", "did you mean 'logs.requests'"),
        ('[metrics]\nbind = "9404"', "metrics.bind = '9404': must be HOST:PORT"),
        ("[metrics]\nport = 9404", "metrics.port: unknown key"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, table: str, problem: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, table)
    assert problem in str(refused.value)


def test_a_roll_keeps_both(tmp_path: Path) -> None:
    running = load(tmp_path, '[metrics]\nbind = "127.0.0.1:9404"')
    load(tmp_path, '[logs]\nfiles = 9\n[metrics]\nbind = "127.0.0.1:9405"')
    version, ignored = next_version(running, "2", None, {})
    assert (version.logs, version.metrics) == (running.logs, running.metrics)
    assert ignored == ["[logs]", "metrics.bind"]


def test_a_load_test_has_no_metrics_port_to_share(tmp_path: Path) -> None:
    running = load(tmp_path, '[metrics]\nbind = "127.0.0.1:9404"')
    assert running.on_loopback().metrics == Metrics()


def test_status_shows_how_much_of_a_worker_is_busy() -> None:
    [line] = [line for line in shown(STATUS).splitlines() if line.startswith("node1-1")]
    assert "3/4" in line


def test_status_shows_where_metrics_are_and_what_went_wrong() -> None:
    assert "metrics" not in shown(STATUS)
    told = replace(STATUS, metrics_url="http://h/metrics", lost_log_lines=1200)
    assert "metrics at http://h/metrics" in shown(told)
    assert "1,200 log lines could not be written; is the disk full?" in shown(told)
    died = replace(
        STATUS,
        balancer=replace(STATUS.balancer, restarts=1),
        store=StoreStatus("redis://h", 4, 0.25, restarts=2),
    )
    assert "balancer died and was started again once" in shown(died)
    assert "store died and was started again 2 times" in shown(died)
    assert DeploymentStatus.from_json(died.to_json()) == died
