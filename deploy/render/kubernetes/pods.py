"""What all pods have in common: they run as nobody, on a file system that they cannot change."""

import math

from ...deployment import Deployment
from .settings import KubernetesSettings
from .text import Component, indented

APP_USER = 10001
"""Of the image that `twofold new` writes."""

PRE_STOP = 5
"""Seconds that a leaving pod serves on, while DNS and Services forget it."""
MARGIN = 5
"""Seconds between the last moment at which a pod should have ended and when it is killed."""


def pod_security(user: int) -> str:
    return f"""\
runAsNonRoot: true
runAsUser: {user}
runAsGroup: {user}
fsGroup: {user}
seccompProfile: {{ type: RuntimeDefault }}
"""


CONTAINER_SECURITY = """\
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
"""


def spread(component: Component) -> str:
    """Over zones and hosts; a cluster with few of them runs all the same."""
    each = "".join(
        f"""\
- topologyKey: {key}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  matchLabelKeys: [pod-template-hash]
  labelSelector:
    matchLabels:
      {indented(component.selected, 6)}
"""
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    )
    return (
        f"# Each version is spread by itself: else a roll would leave the new one lopsided.\n{each}"
    )


def node_resources(deployment: Deployment, settings: KubernetesSettings) -> str:
    memory = f"{math.ceil(deployment.containers.memory / 1024**2)}Mi"
    if deployment.cpus is None:
        return f"""\
# Without a limit a node takes what the others leave; `cpus` in twofold.toml sets one.
requests: {{ cpu: {millis(settings.cpus)}, memory: {memory} }}
limits: {{ memory: {memory} }}
"""
    return f"""\
requests: {{ cpu: {millis(deployment.cpus)}, memory: {memory} }}
limits: {{ cpu: {millis(deployment.cpus)}, memory: {memory} }}
"""


def millis(number: float) -> str:
    """A quantity in thousandths, as in 500m."""
    return f"{round(number * 1000)}m"


def disruption_budget(component: Component) -> str:
    return f"""\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {component.name}
  labels:
    {indented(component.labels, 4)}
spec:
  # Whoever empties a host takes one pod at a time, and one that is not ready stops nobody.
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {indented(component.selected, 6)}
"""
