"""The table [swarm]: which hosts of a Swarm do what."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

# As Swarm itself writes them: `node.labels.edge == true`, `node.role != manager`.
CONSTRAINT = re.compile(
    r"(node\.(id|hostname|role|platform\.(os|arch)|labels\.[\w.-]+)|engine\.labels\.[\w.-]+)"
    r"\s*(==|!=)\s*[\w.-]+"
)
HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

DATA_HOST = "node.labels.twofold.data == true"


@dataclass(frozen=True, slots=True)
class Swarm:
    """Placement constraints are Swarm's own; a host must meet all of them."""

    balancers: tuple[str, ...] = ()
    """Of the hosts with a balancer; none: all hosts."""
    web: tuple[str, ...] = ()
    """Of the hosts with nodes; none: all hosts."""
    data: tuple[str, ...] = (DATA_HOST,)
    """Of the one host whose disk has what Redis and PostgreSQL keep."""
    engines: Mapping[str, str] = field(default_factory=dict)
    """The engine of each host, as in DOCKER_HOST: images are copied there without a registry."""


DEFAULT_SWARM = Swarm()


def _are_constraints(value: object) -> str | None:
    if isinstance(value, list) and all(
        isinstance(each, str) and CONSTRAINT.fullmatch(each) for each in value
    ):
        return None
    return "must be a list of Swarm's placement constraints, as in ['node.labels.edge == true']"


def _are_engines(value: object) -> str | None:
    if isinstance(value, dict) and all(
        HOST.fullmatch(host) and isinstance(engine, str) and "://" in engine
        for host, engine in value.items()
    ):
        return None
    return 'must be a table of engines by host name, as in { host2 = "ssh://host2" }'


SWARM_CHECKS: Mapping[str, Callable[[object], str | None]] = MappingProxyType(
    {
        "swarm.balancers": _are_constraints,
        "swarm.web": _are_constraints,
        "swarm.data": _are_constraints,
        "swarm.engines": _are_engines,
    }
)


def swarm_of(get: Callable[..., Any]) -> Swarm:
    """From values that were checked one by one; `get` takes a path and a default."""
    default = DEFAULT_SWARM
    return Swarm(
        balancers=tuple(get("swarm.balancers", default.balancers)),
        web=tuple(get("swarm.web", default.web)),
        data=tuple(get("swarm.data", default.data)),
        engines=get("swarm.engines", default.engines),
    )


def swarm_from_json(values: Mapping[str, Any]) -> Swarm:
    """Of a deployment that was written down."""
    placements = {name: tuple(values[name]) for name in ("balancers", "web", "data")}
    return Swarm(**{**values, **placements})
