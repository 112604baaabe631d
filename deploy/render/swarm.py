"""A stack for Docker Swarm: nodes on several hosts, a balancer on each host that is to have one."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from ..deployment import Deployment
from . import swarm_services as services
from .containers import check_containers, has_postgres, image_name
from .haproxy_dns import render_haproxy_dns
from .secrets import secret_names
from .swarm_services import RECORD_LABEL, certificates
from .yaml_text import quoted, word

STACK_FILE = "stack.yml"
HAPROXY_FILE = "haproxy.cfg"

# The others stand on these.
DATA_SERVICES = ("redis", "postgres")

NO_NAMES: Mapping[str, str] = MappingProxyType({})


def render_swarm_haproxy(deployment: Deployment) -> str:
    """The balancers' file, which stands beside the stack's."""
    return render_haproxy_dns(deployment, several_hosts=True)


def render_swarm(
    deployment: Deployment,
    *,
    image: str | None = None,
    secrets: Mapping[str, str] = NO_NAMES,
    record: str = "",
    data_only: bool = False,
) -> str:
    """The stack file, for `docker stack deploy`.

    `image` is that of the nodes, with a tag or digest, or its id; `secrets` are the names that
    Swarm knows each of ours by, without which it is NAME_SECRET. `record` goes into a label of the
    nodes' service. `data_only`: the networks and what keeps data, which is there before the nodes.
    """
    check_containers(deployment)
    image = image or f"{image_name(deployment)}:{deployment.version}"
    sections = _sections(deployment, image, secrets, record, data_only=data_only)
    return "\n".join(sections)


def stack_secrets(deployment: Deployment) -> tuple[str, ...]:
    """The secrets that the stack's services get, the certificate's parts among them."""
    return (*secret_names(deployment), *certificates(deployment))


def _sections(
    deployment: Deployment,
    image: str,
    secrets: Mapping[str, str],
    record: str,
    *,
    data_only: bool,
) -> Iterator[str]:
    yield _head(deployment)
    # Older commands take a stack for one of version 1 without it.
    yield 'version: "3.8"\n'
    yield services.locked_down()
    found = list(_data_services(deployment))
    if not data_only:
        found = [
            services.balancer(deployment),
            services.web(deployment, image, {RECORD_LABEL: record} if record else {}),
            *found,
        ]
    yield "services:\n" + "\n".join(found) if found else "services: {}\n"
    if not data_only:
        yield _configs(deployment)
    names = secret_names(deployment) if data_only else stack_secrets(deployment)
    yield _secrets(deployment, names, secrets)
    yield _networks()
    volumes = [name for name in DATA_SERVICES if name in _data_names(deployment)]
    if volumes:
        yield "volumes:\n" + "".join(f"  {name}:\n" for name in volumes)


def _data_services(deployment: Deployment) -> Iterator[str]:
    names = _data_names(deployment)
    if "redis" in names:
        yield services.redis(deployment)
    if "postgres" in names:
        yield services.postgres(deployment)


def _data_names(deployment: Deployment) -> Sequence[str]:
    """Those of the services that keep data which the stack has."""
    wanted = {"redis": deployment.containers.redis, "postgres": has_postgres(deployment)}
    return [name for name in DATA_SERVICES if wanted[name]]


def _head(deployment: Deployment) -> str:
    return f"""\
# {deployment.app} on the hosts of a Docker Swarm. `twofold render swarm` made this file out of
# twofold.toml. `twofold up --target swarm` does with it what is to be done; by hand it is
#
#   docker stack deploy --resolve-image never --compose-file {STACK_FILE} {deployment.name}
#
# with {HAPROXY_FILE} beside it (`twofold render swarm-haproxy`) and the secrets made before.
"""


def _configs(deployment: Deployment) -> str:
    # A config never changes: another text is another name.
    digest = hashlib.sha256(render_swarm_haproxy(deployment).encode()).hexdigest()[:12]
    return f"""\
configs:
  haproxy:
    name: {word(f"{deployment.name}_haproxy_{digest}")}
    file: ./{HAPROXY_FILE}
    labels: {{ {services.DEPLOYMENT_LABEL}: {quoted(deployment.name)} }}
"""


def _secrets(deployment: Deployment, names: Sequence[str], known: Mapping[str, str]) -> str:
    lines = [
        f"  {word(name)}:\n    external: true\n"
        f"    name: {word(known.get(name, f'{deployment.name}_{name}'))}\n"
        for name in names
    ]
    return "secrets:\n" + "".join(lines)


def _networks() -> str:
    return """\
networks:
  front:
    driver: overlay
    # So that `twofold status` can ask the balancers for their counters.
    attachable: true
  data:
    driver: overlay
    internal: true
"""
