from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import fields, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner
from kubernetes_validate.utils import all_versions

from deploy import binaries
from deploy.cli import main
from deploy.container_settings import Containers
from deploy.deployment import TLS, Balancer, Deployment
from deploy.errors import SettingsError
from deploy.metrics import catalogue
from deploy.profiles import profile
from deploy.render.kubernetes import render_kubernetes
from deploy.render.kubernetes.environment import looks_secret
from deploy.render.kubernetes.settings import KubernetesSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN = Path(__file__).parent / "golden" / "kubernetes.yaml"
HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "kubernetes.md"

# The oldest that does everything used here without being told to, and all since.
OLDEST = "1.30.0"
# Each is listed twice, lenient and strict.
VERSIONS = list(dict.fromkeys(all_versions()[all_versions().index(OLDEST) :]))

DEPLOYMENT = Deployment(
    name="shop",
    app="shop:app",
    directory=Path("/srv/shop"),
    nodes=3,
    workers=2,
    profile=profile("threads", threads=4),
    containers=Containers(image="registry.example.com/shop"),
    migrate="twofold db upgrade",
    env={"STOCK_DELAY": "0.1", "PAYMENT_TOKEN": "very-secret"},
    version="1.4.2",
    kubernetes={"host": "shop.example.com", "tls_secret": "shop-tls", "ingress_class": "nginx"},
)

VARIANTS = {
    "all there is": DEPLOYMENT,
    "as little as there can be": replace(
        DEPLOYMENT, nodes=1, workers=1, migrate=None, env={}, kubernetes={"max_nodes": 1}
    ),
    "CPUs": replace(DEPLOYMENT, cpus=0.25),
    "an app of another framework": replace(DEPLOYMENT, readiness_path="/"),
    "greenlets": replace(DEPLOYMENT, profile=profile("greenlets", greenlets=100)),
    "processes": replace(DEPLOYMENT, profile=profile("processes"), kubernetes={"balancers": 1}),
    "text that YAML could misread": replace(
        DEPLOYMENT,
        name="on",
        version="no",
        env={"ODD": "- [*&!%@`] {\"'\n: #\t€ 😀", "YES": "on", "NUMBER": "010", "EMPTY": ""},
    ),
}


def objects(deployment: Deployment = DEPLOYMENT) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(render_kubernetes(deployment)))


def one(kind: str, name: str = "", deployment: Deployment = DEPLOYMENT) -> dict[str, Any]:
    """The only object of that kind whose name ends so."""
    [found] = [
        o for o in objects(deployment) if o["kind"] == kind and o["metadata"]["name"].endswith(name)
    ]
    return found


def pod(kind: str, name: str = "", deployment: Deployment = DEPLOYMENT) -> dict[str, Any]:
    found: dict[str, Any] = one(kind, name, deployment)["spec"]["template"]["spec"]
    return found


def test_the_file_is_the_one_that_was_reviewed() -> None:
    """After a change on purpose: write what `render_kubernetes` returns there, and read it."""
    assert render_kubernetes(DEPLOYMENT) == GOLDEN.read_text()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid_for_every_version(version: str) -> None:
    for found in objects():
        kubernetes_validate.validate(found, version, strict=True)


@pytest.mark.parametrize("deployment", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_is_valid(deployment: Deployment) -> None:
    for found in objects(deployment):
        kubernetes_validate.validate(found, VERSIONS[-1], strict=True)


def test_the_validation_finds_a_misspelt_field() -> None:
    found = one("Deployment", "web")
    found["spec"]["minReadySecond"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="minReadySecond"):
        kubernetes_validate.validate(found, VERSIONS[-1], strict=True)


def test_what_is_promised_is_there() -> None:
    kinds = {o["kind"] for o in objects()}
    assert kinds == {
        *("Deployment", "Service", "Ingress", "HorizontalPodAutoscaler", "PodDisruptionBudget"),
        *("NetworkPolicy", "Job", "ConfigMap"),
    }


def test_no_secret_value_is_printed() -> None:
    env = {
        "SECRET_KEY": "value-of-the-key",
        "PAYMENT_TOKEN": "value-of-the-token",
        "CACHE_URL": "redis://app:value-of-the-url@cache:6379/0",
        "STOCK_DELAY": "0.1",
    }
    deployment = replace(DEPLOYMENT, env=env, redis_url="redis://:value-of-redis@cache:6379/0")
    text = render_kubernetes(deployment)
    assert "value-of" not in text
    variables = pod("Deployment", "web", deployment)["containers"][0]["env"]
    by_name = {variable["name"]: variable for variable in variables}
    assert by_name["STOCK_DELAY"]["value"] == "0.1"
    reference = {"name": "shop", "key": "PAYMENT_TOKEN"}
    assert by_name["PAYMENT_TOKEN"]["valueFrom"] == {"secretKeyRef": reference}
    # The Secret has it as a file, and the app refuses the same setting given twice.
    assert "SECRET_KEY" not in by_name
    assert "with secret_key, redis_url, database_url, PAYMENT_TOKEN, CACHE_URL." in text


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("SECRET_KEY", "", True),
        ("smtp_password", "x", True),
        ("SENTRY_DSN", "x", True),
        ("STRIPE_API_KEY", "x", True),
        ("SEARCH_URL", "https://user:pass@search.example.com", True),
        ("SEARCH_URL", "https://search.example.com/a@b:c", False),
        ("SECRET_KEY_FILE", "/run/secrets/secret_key", False),
        ("MONKEY", "x", False),
        ("KEYBOARD", "x", False),
    ],
)
def test_secrets_are_known_by_name_or_by_password(name: str, value: str, secret: bool) -> None:
    assert looks_secret(name, value) is secret


def test_odd_values_arrive_as_they_are() -> None:
    deployment = VARIANTS["text that YAML could misread"]
    variables = pod("Deployment", "web", deployment)["containers"][0]["env"]
    values = {variable["name"]: variable.get("value") for variable in variables}
    assert {name: values[name] for name in deployment.env} == deployment.env
    template = one("Deployment", "web", deployment)["spec"]["template"]
    assert template["metadata"]["annotations"]["twofold/version"] == "no"


def test_another_version_migrates_anew_and_the_same_one_does_not() -> None:
    name = one("Job")["metadata"]["name"]
    assert name == one("Job")["metadata"]["name"]
    others = (
        replace(DEPLOYMENT, version="1.4.3"),
        replace(DEPLOYMENT, env={"STOCK_DELAY": "0.2"}),
        replace(DEPLOYMENT, migrate="alembic upgrade head"),
    )
    names = {one("Job", deployment=other)["metadata"]["name"] for other in others}
    assert len(names | {name}) == 4
    assert f"job/{name}\n" in render_kubernetes(DEPLOYMENT)


def test_a_migration_has_the_time_that_it_is_given() -> None:
    patient = replace(DEPLOYMENT, migrate_timeout=1800)
    assert one("Job", deployment=patient)["spec"]["activeDeadlineSeconds"] == 1800
    assert "--timeout=1800s" in render_kubernetes(patient)


@pytest.mark.parametrize(("kind", "part"), [("Deployment", "web"), ("Deployment", "balancer")])
def test_a_pod_is_killed_only_after_it_could_have_ended(kind: str, part: str) -> None:
    slow = replace(DEPLOYMENT, balancer=Balancer(request_timeout=90))
    found = pod(kind, part, slow)
    [container] = found["containers"]
    asleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    longest = 30
    if part == "web":
        drain = int(container["command"][container["command"].index("--drain") + 1])
        longest = drain + 90
    assert found["terminationGracePeriodSeconds"] > asleep + longest


def test_a_busy_worker_has_as_long_for_a_probe_as_for_a_request() -> None:
    [container] = pod("Deployment", "web")["containers"]
    for probe in ("readinessProbe", "livenessProbe"):
        assert container[probe]["timeoutSeconds"] >= DEPLOYMENT.balancer.request_timeout


@pytest.mark.parametrize(
    ("kind", "part"), [("Deployment", "web"), ("Deployment", "balancer"), ("Job", "")]
)
def test_pods_keep_the_restricted_standard(kind: str, part: str) -> None:
    """Kubernetes' Pod Security Standards, level restricted, and a read-only root besides."""
    found = pod(kind, part)
    assert found["securityContext"]["runAsNonRoot"] is True
    assert found["securityContext"]["runAsUser"] > 0
    assert found["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert found["automountServiceAccountToken"] is False
    for container in found["containers"]:
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["readOnlyRootFilesystem"] is True
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"]["cpu"]
    assert {kind for volume in found["volumes"] for kind in volume} <= {
        *("name", "configMap", "emptyDir", "secret")
    }


def test_selectors_find_the_pods_that_they_are_for() -> None:
    for part in ("web", "balancer"):
        labels = one("Deployment", part)["spec"]["template"]["metadata"]["labels"]
        selectors = [
            one("Deployment", part)["spec"]["selector"]["matchLabels"],
            one("Service", "slot2" if part == "web" else part)["spec"]["selector"],
            one("PodDisruptionBudget", part)["spec"]["selector"]["matchLabels"],
            one("NetworkPolicy", part)["spec"]["podSelector"]["matchLabels"],
        ]
        assert all(selector.items() <= labels.items() for selector in selectors), part
    target = one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert target["name"] == one("Deployment", "web")["metadata"]["name"]
    backend = one("Ingress")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend["name"] == one("Service", "balancer")["metadata"]["name"]


def test_the_autoscaler_has_the_number_of_nodes_or_the_deployment_has() -> None:
    scaler = one("HorizontalPodAutoscaler")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 12)
    assert scaler["metrics"][0]["external"]["metric"]["name"] == catalogue.SATURATION.name
    assert "replicas" not in one("Deployment", "web")["spec"]
    fixed = replace(DEPLOYMENT, kubernetes={"max_nodes": 3})
    assert all(o["kind"] != "HorizontalPodAutoscaler" for o in objects(fixed))
    assert one("Deployment", "web", fixed)["spec"]["replicas"] == 3


def haproxy_file(deployment: Deployment = DEPLOYMENT) -> str:
    text: str = one("ConfigMap", deployment=deployment)["data"]["haproxy.cfg"]
    return text


@pytest.mark.parametrize("deployment", VARIANTS.values(), ids=VARIANTS)
def test_haproxy_accepts_its_file(tmp_path: Path, deployment: Deployment) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text(haproxy_file(deployment))
    checked = subprocess.run(
        [binaries.haproxy(), "-c", "-f", file],
        env={**os.environ, "POD_NAMESPACE": "default"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout


def test_balancers_share_the_places_of_a_worker_and_find_all_nodes() -> None:
    text = haproxy_file()
    assert " maxconn 2 " in text
    assert (
        'server-template slot2- 1-13 "shop-slot2.${POD_NAMESPACE}.svc.cluster.local":8002' in text
    )
    alone = replace(DEPLOYMENT, kubernetes={"balancers": 1, "max_nodes": 20})
    assert " maxconn 4 " in haproxy_file(alone)
    assert "slot1- 1-21 " in haproxy_file(alone)


def test_another_haproxy_file_makes_other_pods() -> None:
    def annotations(deployment: Deployment) -> dict[str, str]:
        found: dict[str, str] = one("Deployment", "balancer", deployment)["spec"]["template"][
            "metadata"
        ]["annotations"]
        return found

    slower = replace(DEPLOYMENT, balancer=Balancer(request_timeout=31))
    assert annotations(DEPLOYMENT) != annotations(slower)


def test_the_ingress_is_believed_and_networks_that_are_named_replace_it() -> None:
    assert "acl from_proxy src 10.0.0.0/8 172.16.0.0/12" in haproxy_file()
    named = replace(DEPLOYMENT, balancer=Balancer(trusted_proxies=("10.8.0.0/16",)))
    assert "acl from_proxy src 10.8.0.0/16\n" in haproxy_file(named)


REFUSED: dict[str, tuple[Deployment, str]] = {
    "no image": (replace(DEPLOYMENT, containers=Containers()), r"containers\.image is missing"),
    "a version that is no tag": (replace(DEPLOYMENT, version="a b"), r"version = 'a b'.*--version"),
    "the latest": (replace(DEPLOYMENT, version="latest"), r"version = 'latest'"),
    "a unix socket": (
        replace(DEPLOYMENT, balancer=Balancer("unix:/run/shop.sock")),
        r"balancer\.bind = 'unix:/run/shop\.sock'.*leave balancer\.bind out",
    ),
    "https of its own": (
        replace(DEPLOYMENT, balancer=Balancer(tls=TLS("/c.pem"))),
        r"balancer\.tls.*kubernetes\.tls_secret",
    ),
    "the PROXY protocol": (
        replace(DEPLOYMENT, balancer=Balancer(trusted_proxies=("::1",), proxy_protocol=True)),
        r"balancer\.proxy_protocol",
    ),
    "a name with capitals": (replace(DEPLOYMENT, name="My_Shop"), r"name = 'My_Shop'.*'my-shop'"),
    "an unknown key": (
        replace(DEPLOYMENT, kubernetes={"hosts": "a.example"}),
        r"kubernetes\.hosts: unknown key; did you mean 'host'",
    ),
    "a URL for a host": (
        replace(DEPLOYMENT, kubernetes={"host": "https://a.example"}),
        r"kubernetes\.host = 'https://a\.example': must be a host name",
    ),
    "fewer at most than at first": (
        replace(DEPLOYMENT, kubernetes={"max_nodes": 2}),
        r"kubernetes\.max_nodes = 2 is less than nodes = 3",
    ),
    "a certificate of nobody": (
        replace(DEPLOYMENT, kubernetes={"tls_secret": "a"}),
        r"kubernetes\.tls_secret .* kubernetes\.host",
    ),
}


@pytest.mark.parametrize(("deployment", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_in_a_cluster_is_refused(deployment: Deployment, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        render_kubernetes(deployment)


@pytest.mark.parametrize("image", ["shop", "shop:latest", "Shop:1", "shop@sha256:12", "a b:1"])
def test_an_image_without_a_version_is_refused(image: str) -> None:
    with pytest.raises(SettingsError, match="must be an image with a version"):
        render_kubernetes(DEPLOYMENT, image=image)


@pytest.mark.parametrize(
    "image", ["shop:1", "registry.example.com:5000/a/shop:1.4", f"r.example/shop@sha256:{'a' * 64}"]
)
def test_an_image_that_is_given_is_taken_as_it_is(image: str) -> None:
    text = render_kubernetes(replace(DEPLOYMENT, containers=Containers()), image=image)
    assert text.count(f'image: "{image}"') == 2


def test_the_command_prints_what_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "twofold.toml").write_text(
        'app = "shop:app"\nname = "shop"\n[kubernetes]\nhost = "shop.example.com"\n'
    )
    words = ["render", "kubernetes", "-C", str(tmp_path), "--image", "shop:7", "--nodes", "4"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    [deployment] = [
        found
        for found in yaml.safe_load_all(result.stdout)
        if (found["kind"], found["metadata"]["name"]) == ("HorizontalPodAutoscaler", "shop-web")
    ]
    assert deployment["spec"]["minReplicas"] == 4


def test_the_command_names_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "twofold.toml").write_text('app = "shop:app"\n')
    result = CliRunner().invoke(main, ["render", "kubernetes", "-C", str(tmp_path)])
    assert result.exit_code == 2
    assert "containers.image is missing" in result.output


def test_the_documentation_has_every_setting() -> None:
    text = HOW_TO.read_text()
    assert [f.name for f in fields(KubernetesSettings) if f"| `{f.name}` |" not in text] == []


@pytest.mark.integration
def test_the_metrics_of_the_documented_rule_exist(tmp_path: Path) -> None:
    wanted = set(re.findall(r"haproxy_\w+", HOW_TO.read_text()))
    assert len(wanted) == 3
    with node() as node_port, balancer(tmp_path, node_port) as metrics:
        page = eventually_up(metrics)
    samples = {line.partition("{")[0] for line in page.splitlines() if 'proxy="web"' in line}
    assert wanted <= samples
    assert 'haproxy_server_limit_sessions{proxy="web",server="slot1-1"} 2' in page


@contextmanager
def node() -> Iterator[int]:
    """Something that answers like a worker."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def balancer(folder: Path, node_port: int) -> Iterator[str]:
    """The rendered file on free ports, with an address in place of a name; yields its metrics."""
    visitors, metrics, runtime = free_port(), free_port(), free_port()
    text = haproxy_file()
    for pattern, replacement in (
        (r"bind :8080", f"bind 127.0.0.1:{visitors}"),
        (r"bind :8405", f"bind 127.0.0.1:{metrics}"),
        (r"127\.0\.0\.1:9999", f"127.0.0.1:{runtime}"),
        (r'"shop-slot[^"]*":\d+', f"127.0.0.1:{node_port}"),
        (r" resolvers replicas init-addr none", " init-addr libc"),
    ):
        text, count = re.subn(pattern, replacement, text)
        assert count, pattern
    file = folder / "haproxy.cfg"
    file.write_text(text)
    process = subprocess.Popen(
        [binaries.haproxy(), "-f", file],
        env={**os.environ, "POD_NAMESPACE": "default"},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{metrics}/metrics"
    finally:
        process.kill()
        process.wait()


def eventually_up(url: str) -> str:
    """The page, once the first slot is up."""
    deadline = time.monotonic() + 60
    page = ""
    while 'server="slot1-1",state="UP"} 1' not in page:
        assert time.monotonic() < deadline, page
        try:
            with urlopen(url, timeout=10) as answer:
                page = answer.read().decode()
        except OSError:
            pass
        time.sleep(0.1)
    return page


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
