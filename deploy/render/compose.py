"""docker-compose.yml and the files beside it: any number of nodes behind one balancer."""

from collections.abc import Iterator

from ..deployment import Deployment
from . import compose_parts as parts
from . import compose_services as services
from .containers import (
    CERTIFICATE,
    CERTIFICATE_KEY,
    check_containers,
    has_postgres,
    image_name,
    shown_place,
)
from .haproxy_dns import render_haproxy_dns
from .prometheus import render_prometheus
from .secrets import FOLDER_VARIABLE, SCRIPT, render_secrets, secret_names
from .yaml_text import quoted, word

COMPOSE_FILE = "docker-compose.yml"
HAPROXY_FILE = "docker/haproxy.cfg"
PROMETHEUS_FILE = "docker/prometheus.yml"


def render_compose_files(deployment: Deployment) -> dict[str, str]:
    """All of them, by their paths in the build context."""
    return {
        COMPOSE_FILE: render_compose(deployment),
        HAPROXY_FILE: render_haproxy_dns(deployment),
        PROMETHEUS_FILE: render_prometheus(deployment),
        SCRIPT: render_secrets(deployment),
    }


def render_compose(deployment: Deployment, *, image: str | None = None) -> str:
    """The Compose file; its relative paths are from the build context.

    `image` is that of the nodes, with a tag or digest.
    """
    check_containers(deployment)
    return "\n".join(_sections(deployment, image or image_name(deployment)))


def _sections(deployment: Deployment, image: str) -> Iterator[str]:
    yield _head(deployment)
    yield services.locked_down()
    yield services.node(deployment, image)
    if deployment.containers.locustfile:
        yield parts.load_generator(deployment)
    yield "services:\n" + "\n".join(_services(deployment))
    yield _configs()
    yield _secrets(deployment)
    yield "networks:\n  front:\n  data:\n    internal: true\n"
    yield _volumes(deployment)


def _services(deployment: Deployment) -> Iterator[str]:
    yield services.balancer(deployment, render_haproxy_dns(deployment))
    yield services.web(deployment)
    if deployment.migrate:
        yield services.migrate(deployment)
    if deployment.containers.redis:
        yield parts.redis()
    if has_postgres(deployment):
        yield parts.postgres(deployment)
    if deployment.containers.locustfile:
        yield parts.locust()
    yield parts.prometheus()


def _head(deployment: Deployment) -> str:
    load = "#   docker compose --profile load up             Locust as well, on http://127.0.0.1:8089\n"
    ports = ["PORT", "PROMETHEUS_PORT"]
    if deployment.containers.locustfile:
        ports += ["LOCUST_PORT", "LOCUST_WORKERS", "LOCUSTFILE"]
    where = shown_place(deployment)
    return f"""\
# {deployment.app} on as many nodes as you like, behind one balancer. `twofold render compose` made
# this file and those that it names, out of twofold.toml: change that, and render again.
#
#   sh {SCRIPT}                       once: secrets, and the file .env
#   docker compose up --scale web=4              the app on {where}
#   docker compose up --scale web=8 --detach     more nodes, or fewer, while it runs
{load if deployment.containers.locustfile else ""}\
#   docker compose --profile obs up              Prometheus as well, on http://127.0.0.1:9090
#
# Settings, in the environment or in .env: {FOLDER_VARIABLE} (required), and what stands below
# with a default, as {", ".join(ports)}.
"""


def _configs() -> str:
    return f"""\
configs:
  haproxy:
    file: ${{HAPROXY_CONFIG:-./{HAPROXY_FILE}}}
  prometheus:
    file: ${{PROMETHEUS_CONFIG:-./{PROMETHEUS_FILE}}}
"""


def _secrets(deployment: Deployment) -> str:
    folder = f"${{{FOLDER_VARIABLE}:?make them, once, with  sh {SCRIPT}}}"
    lines = [
        f"  {name}:\n    file: {quoted(f'{folder}/{name}')}\n" for name in secret_names(deployment)
    ]
    tls = deployment.balancer.tls
    if tls:
        path = f"${{TLS_CERTIFICATE:-{tls.certificate}}}"
        lines.append(f"  {CERTIFICATE}:\n    file: {quoted(path)}\n")
    if tls and tls.key:
        path = f"${{TLS_KEY:-{tls.key}}}"
        lines.append(f"  {CERTIFICATE_KEY}:\n    file: {quoted(path)}\n")
    return "secrets:\n" + "".join(lines)


def _volumes(deployment: Deployment) -> str:
    names = []
    if deployment.containers.redis:
        names.append("redis")
    if has_postgres(deployment):
        names.append("postgres")
    return "volumes:\n" + "".join(f"  {word(name)}:\n" for name in [*names, "prometheus"])
