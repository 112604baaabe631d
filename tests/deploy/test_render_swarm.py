import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import binaries
from deploy.container_settings import Containers
from deploy.deployment import TLS, Balancer, Deployment
from deploy.errors import SettingsError
from deploy.profiles import profile
from deploy.render.swarm import render_swarm, render_swarm_haproxy
from deploy.swarm_settings import Swarm

GOLDEN = Path(__file__).parent / "golden" / "swarm.yml"

DEPLOYMENT = Deployment(
    name="shop",
    app="shop:app",
    directory=Path("/srv/shop"),
    nodes=4,
    workers=2,
    profile=profile("threads", threads=4),
    balancer=Balancer("0.0.0.0:80"),
    migrate="twofold db upgrade",
    env={"PRICE": "$5", "DATABASE_URL": "postgresql://user:hidden@db/shop"},
    version="2026-11",
)


def services(deployment: Deployment = DEPLOYMENT, **extra: Any) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(render_swarm(deployment, **extra))["services"]
    return found


def test_the_file_is_the_one_that_was_reviewed() -> None:
    """After a change on purpose: write what `render_swarm(DEPLOYMENT)` returns to the golden file,
    and read it."""
    # The balancers' file has golden copies of its own.
    found = re.sub(r"shop_haproxy_[0-9a-f]{12}", "shop_haproxy_0", render_swarm(DEPLOYMENT))
    assert found == GOLDEN.read_text()


def test_secrets_are_not_in_the_file() -> None:
    text = render_swarm(DEPLOYMENT)
    assert "hidden" not in text
    assert services()["web"]["environment"]["DATABASE_URL_FILE"] == "/run/secrets/database_url"
    # Swarm would read a variable into it.
    assert services()["web"]["environment"]["PRICE"] == "$$5"


def test_secrets_have_the_names_that_swarm_knows_them_by() -> None:
    text = render_swarm(DEPLOYMENT, secrets={"secret_key": "shop_secret_key_abc"})
    secrets = yaml.safe_load(text)["secrets"]
    assert secrets["secret_key"] == {"external": True, "name": "shop_secret_key_abc"}
    assert secrets["redis_url"] == {"external": True, "name": "shop_redis_url"}


def test_another_balancer_file_is_another_config() -> None:
    def config(deployment: Deployment) -> str:
        name: str = yaml.safe_load(render_swarm(deployment))["configs"]["haproxy"]["name"]
        return name

    more_workers = replace(DEPLOYMENT, workers=3)
    assert render_swarm_haproxy(more_workers) != render_swarm_haproxy(DEPLOYMENT)
    assert config(more_workers) != config(DEPLOYMENT)
    assert config(replace(DEPLOYMENT, version="2")) == config(DEPLOYMENT)


def test_hosts_are_chosen_by_constraints() -> None:
    swarm = Swarm(balancers=("node.labels.edge == true",), web=("node.role != manager",))
    found = services(replace(DEPLOYMENT, swarm=swarm))
    assert found["balancer"]["deploy"]["placement"] == {"constraints": ["node.labels.edge == true"]}
    assert found["web"]["deploy"]["placement"] == {"constraints": ["node.role != manager"]}
    data = {"constraints": ["node.labels.twofold.data == true"]}
    assert found["redis"]["deploy"]["placement"] == data
    assert found["postgres"]["deploy"]["placement"] == data


def test_data_is_there_before_the_nodes() -> None:
    assert services(data_only=True).keys() == {"redis", "postgres"}
    elsewhere = Containers(redis=False, postgres=False)
    assert services(replace(DEPLOYMENT, containers=elsewhere), data_only=True) == {}
    assert services(replace(DEPLOYMENT, containers=elsewhere)).keys() == {"balancer", "web"}


def test_https_has_both_ports_and_the_certificate_as_secrets() -> None:
    balancer = Balancer("0.0.0.0:443", tls=TLS("/c.pem", "/k.pem"), redirect_bind="0.0.0.0:80")
    found = services(replace(DEPLOYMENT, balancer=balancer))["balancer"]
    assert [port["published"] for port in found["ports"]] == [443, 80]
    assert {port["mode"] for port in found["ports"]} == {"host"}
    assert found["secrets"] == ["certificate.pem", "certificate.pem.key"]


def test_node_stops_only_after_its_drain_and_its_requests() -> None:
    slow = replace(DEPLOYMENT, balancer=Balancer("0.0.0.0:80", request_timeout=120))
    grace = services(slow)["web"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > 120 + 3


def test_unix_socket_has_no_meaning() -> None:
    with pytest.raises(SettingsError, match=r"balancer\.bind"):
        render_swarm(replace(DEPLOYMENT, balancer=Balancer("unix:/run/shop")))


@pytest.mark.skipif(shutil.which("docker") is None, reason="there is no docker command")
def test_docker_reads_it_as_a_stack(tmp_path: Path) -> None:
    (tmp_path / "haproxy.cfg").touch()
    file = tmp_path / "stack.yml"
    file.write_text(render_swarm(DEPLOYMENT))
    # It asks no engine.
    env = {**os.environ, "DOCKER_HOST": "tcp://127.0.0.1:1"}
    command = ("docker", "stack", "config", "--compose-file", str(file))
    answer = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if "unknown" in answer.stderr.lower() or "is not a docker command" in answer.stderr:
        pytest.skip("this docker command cannot read stacks without an engine")
    assert answer.returncode == 0, answer.stderr
    web = yaml.safe_load(answer.stdout)["services"]["web"]
    assert web["deploy"]["update_config"]["order"] == "start-first"
    assert web["command"][:3] == ["twofold", "serve", "shop:app"]


def test_haproxy_accepts_the_balancers_file(tmp_path: Path) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text(render_swarm_haproxy(DEPLOYMENT))
    checked = subprocess.run(
        [binaries.haproxy(), "-c", "-f", file], capture_output=True, text=True, check=False
    )
    if "prometheus-exporter" in checked.stderr:
        pytest.skip("this HAProxy was built without its Prometheus exporter")
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout


def test_balancers_give_up_silent_hosts_and_bear_with_slow_visitors() -> None:
    lines = [line.strip() for line in render_swarm_haproxy(DEPLOYMENT).splitlines()]
    assert "option srvtcpka" in lines
    assert any(line.startswith("bind :8080") and "tcp-ut 60s" in line for line in lines)
    assert services()["balancer"]["sysctls"]["net.ipv4.tcp_retries2"] == 4
