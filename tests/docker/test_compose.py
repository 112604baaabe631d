"""The Compose file on a real engine: a cart over nodes, scaling under traffic, the profiles."""

from __future__ import annotations

import http.client
import json
import subprocess
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest
import trustme

from deploy.deployment import TLS, Balancer
from deploy.render.haproxy_dns import render_haproxy_dns
from deploy.settings import load_deployment
from tests.docker.project import (
    ITEMS,
    ROOT,
    Project,
    Traffic,
    Visitor,
    docker,
    eventually,
    published,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def shop(shop_image: str, secrets_folder: Path) -> Iterator[Project]:
    project = Project(shop_image, secrets_folder)
    try:
        project.start()
        yield project
    finally:
        project.down()
    assert project.leftovers() == ""


@pytest.mark.parametrize("file", ["docker-compose.yml", "tests/deploy/golden/compose.yml"])
def test_compose_accepts_what_is_rendered(engine: None, secrets_folder: Path, file: str) -> None:
    profiles = ("--profile", "load", "--profile", "obs")
    answer = subprocess.run(
        ("docker", "compose", "--file", ROOT / file, *profiles, "config", "--format", "json"),
        env=Project("x", secrets_folder).env,
        capture_output=True,
        text=True,
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    services = json.loads(answer.stdout)["services"]
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "container_name" not in service, name
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory"} <= limits.keys(), name
    assert "ports" not in services["web"]
    assert services["balancer"]["ports"]


def test_the_balancers_image_takes_certificate_and_key_from_secrets(
    engine: None, tmp_path: Path
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("shop.example")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    issued.private_key_pem.write_to_path(tmp_path / "certificate.pem.key")
    tls = TLS("/srv/chain.pem", key="/srv/key.pem", hsts=300)
    balancer = Balancer("0.0.0.0:443", redirect_bind="0.0.0.0:80", tls=tls)
    example = load_deployment(ROOT / "examples/shop", {}, {})
    (tmp_path / "haproxy.cfg").write_text(render_haproxy_dns(replace(example, balancer=balancer)))
    tmp_path.chmod(0o755)
    for file in tmp_path.iterdir():
        file.chmod(0o644)
    config = "/usr/local/etc/haproxy/haproxy.cfg"
    mounts = ("--volume", f"{tmp_path}:/run/secrets:ro")
    image = ("--volume", f"{tmp_path}/haproxy.cfg:{config}:ro", "haproxy:3.0")
    checked = run("docker", "run", "--rm", *mounts, *image, "haproxy", "-c", "-f", config)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout


def test_cart_stays_whole_on_its_way_over_the_nodes(shop: Project) -> None:
    seen = set()
    identities = set()

    with closing(Visitor(shop.port)) as visitor:
        for number in range(30):
            assert visitor.add(number % ITEMS + 1) == 303
            cart = visitor.cart()
            assert cart["items"] == visitor.bought
            identities.add(cart["visitor"])
            seen.add(cart["node"])
            # Workers take turns: with two requests a round, every second one of the four would
            # be all that is asked for the cart, and these may be of one node.
            visitor.get("/served-by.json")

    assert seen == shop.nodes()
    assert len(identities) == 1


def test_scaling_under_traffic_loses_no_request(
    shop: Project, record_property: Callable[[str, object], None]
) -> None:
    """From one to three, five and two nodes of two workers each."""
    shop.scale(1)
    balancer = shop.balancer_processes()

    with Traffic(shop.port) as traffic:
        for nodes in (3, 5):
            shop.scale(nodes)
            assert len(shop.slots()) == 2 * nodes
            eventually(lambda: traffic.slots >= shop.slots(), what=f"traffic on {nodes} nodes")
        shop.scale(2)
        traffic.slots.clear()
        eventually(lambda: traffic.slots == shop.slots(), what="traffic on the two nodes left")

    record_property("requests", dict(traffic.requests))
    assert traffic.failed("GET") == []
    assert traffic.failed("POST") == []
    assert shop.balancer_processes() == balancer
    for visitor in traffic.visitors:
        with closing(visitor):
            assert visitor.cart()["items"] == visitor.bought


def test_migrations_ran_once_and_before_the_nodes(shop: Project) -> None:
    [job] = shop.containers("migrate")
    assert job["State"]["ExitCode"] == 0
    log = shop.compose("logs", "--no-log-prefix", "migrate")
    assert log.count("Running upgrade  -> 0001") == 1
    started = min(container["State"]["StartedAt"] for container in shop.containers("web"))
    [postgres] = shop.containers("postgres")
    assert postgres["State"]["StartedAt"] < started
    tables = shop.compose("exec", "postgres", "psql", "-U", "app", "-Atc", "\\dt")
    assert "alembic_version" in tables


def test_containers_are_read_only_and_nobody_is_root(shop: Project) -> None:
    for service in ("balancer", "web", "redis", "postgres"):
        for container in shop.containers(service):
            assert container["HostConfig"]["ReadonlyRootfs"], service
            assert container["HostConfig"]["CapDrop"] == ["ALL"], service
            assert container["HostConfig"]["Memory"] > 0, service
            assert container["HostConfig"]["NanoCpus"] > 0, service
        assert shop.compose("exec", service, "id", "-u").strip() != "0", service
    write = shop.run("exec", "--user", "0", "web", "touch", "/app/written")
    assert "Read-only file system" in write.stderr


def test_a_node_runs_under_any_user(shop: Project) -> None:
    name = f"{shop.name}-any"
    shop.compose("run", "--detach", "--no-deps", "--user", "23456:0", "--name", name, "web")
    try:
        health = ("docker", "exec", name, "python", "-m", "deploy.gunicorn.health", "/readyz")
        eventually(lambda: run(*health, "8001", "8002").returncode == 0, what="a healthy node")
        assert docker("exec", name, "id", "-u").strip() == "23456"
        log = run("docker", "logs", name)
        # The parser that our workers are fast with is in the image.
        assert "gunicorn_h1c" not in log.stderr + log.stdout
    finally:
        docker("rm", "--force", name)


def test_no_secret_is_in_an_environment_or_a_command(shop: Project, secrets_folder: Path) -> None:
    values = [file.read_text() for file in secrets_folder.iterdir()]
    for service in ("balancer", "web", "redis", "postgres", "migrate"):
        described = json.dumps(shop.containers(service))
        assert not any(value in described for value in values), service


def test_only_the_balancer_is_published_and_only_on_loopback(shop: Project) -> None:
    assert [binding["HostIp"] for binding in published(shop, "balancer")] == ["127.0.0.1"]
    for service in ("web", "redis", "postgres"):
        assert published(shop, service) == [], service


def test_redis_keeps_what_it_has_and_asks_for_its_password(shop: Project) -> None:
    def config(name: str) -> str:
        script = f'REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli config get "{name}"'
        return shop.compose("exec", "redis", "sh", "-c", script).split()[1]

    assert config("maxmemory-policy") == "noeviction"
    assert config("appendonly") == "yes"
    assert "NOAUTH" in shop.compose("exec", "redis", "redis-cli", "ping")


def test_carts_survive_a_restart_of_redis(shop: Project) -> None:
    with closing(Visitor(shop.port)) as visitor:
        assert visitor.add(1) == 303
        shop.compose("restart", "redis")
        eventually(lambda: visitor.get("/cart/contents")[0] == 200, what="the cart again")
        assert visitor.cart()["items"] == visitor.bought


def test_prometheus_under_its_profile_sees_every_slot(shop: Project) -> None:
    shop.compose("up", "--detach", "--no-build", "--no-recreate", "--wait", "prometheus")
    try:
        eventually(lambda: ask(shop, 'up{job="balancer"}') == ["1"], what="the target up")
        slots = len(shop.slots())
        query = 'haproxy_server_status{proxy="web",state="UP"} == 1'
        eventually(lambda: len(ask(shop, query)) == slots, what=f"{slots} slots in Prometheus")
    finally:
        shop.compose("rm", "--stop", "--force", "prometheus")


def ask(shop: Project, query: str) -> list[str]:
    """The values of a query to Prometheus."""
    connection = http.client.HTTPConnection("127.0.0.1", shop.prometheus_port, timeout=30)
    with closing(connection):
        connection.request("GET", f"/api/v1/query?query={quote(query)}")
        result = json.loads(connection.getresponse().read())["data"]["result"]
    return [series["value"][1] for series in result]


def test_locust_under_its_profile_finds_no_fault(shop: Project) -> None:
    options = ("--headless", "--only-summary", "--users", "4", "--spawn-rate", "4")
    once = ("run", "--rm", "--no-deps", "-e", "THINK_TIME=0.05", "locust")
    answer = shop.run(*once, *options, "--run-time", "5s")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_locust_workers_share_the_traffic_and_a_lost_one_is_noticed(shop: Project) -> None:
    services = ("locust", "locust-worker")
    shop.compose("up", "--detach", "--no-build", "--no-deps", "--no-recreate", *services)
    try:
        eventually(lambda: worker_states(shop) == ["ready"] * 2, what="two Locust workers")
        answer = locust(shop, "/swarm", {"user_count": "4", "spawn_rate": "4"})
        assert answer["success"], answer
        eventually(lambda: len(locust(shop, "/stats/requests")["stats"]) > 1, what="requests")
        eventually(lambda: worker_states(shop) == ["running"] * 2, what="both at work")
        assert locust(shop, "/stats/requests")["fail_ratio"] == 0
        docker("kill", shop.containers("locust-worker")[0]["Id"])
        eventually(lambda: "missing" in worker_states(shop), what="one worker missing")
    finally:
        shop.compose("rm", "--stop", "--force", *services)


def worker_states(shop: Project) -> list[str]:
    try:
        return [worker["state"] for worker in locust(shop, "/stats/requests")["workers"]]
    except (OSError, http.client.HTTPException):
        return []


def locust(shop: Project, path: str, form: dict[str, str] | None = None) -> Any:
    """Ask Locust's master."""
    connection = http.client.HTTPConnection("127.0.0.1", shop.locust_port, timeout=30)
    with closing(connection):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST" if form else "GET", path, urlencode(form or {}), headers)
        return json.loads(connection.getresponse().read())


def test_missing_secrets_are_named_with_the_way_out(engine: None) -> None:
    project = Project("twofold-shop", None)
    project.env.pop("SECRETS", None)
    answer = project.run("config", "--quiet")
    assert answer.returncode != 0
    assert "sh docker/make-secrets" in answer.stderr
