"""HAProxy's configuration for containers: it finds the nodes by DNS, and needs no reload."""

import math
from collections.abc import Iterator
from pathlib import Path

from ..deployment import Deployment
from ..logs.requests import FIELDS
from .containers import (
    CERTIFICATE,
    METRICS_PORT,
    RUNTIME_PORT,
    SECRETS_FOLDER,
    TLS_PORT,
    VISITORS_PORT,
    slot_names,
    slot_ports,
)
from .haproxy import (
    BACKEND,
    FAST_CHECK_INTERVAL_MS,
    backend,
    defaults,
    global_section,
    slot_options,
)
from .visitors import frontend

RESOLVERS = "replicas"

SLOT = "{slot}"

# Docker's own, in every container.
DOCKER_NAMESERVER = "nameserver engine 127.0.0.11:53"

# A dead host answers nothing: connections to it are given up early, the open ones by keep-alive
# probes and by retransmissions, whose number the balancer's container sets for all of its
# connections. Visitors have slower networks than hosts among themselves.
SILENT_HOSTS = ("timeout connect 2s", "option srvtcpka")
PATIENT_WITH_VISITORS = " tcp-ut 60s"

STATUS_PATH = "/status"
"""On METRICS_PORT; with `;csv` after it for programs."""

# HAProxy fills each line of servers by itself, so a server's number tells nothing about the node.
LOG_FIELDS = {**FIELDS, "node": '"%si"', "slot": '"%[srv_name,field(1,-),regsub(^slot,)]"'}


def render_haproxy_dns(
    deployment: Deployment,
    *,
    service: str = SLOT,
    nameserver: str = DOCKER_NAMESERVER,
    balancers: int = 1,
    several_hosts: bool = False,
    state_file: str | None = None,
) -> str:
    """The file for the nodes whose addresses `service` has in DNS.

    SLOT in it stands for each slot's own name: `slot1`, `slot2`, and so on. Where workers are more
    than one it must be there, since HAProxy gives an address of one name to one line only.
    `nameserver` is a line of HAProxy's section `resolvers`. Of several `balancers` each gives a
    worker its share of the requests that it serves at once. `several_hosts`: a node's host may go
    silent, without a word to those who are connected to it. `state_file` is where the balancer
    that this one takes over from has left the addresses that it knows.
    """
    servers = (
        *(("load-server-state-from-file global",) if state_file else ()),
        *(SILENT_HOSTS if several_hosts else ()),
        *_servers(deployment, service, balancers, "last,none" if state_file else "none"),
    )
    sections = (
        *((f"global\n    server-state-file {state_file}\n",) if state_file else ()),
        global_section(deployment.balancer, socket=f"ipv4@127.0.0.1:{RUNTIME_PORT} level admin"),
        defaults(deployment),
        _resolvers(nameserver),
        _metrics(),
        frontend(
            deployment.balancer,
            BACKEND,
            places=_places(deployment, PATIENT_WITH_VISITORS if several_hosts else ""),
            certificate=Path(SECRETS_FOLDER, CERTIFICATE) if deployment.balancer.tls else None,
            log_requests=deployment.logs.requests,
            log_fields=LOG_FIELDS,
        ),
        backend(deployment, servers),
    )
    return "\n".join(sections)


def _places(deployment: Deployment, options: str) -> list[str]:
    plain = f":{VISITORS_PORT}{options}"
    if not deployment.balancer.tls:
        return [plain]
    redirect = [plain] if deployment.balancer.redirect_bind else []
    return [f":{TLS_PORT}{options}", *redirect]


def _resolvers(nameserver: str) -> str:
    return f"""\
resolvers {RESOLVERS}
    {nameserver}
    # The addresses of many nodes are longer than an answer may be by default.
    accepted_payload_size 8192
    timeout resolve 1s
    timeout retry 1s
    hold valid 1s
    # A name server too busy to answer says nothing about the nodes.
    hold timeout 30s
    hold refused 30s
"""


def _metrics() -> str:
    return f"""\
frontend metrics
    bind :{METRICS_PORT}
    # Ready is the balancer that has a worker to send requests to.
    monitor-uri /readyz
    monitor fail if {{ nbsrv({BACKEND}) lt 1 }}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    # Counters with the nodes' addresses, which Prometheus does not get.
    stats enable
    stats uri {STATUS_PATH}
    stats show-legends
    http-request return status 404 unless {{ path_beg {STATUS_PATH} }}
"""


def _servers(deployment: Deployment, service: str, balancers: int, first: str) -> Iterator[str]:
    # A stop shows in the checks only, so they are more frequent than for nodes of our own.
    options = slot_options(
        math.ceil(deployment.profile.concurrency / balancers),
        check_interval=FAST_CHECK_INTERVAL_MS,
    )
    yield f"default-server {options}"
    yield f"default-server resolvers {RESOLVERS} init-addr {first}"
    yield "# A line for each worker of a node, with as many places as there may be nodes."
    last = deployment.containers.replicas
    for slot, port in zip(slot_names(deployment), slot_ports(deployment), strict=True):
        yield f"server-template {slot}- 1-{last} {service.replace(SLOT, slot)}:{port}"
