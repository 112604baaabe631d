"""The balancer, the nodes and their migrations in docker-compose.yml, one function each."""

import hashlib
import math
import re

from ..deployment import Deployment
from ..limits import MIB
from .containers import (
    BALANCER_IMAGE,
    CERTIFICATE,
    CERTIFICATE_KEY,
    TLS_PORT,
    VISITORS_PORT,
    balancer_health_command,
    grace_period,
    has_postgres,
    health_command,
    limits,
    migrate_command,
    node_environment,
    published_host,
    secrets_of,
    serve_command,
    slot_names,
)
from .haproxy import HARD_STOP
from .yaml_text import flow, quoted, word

PYTHON_IMAGE = "python:3.13-slim"

# A default in ${NAME:-…} goes to the first of these.
AWKWARD = re.compile(r"[${}\\]")


def locked_down() -> str:
    """What holds for every container."""
    return """\
x-locked-down: &locked-down
  read_only: true
  cap_drop: [ALL]
  security_opt: ["no-new-privileges:true"]
  restart: unless-stopped
  logging:
    driver: json-file
    options: { max-size: 10m, max-file: "3" }
"""


def node(deployment: Deployment, image: str) -> str:
    """What a node and the migrations have in common."""
    containers = deployment.containers
    return f"""\
# A node, and what runs once before the nodes: the same image with the same settings.
x-node: &node
  <<: *locked-down
  build:
    context: .
    dockerfile: {word(containers.dockerfile)}
    args:
      PYTHON_IMAGE: ${{PYTHON_IMAGE:-{PYTHON_IMAGE}}}
  image: ${{WEB_IMAGE:-{image}}}
  init: true
  environment:
{_environment(deployment)}\
  secrets: {flow(secrets_of(deployment))}
  tmpfs: ["/tmp:mode=1777,size=64m"]
  deploy:
    resources:
      limits: {limits(deployment.cpus or 1.0, containers.memory)}
"""


def balancer(deployment: Deployment, config: str) -> str:
    """`config` is HAProxy's file."""
    digest = hashlib.sha256(config.encode()).hexdigest()[:12]
    return f"""\
  balancer:
    <<: *locked-down
    image: ${{HAPROXY_IMAGE:-{BALANCER_IMAGE}}}
    # `up` makes the container anew when the file has become another one.
    labels: {{ twofold.balancer: {quoted(digest)} }}
    configs:
      - source: haproxy
        target: /usr/local/etc/haproxy/haproxy.cfg
{_certificates(deployment)}\
    ports: [{", ".join(map(quoted, _ports(deployment)))}]
    networks: [front]
    depends_on: [web]
    healthcheck:
      # Healthy is the balancer that has a worker to send requests to.
      test:
{_test(balancer_health_command())}\
      interval: 5s
      timeout: 3s
      start_period: {math.ceil(deployment.boot_timeout)}s
    stop_grace_period: {HARD_STOP + 10}s
    deploy:
      resources:
        limits: {limits(1.0, 256 * MIB)}
"""


def web(deployment: Deployment) -> str:
    """The nodes."""
    migrated = "      migrate: { condition: service_completed_successfully }\n"
    return f"""\
  web:
    <<: *node
    # Workers, and so ports, as in the balancer's file.
    command: {_command(serve_command(deployment))}
    networks:
      # The balancer asks for each slot by a name of its own.
      front: {{ aliases: {flow(slot_names(deployment))} }}
      data:
{_depends_on(deployment, migrated if deployment.migrate else "")}\
    healthcheck:
      test: {flow(("CMD", *health_command(deployment)))}
      interval: 5s
      # A worker may be busy for as long as its longest request.
      timeout: {math.ceil(deployment.balancer.request_timeout)}s
      start_period: {math.ceil(deployment.boot_timeout)}s
    # Longer than the drain and gunicorn's graceful timeout together.
    stop_grace_period: {grace_period(deployment)}s
    deploy:
      replicas: {deployment.nodes}
      resources:
        limits: {limits(deployment.cpus or 1.0, deployment.containers.memory)}
"""


def migrate(deployment: Deployment) -> str:
    """The one-off job; it takes a lock, so that two of them do no harm."""
    return f"""\
  # Runs once, before any node of a version starts; if it fails, none does.
  migrate:
    <<: *node
    command: {_command(migrate_command(deployment) or ())}
    restart: "no"
    networks: [{"data" if has_postgres(deployment) else "front"}]
{_depends_on(deployment, "")}\
    healthcheck: {{ disable: true }}
"""


def _environment(deployment: Deployment) -> str:
    own = {name: word(text) for name, text in node_environment(deployment).items()}
    # As on the local target: what the environment says counts more than the file. Those that the
    # secrets hold are not written out here for everybody.
    env = {
        name: quoted(_overridable(name, text))
        for name, text in deployment.env.items()
        if f"{name}_FILE" not in own
    }
    return "".join(f"    {name}: {text}\n" for name, text in {**own, **env}.items())


def _overridable(name: str, text: str) -> str:
    if AWKWARD.search(text) or not name.isidentifier():
        return escaped(text)
    return f"${{{name}:-{text}}}"


def escaped(text: str) -> str:
    """So that Compose reads the text itself, and no variable in it."""
    return text.replace("$", "$$")


def _command(words: tuple[str, ...]) -> str:
    return flow(escaped(each) for each in words)


def _test(command: tuple[str, ...]) -> str:
    return "".join(f"        - {word(escaped(each))}\n" for each in ("CMD", *command))


def _depends_on(deployment: Deployment, more: str) -> str:
    healthy = "condition: service_healthy"
    lines = f"      redis: {{ {healthy} }}\n" if deployment.containers.redis else ""
    if has_postgres(deployment):
        lines += f"      postgres: {{ {healthy} }}\n"
    return f"    depends_on:\n{lines}{more}" if lines + more else ""


def _ports(deployment: Deployment) -> list[str]:
    published = deployment.balancer
    host, port = published_host(published.bind), published.address[1]
    if not published.tls:
        return [f"{host}${{PORT:-{port}}}:{VISITORS_PORT}"]
    ports = [f"{host}${{PORT:-{port}}}:{TLS_PORT}"]
    if published.redirect_bind:
        plain_host, _, plain_port = published.redirect_bind.rpartition(":")
        place = published_host(f"{plain_host}:{plain_port}")
        ports.append(f"{place}${{REDIRECT_PORT:-{plain_port}}}:{VISITORS_PORT}")
    return ports


def _certificates(deployment: Deployment) -> str:
    tls = deployment.balancer.tls
    if not tls:
        return ""
    names = [CERTIFICATE, CERTIFICATE_KEY] if tls.key else [CERTIFICATE]
    return f"    secrets: {flow(names)}\n"
