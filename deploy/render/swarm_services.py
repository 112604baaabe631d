"""The services of a stack, one function each."""

import math
from collections.abc import Mapping, Sequence

from ..deployment import Deployment
from ..limits import MIB
from ..wording import counted
from .compose_services import escaped
from .containers import (
    BALANCER_IMAGE,
    CERTIFICATE,
    CERTIFICATE_KEY,
    DATABASE,
    DATABASE_USER,
    POSTGRES_IMAGE,
    SECRETS_FOLDER,
    TLS_PORT,
    VISITORS_PORT,
    balancer_health_command,
    database_connections,
    grace_period,
    health_command,
    limits,
    node_environment,
    secrets_of,
    serve_command,
    slot_names,
)
from .haproxy import HARD_STOP
from .stores import POSTGRES_TEST, REDIS_TEST, redis_start
from .yaml_text import flow, quoted, word

DEPLOYMENT_LABEL = "twofold.deployment"
VERSION_LABEL = "twofold.version"
RECORD_LABEL = "twofold.record"
SECRET_LABEL = "twofold.secret"  # noqa: S105  # a label's name

SECRET_VARIABLES: Mapping[str, str] = {
    "secret_key": "SECRET_KEY",
    "redis_url": "REDIS_URL",
    "database_url": "DATABASE_URL",
}
"""The setting of a node that a secret is, by the secret's name."""

DEFAULT_CPUS = 1.0
"""Of a node that is given none by name."""

# How long Swarm watches a new node before it counts it as good.
MONITOR = 5
# A check is a process of some 80 ms, which a node with a small quota feels; a roll waits for the
# first one of each node.
CHECK_INTERVAL = 5

# What a connection to a host that went silent waits for, in the balancer's network: four
# retransmissions are given up after some 6 s, and a request that waits for its answer is probed
# from the fifth second on.
SILENT_HOSTS: Mapping[str, int] = {
    "net.ipv4.tcp_retries2": 4,
    "net.ipv4.tcp_keepalive_time": 5,
    "net.ipv4.tcp_keepalive_intvl": 1,
    "net.ipv4.tcp_keepalive_probes": 3,
}


def locked_down() -> str:
    """What holds for every container, as far as Swarm knows it."""
    return """\
x-locked-down: &locked-down
  read_only: true
  cap_drop: [ALL]
  logging:
    driver: json-file
    options: { max-size: 10m, max-file: "3" }
"""


def balancer(deployment: Deployment) -> str:
    """One on each host that is asked for, on the host's own port."""
    sysctls = "".join(f"      {name}: {value}\n" for name, value in SILENT_HOSTS.items())
    return f"""\
  balancer:
    <<: *locked-down
    image: ${{HAPROXY_IMAGE:-{BALANCER_IMAGE}}}
    configs:
      - source: haproxy
        target: /usr/local/etc/haproxy/haproxy.cfg
{_secrets(certificates(deployment))}\
    ports:
{_ports(deployment)}\
    networks: [front]
    # A dead host does not close its connections; visitors' ones have a limit of their own.
    sysctls:
{sysctls}\
    healthcheck:
      # Healthy is the balancer that answers at all: one without nodes is no better elsewhere.
      test:
{_test(balancer_health_command("/metrics"))}\
      interval: 5s
      timeout: 3s
      start_period: 30s
    stop_grace_period: {HARD_STOP + 10}s
    deploy:
      mode: global
      labels: {{ {DEPLOYMENT_LABEL}: {quoted(deployment.name)} }}
{_placement(deployment.swarm.balancers)}\
      # The port is taken until the old one has gone: host after host.
      update_config: {{ order: stop-first, parallelism: 1, failure_action: pause }}
      resources:
        limits: {limits(1.0, 256 * MIB)}
"""


def web(deployment: Deployment, image: str, labels: Mapping[str, str]) -> str:
    """The nodes, each on the host that has the fewest."""
    label_lines = "".join(f"        {name}: {quoted(text)}\n" for name, text in labels.items())
    return f"""\
  web:
    <<: *locked-down
    image: {word(image)}
    init: true
    # {counted(deployment.workers, "workers")} a node, a port each, which the balancers know too.
    command: {_command(serve_command(deployment))}
    environment:
{_environment(deployment)}\
{_secrets(tuple(secrets_of(deployment)))}\
    volumes:
      - {{ type: tmpfs, target: /tmp, tmpfs: {{ size: {64 * MIB} }} }}
    networks:
      # A name for each worker's place: the balancer asks for the addresses of each by itself.
      front: {{ aliases: {flow(slot_names(deployment))} }}
      data:
    labels: {{ {VERSION_LABEL}: {quoted(deployment.version)} }}
    healthcheck:
      test: {_command(("CMD", *health_command(deployment)))}
      interval: {CHECK_INTERVAL}s
      # A worker may be busy for as long as its longest request.
      timeout: {math.ceil(deployment.balancer.request_timeout)}s
      start_period: {math.ceil(deployment.boot_timeout)}s
    # Longer than the drain and gunicorn's graceful timeout together.
    stop_grace_period: {grace_period(deployment)}s
    deploy:
      replicas: {deployment.nodes}
      # The balancers look for every node's address; Swarm's own balancing would hide them.
      endpoint_mode: dnsrr
      labels:
        {DEPLOYMENT_LABEL}: {quoted(deployment.name)}
        {VERSION_LABEL}: {quoted(deployment.version)}
{label_lines}\
{_placement(deployment.swarm.web)}\
      # A new node is ready before an old one leaves; one that is not brings the version back.
      update_config:
        order: start-first
        parallelism: 1
        monitor: {MONITOR}s
        failure_action: rollback
      rollback_config: {{ order: start-first, parallelism: 1, monitor: {MONITOR}s }}
      restart_policy: {{ condition: any, delay: 1s }}
      resources:
        limits: {limits(deployment.cpus or DEFAULT_CPUS, deployment.containers.memory)}
"""


def redis(deployment: Deployment) -> str:
    """Sessions, and whatever else the nodes share, on the one host that has its volume."""
    memory = 512 * MIB
    return f"""\
{redis_start(memory)}\
    volumes:
      - redis:/data
      - {{ type: tmpfs, target: /tmp }}
    networks: [data]
    healthcheck:
      test: {REDIS_TEST}
      interval: 2s
      timeout: 3s
      start_period: 30s
    deploy:
{_stateful(deployment, memory)}"""


def postgres(deployment: Deployment) -> str:
    """The database, on the same host."""
    return f"""\
  postgres:
    <<: *locked-down
    image: ${{POSTGRES_IMAGE:-{POSTGRES_IMAGE}}}
    user: postgres
    command: [postgres, -c, max_connections={database_connections(deployment)}]
    environment:
      POSTGRES_USER: {DATABASE_USER}
      POSTGRES_DB: {DATABASE}
      POSTGRES_PASSWORD_FILE: {SECRETS_FOLDER}/postgres_password
    secrets: [postgres_password]
    volumes:
      - postgres:/var/lib/postgresql/data
      - {{ type: tmpfs, target: /tmp }}
      - {{ type: tmpfs, target: /var/run/postgresql }}
    networks: [data]
    healthcheck:
      # By its address: the server that prepares a new database listens on none.
      test: {POSTGRES_TEST}
      interval: 2s
      timeout: 3s
      start_period: 60s
    # Time for a checkpoint.
    stop_grace_period: 60s
    deploy:
{_stateful(deployment, 1024 * MIB)}"""


def certificates(deployment: Deployment) -> tuple[str, ...]:
    """The secrets that are the balancers' certificate."""
    tls = deployment.balancer.tls
    if tls is None:
        return ()
    return (CERTIFICATE, CERTIFICATE_KEY) if tls.key else (CERTIFICATE,)


def _stateful(deployment: Deployment, memory: int) -> str:
    """One of its kind: never two at once on the same files."""
    return f"""\
      endpoint_mode: dnsrr
      labels: {{ {DEPLOYMENT_LABEL}: {quoted(deployment.name)} }}
{_placement(deployment.swarm.data)}\
      update_config: {{ order: stop-first, failure_action: pause }}
      resources:
        limits: {limits(1.0, memory)}
"""


def _environment(deployment: Deployment) -> str:
    own = {name: word(text) for name, text in node_environment(deployment).items()}
    own["TWOFOLD_VERSION"] = quoted(deployment.version)
    # Those that the secrets hold are not written out here for everybody.
    hidden = {SECRET_VARIABLES[name] for name in secrets_of(deployment)}
    env = {
        name: quoted(escaped(text)) for name, text in deployment.env.items() if name not in hidden
    }
    return "".join(f"      {name}: {text}\n" for name, text in {**own, **env}.items())


def _ports(deployment: Deployment) -> str:
    balancer = deployment.balancer
    published = [(TLS_PORT if balancer.tls else VISITORS_PORT, balancer.address[1])]
    if balancer.tls and balancer.redirect_bind:
        published.append((VISITORS_PORT, int(balancer.redirect_bind.rpartition(":")[2])))
    return "".join(
        f"      - {{ target: {inside}, published: {outside}, mode: host }}\n"
        for inside, outside in published
    )


def _placement(constraints: Sequence[str]) -> str:
    if not constraints:
        return ""
    listed = ", ".join(map(quoted, constraints))
    return f"      placement: {{ constraints: [{listed}] }}\n"


def _secrets(names: Sequence[str]) -> str:
    return f"    secrets: {flow(names)}\n" if names else ""


def _command(words: Sequence[str]) -> str:
    return flow(escaped(each) for each in words)


def _test(command: Sequence[str]) -> str:
    return "".join(f"        - {word(escaped(each))}\n" for each in ("CMD", *command))
