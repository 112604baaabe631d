"""What Compose, Swarm and Kubernetes are told alike: commands, environment, ports, times."""

import ipaddress
import math
import shlex
from collections.abc import Mapping

from ..deployment import FIRST_SLOT_PORT, Balancer, Deployment
from ..errors import SettingsError
from ..limits import MIB

BALANCER_IMAGE = "haproxy:3.0"
REDIS_IMAGE = "redis:8"
POSTGRES_IMAGE = "postgres:17"

# Of Redis' memory; the rest is for buffers, and for the copy while it rewrites its log.
REDIS_SHARE = 0.75

# Where things listen inside their containers. Up to 1023 a port would need a privilege.
VISITORS_PORT = 8080
TLS_PORT = 8443
METRICS_PORT = 8405
"""Of the balancer: `/metrics` for Prometheus, `/readyz` for the health check."""
RUNTIME_PORT = 9999
"""Of the balancer, for commands; on its own loopback only."""

DRAIN = 3
"""Seconds between a node's leaving rotation and its stop: three checks, and one to spare."""
GRACE_MARGIN = 7

SECRETS_FOLDER = "/run/secrets"
CERTIFICATE = "certificate.pem"
# Where HAProxy looks for the key that is not in the other file.
CERTIFICATE_KEY = f"{CERTIFICATE}.key"

# Of the database that runs beside the nodes.
DATABASE = "app"
DATABASE_USER = "app"
# As many connections as PostgreSQL keeps with the memory it is given here.
MOST_CONNECTIONS = 500
SPARE_CONNECTIONS = 20


def check_containers(deployment: Deployment) -> None:
    """Refuse what has a meaning on one machine only.

    :raises SettingsError: names the setting.
    """
    balancer = deployment.balancer
    for setting, bind in (("bind", balancer.bind), ("redirect_bind", balancer.redirect_bind)):
        if bind:
            _check_published(f"balancer.{setting}", bind)


def image_name(deployment: Deployment) -> str:
    """Without a tag."""
    return deployment.containers.image or deployment.name.lower().replace("_", "-").strip("-")


def slot_ports(deployment: Deployment) -> range:
    """One for each worker of a node."""
    return range(FIRST_SLOT_PORT, FIRST_SLOT_PORT + deployment.workers)


def slot_names(deployment: Deployment) -> tuple[str, ...]:
    """A name in DNS for each worker of a node, which has the addresses of all nodes."""
    return tuple(f"slot{number}" for number in range(1, deployment.workers + 1))


def serve_command(deployment: Deployment) -> tuple[str, ...]:
    """What a node runs: everything that the balancer's file must agree with is in it."""
    profile = deployment.profile
    numbers = {
        "threads": ("--threads", str(profile.concurrency)),
        "greenlets": ("--greenlets", str(profile.concurrency)),
    }
    return (
        *("twofold", "serve", deployment.app),
        *("--workers", str(deployment.workers)),
        *("--profile", profile.name, *numbers.get(profile.name, ())),
        *("--bind", f"0.0.0.0:{FIRST_SLOT_PORT}"),
        *("--drain", str(DRAIN)),
    )


def migrate_command(deployment: Deployment) -> tuple[str, ...] | None:
    """What runs once before the nodes of a version."""
    return tuple(shlex.split(deployment.migrate)) if deployment.migrate else None


def health_command(deployment: Deployment) -> tuple[str, ...]:
    """Succeeds when every worker of the node answers."""
    ports = (str(port) for port in slot_ports(deployment))
    return ("python", "-m", "deploy.gunicorn.health", deployment.readiness_path, *ports)


def balancer_health_command(path: str = "/readyz") -> tuple[str, ...]:
    """Succeeds when there is a worker to send requests to; the image has bash, and no curl.

    `path` is another page on METRICS_PORT to ask for.
    """
    ask = (
        f"exec 3<>/dev/tcp/127.0.0.1/{METRICS_PORT}",
        rf"printf 'GET {path} HTTP/1.0\r\n\r\n' >&3",
        "grep -q ' 200 ' <&3",
    )
    return ("bash", "-c", " && ".join(ask))


def has_postgres(deployment: Deployment) -> bool:
    """Whether PostgreSQL runs beside the nodes."""
    wanted = deployment.containers.postgres
    return bool(deployment.migrate) if wanted is None else wanted


def secrets_of(deployment: Deployment) -> Mapping[str, str]:
    """The environment variable of each secret that a node reads, by the secret's name."""
    secrets = {"secret_key": "SECRET_KEY_FILE", "redis_url": "REDIS_URL_FILE"}
    if has_postgres(deployment) or deployment.migrate:
        secrets["database_url"] = "DATABASE_URL_FILE"
    return secrets


def node_environment(deployment: Deployment) -> dict[str, str]:
    """Beside what [env] says: where the secrets are, and whom a node believes."""
    files = {
        variable: f"{SECRETS_FOLDER}/{name}" for name, variable in secrets_of(deployment).items()
    }
    # Only the balancer can reach a node, and it replaces what visitors claim about proxies.
    return {**files, "FORWARDED_ALLOW_IPS": "*"}


def grace_period(deployment: Deployment) -> int:
    """Seconds that a node may take to stop: the drain, the longest request, and some."""
    return DRAIN + math.ceil(deployment.balancer.request_timeout) + GRACE_MARGIN


def published_host(bind: str) -> str:
    """What stands before the port that the engine publishes: an address and a colon, or nothing."""
    host = Balancer(bind).address[0]
    if host in ("0.0.0.0", "::"):  # noqa: S104
        return ""
    host = "127.0.0.1" if host == "localhost" else host
    return f"[{host}]:" if ":" in host else f"{host}:"


def shown_place(deployment: Deployment) -> str:
    """Where a visitor on this machine finds the app."""
    return deployment.balancer.url.replace("http://[::1]", "http://127.0.0.1")


def _check_published(setting: str, bind: str) -> None:
    if Balancer(bind).socket_path:
        raise SettingsError(
            f"{setting} = {bind!r}: a balancer in a container has no unix socket that you could "
            "reach; name a port, as in '127.0.0.1:8000'"
        )
    host = Balancer(bind).address[0]
    try:
        if host != "localhost":
            ipaddress.ip_address(host)
    except ValueError:
        raise SettingsError(
            f"{setting} = {bind!r}: an engine publishes ports on an address of the host's, and "
            f"{host!r} is a name; write the address"
        ) from None


def database_connections(deployment: Deployment) -> int:
    """What PostgreSQL must take when there are as many nodes as the balancer looks for."""
    workers = deployment.containers.replicas * deployment.workers
    needed = workers * deployment.profile.concurrency + SPARE_CONNECTIONS
    return min(needed, MOST_CONNECTIONS)


def limits(cpus: float, memory: int) -> str:
    """What a container may take; `memory` in bytes."""
    return f'{{ cpus: "{cpus}", memory: {memory // MIB}m }}'
