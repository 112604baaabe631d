"""The table [kubernetes]: what a cluster is told beyond the deployment itself."""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from ... import setting_checks as checks
from ...deployment import Deployment
from ...errors import SettingsError

# RFC 1123, as Kubernetes' names are; the longest of ours is made longer by a suffix.
NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
LONGEST_NAME = 63
LONGEST_HOST = 253
MAX_BALANCERS = 16

GROWTH = 4
"""So many times the nodes that it begins with may a deployment have, unless it is told."""


@dataclass(frozen=True, slots=True)
class KubernetesSettings:
    """What the cluster is told; `settings_of` makes one."""

    host: str | None = None
    """The site's host name; None: whatever name visitors ask for."""
    ingress_class: str | None = None
    """None: the cluster's default."""
    tls_secret: str | None = None
    """The Secret with the certificate of `host`; None: plain http."""
    secret: str = ""
    """The Secret with the app's secrets; empty: called as the deployment."""
    max_nodes: int = 0
    """The most nodes that the autoscaler may start; 0: four times as many as at first."""
    saturation: float = 0.8
    """The share of all slots' places from which the autoscaler adds nodes."""
    cpus: float = 0.5
    """CPUs that are set aside for a node where `cpus` gives none."""
    balancers: int = 2
    """HAProxy's replicas. Each has its share of a worker's places."""
    cluster_domain: str = "cluster.local"
    """The domain that the cluster's DNS serves."""


def _is_name(value: object) -> str | None:
    if isinstance(value, str) and NAME.fullmatch(value) and len(value) <= LONGEST_NAME:
        return None
    return "must be a name of Kubernetes': lower-case letters, digits and -"


def _is_host(value: object) -> str | None:
    if isinstance(value, str) and HOST.fullmatch(value) and len(value) <= LONGEST_HOST:
        return None
    return "must be a host name in lower case without scheme and port, as in 'shop.example.com'"


def _is_saturation(value: object) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0.1 <= value <= 1:
        return None
    return "must be from 0.1 to 1: beyond 1 requests wait"


def _is_balancers(value: object) -> str | None:
    problem = checks.is_positive(value)
    if problem is None and int(str(value)) > MAX_BALANCERS:
        return f"must be at most {MAX_BALANCERS}"
    return problem


CHECKS: Mapping[str, Callable[[object], str | None]] = MappingProxyType(
    {
        "host": _is_host,
        "ingress_class": _is_host,
        "tls_secret": _is_host,
        "secret": _is_host,
        "max_nodes": checks.is_count,
        "saturation": _is_saturation,
        "cpus": checks.is_cpus,
        "balancers": _is_balancers,
        "cluster_domain": _is_host,
    }
)


def settings_of(deployment: Deployment) -> KubernetesSettings:
    """From the table [kubernetes] and the deployment.

    :raises SettingsError: a key is unknown, a value cannot be, or two do not go together.
    """
    table = deployment.kubernetes
    for key, value in table.items():
        check = CHECKS.get(key)
        if check is None:
            raise SettingsError(f"twofold.toml: kubernetes.{key}: unknown key{_suggestion(key)}")
        problem = check(value)
        if problem:
            raise SettingsError(f"twofold.toml: kubernetes.{key} = {value!r}: {problem}")
    defaults = {"secret": deployment.name, "max_nodes": GROWTH * deployment.nodes}
    settings = KubernetesSettings(**{**defaults, **table})
    if settings.max_nodes < deployment.nodes:
        raise SettingsError(
            f"twofold.toml: kubernetes.max_nodes = {settings.max_nodes} is less than nodes = "
            f"{deployment.nodes}, the number that it begins with"
        )
    if settings.tls_secret and not settings.host:
        raise SettingsError(
            "twofold.toml: kubernetes.tls_secret holds the certificate of a host; name it in "
            "kubernetes.host"
        )
    return settings


def _suggestion(key: str) -> str:
    known = [field.name for field in fields(KubernetesSettings)]
    close = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known keys are {', '.join(known)}"


def refuse_unsuitable(deployment: Deployment) -> None:
    """What holds on one machine and cannot in a cluster is not left out without a word.

    :raises SettingsError: names the setting and the way out.
    """
    problem = _is_name(deployment.name)
    if problem:
        better = deployment.name.lower().replace("_", "-")
        raise SettingsError(f"name = {deployment.name!r}: {problem}, as in name = {better!r}")
    balancer = deployment.balancer
    if balancer.socket_path:
        raise SettingsError(
            f"balancer.bind = {balancer.bind!r}: a unix socket is on one machine, and in a cluster "
            "visitors come through the Ingress; leave balancer.bind out"
        )
    if balancer.tls:
        raise SettingsError(
            "balancer.tls: in a cluster the Ingress speaks https. Put the certificate into a "
            "Secret (`kubectl create secret tls`), name it in kubernetes.tls_secret, and leave "
            "[balancer.tls] and redirect_bind out"
        )
    if balancer.proxy_protocol:
        raise SettingsError(
            "balancer.proxy_protocol: the Ingress speaks http to the balancer. Leave it out, and "
            "name the network of the Ingress' pods in balancer.trusted_proxies"
        )
