from pathlib import Path

import pytest

from deploy.deployment import Deployment
from deploy.errors import SettingsError
from deploy.settings import load_deployment


def load(folder: Path, table: str) -> Deployment:
    (folder / "twofold.toml").write_text(f'app = "shop:app"\n[swarm]\n{table}')
    return load_deployment(folder, {}, environ={})


def test_table_becomes_settings_that_survive_being_written_down(tmp_path: Path) -> None:
    table = """\
balancers = ["node.labels.edge == true", "node.role!=manager"]
engines = { host2 = "ssh://deploy@host2" }
"""
    deployment = load(tmp_path, table)
    assert deployment.swarm.balancers == ("node.labels.edge == true", "node.role!=manager")
    assert deployment.swarm.engines == {"host2": "ssh://deploy@host2"}
    assert Deployment.from_json(deployment.to_json()).swarm == deployment.swarm


@pytest.mark.parametrize(
    ("table", "setting"),
    [
        ('balancers = "edge"', "swarm.balancers"),
        ('web = ["labels.edge"]', "swarm.web"),
        ('data = ["node.labels.data = true"]', "swarm.data"),
        ('engines = { host2 = "host2" }', "swarm.engines"),
        ("balancer = []", "swarm.balancer"),
    ],
)
def test_what_swarm_would_not_understand_is_refused(
    tmp_path: Path, table: str, setting: str
) -> None:
    with pytest.raises(SettingsError, match=setting):
        load(tmp_path, table)
