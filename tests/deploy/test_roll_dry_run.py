"""`twofold roll --dry-run` on a running deployment."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.cli import main
from deploy.targets.local import LocalTarget

pytestmark = pytest.mark.integration

Start = Callable[..., LocalTarget]


def dry_run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["roll", "--dry-run", *arguments])
    return result.exit_code, result.output


def test_it_tells_what_a_roll_does_and_changes_nothing(start: Start, project: Path) -> None:
    target = start(nodes=2, workers=1)
    before = target.status()
    (project / "twofold.toml").write_text(
        'readiness_path = "/ok"\nredis_url = "redis://h"\n[balancer]\nmax_body = 5\n'
    )
    code, shown = dry_run("--threads", "2", "--env", "KEY=hush", "--version", "next")
    assert code == 0, shown
    for line in (
        "version next in place of 1",
        "  profile.threads: 4 -> 2",
        "  env.KEY: not set -> set",
        "  readiness_path: /readyz -> /ok",
        "  balancer.limits.max_body: 16777216 -> 5",
        "  redis_url: stays as it is until the next `twofold up`",
        "  1. start node3: 1 worker of site_app:app from",
        "  5. drain node1, of version 1",
        "let a second balancer take over",
        "Nothing was changed",
    ):
        assert line in shown
    assert "hush" not in shown

    code, shown = dry_run("--json", "--workers", "2")
    plan = json.loads(shown)
    assert (code, plan["version"], plan["replaces"]) == (0, "2", "1")
    # Steps that a real roll then takes, in this order, with this label.
    after = target.status()
    assert [node.pid for node in after.nodes] == [node.pid for node in before.nodes]
    assert (after.version, after.balancer.pid) == ("1", before.balancer.pid)
    told: list[str] = []
    assert target.roll(given={"workers": 2}, report=told.append).version == plan["version"]
    started = [text.partition(" is ready")[0] for text in told if text.endswith(" is ready")]
    assert [f"start {name}:" in "\n".join(plan["steps"]) for name in started] == [True, True]
    assert started == ["node3", "node1"]


def test_what_would_stop_the_roll_stops_the_dry_run(start: Start, project: Path) -> None:
    target = start(nodes=1, workers=1)
    (project / "site_app.py").write_text("raise RuntimeError('no key is set')\n")
    code, shown = dry_run()
    assert code == 1
    assert "version 2 was not started" in shown
    assert "no key is set" in shown
    code, shown = dry_run("--version", "1")
    assert code == 2
    assert "there is a version 1 already" in shown
    assert target.status().under_way is None
