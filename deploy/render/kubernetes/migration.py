"""The Job that migrates the database, under a name of its own for each version."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...deployment import Deployment
from ..containers import migrate_command
from ..yaml_text import quoted
from .environment import container_environment, secret_mount, secret_volume
from .pods import APP_USER, CONTAINER_SECURITY, node_resources, pod_security
from .settings import KubernetesSettings
from .text import Component, indented, listed

KEPT = 7 * 24 * 3600
"""Seconds for which a finished Job and its log can be looked at."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A Job under the name that it has in the cluster."""

    name: str
    document: str


def migration(deployment: Deployment, settings: KubernetesSettings, image: str) -> Migration | None:
    """The Job; None: there is nothing to migrate."""
    command = migrate_command(deployment)
    if command is None:
        return None
    component = Component(deployment, "migrate")
    pod = _pod(deployment, settings, image, command)
    content = hashlib.sha256(pod.encode()).hexdigest()[:10]
    name = f"{component.name}-{content}"
    return Migration(name, _job(component, name, pod))


def longest(deployment: Deployment) -> int:
    """Seconds that all attempts together may take."""
    return math.ceil(deployment.migrate_timeout)


def _job(component: Component, name: str, pod: str) -> str:
    deployment = component.deployment
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  # The name's end stands for all that it runs: a new version is a new Job, the same one is done.
  name: {name}
  labels:
    {indented(component.labels, 4)}
  annotations:
    twofold/version: {quoted(deployment.version)}
spec:
  backoffLimit: 2
  activeDeadlineSeconds: {longest(deployment)}
  ttlSecondsAfterFinished: {KEPT}
  template:
    metadata:
      labels:
        {indented(component.labels, 8)}
    spec:
      {indented(pod, 6)}
"""


def _pod(
    deployment: Deployment, settings: KubernetesSettings, image: str, command: Sequence[str]
) -> str:
    return f"""\
restartPolicy: Never
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {indented(pod_security(APP_USER), 2)}
containers:
  - name: migrate
    image: {quoted(image)}
    imagePullPolicy: IfNotPresent
    command: {listed(command)}
    env:
      {indented(container_environment(deployment, settings.secret), 6)}
    resources:
      {indented(node_resources(deployment, settings), 6)}
    securityContext:
      {indented(CONTAINER_SECURITY, 6)}
    volumeMounts:
      - {{ name: tmp, mountPath: /tmp }}
      {indented(secret_mount(), 6)}
volumes:
  - name: tmp
    emptyDir: {{ medium: Memory, sizeLimit: 64Mi }}
  {indented(secret_volume(deployment, settings.secret), 2)}
"""
