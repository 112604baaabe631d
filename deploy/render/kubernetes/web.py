"""The nodes: a Deployment, the headless Service that names them, and the autoscaler."""

import math
from collections.abc import Iterator

from ...deployment import Deployment
from ...metrics import catalogue
from ..containers import DRAIN, serve_command, slot_names, slot_ports
from ..yaml_text import quoted
from .environment import container_environment, secret_mount, secret_volume
from .pods import (
    APP_USER,
    CONTAINER_SECURITY,
    MARGIN,
    PRE_STOP,
    disruption_budget,
    millis,
    node_resources,
    pod_security,
    spread,
)
from .settings import KubernetesSettings
from .text import Component, indented, listed

FRAMEWORK_READINESS = "/readyz"
MIN_READY = 10
"""Seconds after which the balancer has found a new pod for certain: DNS may be 5 s old."""


def web(deployment: Deployment, settings: KubernetesSettings, image: str) -> Iterator[str]:
    """The documents of the nodes."""
    component = Component(deployment, "web")
    yield from _services(component)
    yield _deployment(component, settings, image)
    if settings.max_nodes > deployment.nodes:
        yield _autoscaler(component, settings)
    yield disruption_budget(component)


def _services(component: Component) -> Iterator[str]:
    """One a worker: HAProxy takes an address once only from each name that it asks for."""
    deployment = component.deployment
    for slot, port in zip(slot_names(deployment), slot_ports(deployment), strict=True):
        yield f"""\
# Headless: the balancer asks DNS for the address of each ready pod, and balances by itself.
apiVersion: v1
kind: Service
metadata:
  name: {deployment.name}-{slot}
  labels:
    {indented(component.labels, 4)}
spec:
  clusterIP: None
  selector:
    {indented(component.selected, 4)}
  ports:
    - {{ name: {slot}, port: {port} }}
"""


def _deployment(component: Component, settings: KubernetesSettings, image: str) -> str:
    deployment = component.deployment
    replicas = "# replicas: the autoscaler has their number."
    if settings.max_nodes == deployment.nodes:
        replicas = f"replicas: {deployment.nodes}"
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {component.name}
  labels:
    {indented(component.labels, 4)}
spec:
  {replicas}
  revisionHistoryLimit: 5
  # A new pod counts when the balancer has found it too; only then does an old one leave.
  minReadySeconds: {MIN_READY}
  progressDeadlineSeconds: {math.ceil(deployment.boot_timeout) + MIN_READY + 300}
  strategy:
    type: RollingUpdate
    rollingUpdate: {{ maxSurge: 1, maxUnavailable: 0 }}
  selector:
    matchLabels:
      {indented(component.selected, 6)}
  template:
    metadata:
      labels:
        {indented(component.labels, 8)}
      annotations:
        twofold/version: {quoted(deployment.version)}
    spec:
      {indented(_pod(component, settings, image), 6)}
"""


def _pod(component: Component, settings: KubernetesSettings, image: str) -> str:
    deployment = component.deployment
    longest = math.ceil(deployment.balancer.request_timeout)
    ports = "\n".join(
        f"- {{ name: {slot}, containerPort: {port} }}"
        for slot, port in zip(slot_names(deployment), slot_ports(deployment), strict=True)
    )
    return f"""\
automountServiceAccountToken: false
enableServiceLinks: false
# preStop, drain, the longest request, and some more.
terminationGracePeriodSeconds: {PRE_STOP + DRAIN + longest + MARGIN}
securityContext:
  {indented(pod_security(APP_USER), 2)}
topologySpreadConstraints:
  {indented(spread(component), 2)}
containers:
  - name: web
    image: {quoted(image)}
    imagePullPolicy: IfNotPresent
    command: {listed(serve_command(deployment))}
    env:
      {indented(container_environment(deployment, settings.secret), 6)}
    ports:
      {indented(ports, 6)}
    {indented(_probes(deployment, longest), 4)}
    lifecycle:
      # A leaving pod serves on while DNS forgets it. Then comes SIGTERM: for {DRAIN} seconds it
      # fails the balancer's check and still serves, and it ends with its last request.
      preStop:
        sleep: {{ seconds: {PRE_STOP} }}
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


def _probes(deployment: Deployment, longest: int) -> str:
    """All by the first worker: the balancer asks each of them by itself."""
    readiness = f"{{ path: {quoted(deployment.readiness_path)}, port: slot1 }}"
    liveness = "httpGet: { path: /livez, port: slot1 }"
    if deployment.readiness_path != FRAMEWORK_READINESS:
        # An app that is not on the framework has no /livez.
        liveness = "tcpSocket: { port: slot1 }"
    return f"""\
startupProbe:
  httpGet: {readiness}
  periodSeconds: 1
  timeoutSeconds: 5
  failureThreshold: {math.ceil(deployment.boot_timeout)}
# A probe waits behind the requests of a busy worker, so it may take as long as one. Else all
# pods would leave rotation together when there is most to do.
readinessProbe:
  httpGet: {readiness}
  periodSeconds: 5
  timeoutSeconds: {longest}
  failureThreshold: 2
livenessProbe:
  {liveness}
  periodSeconds: 20
  timeoutSeconds: {longest}
  failureThreshold: 3
"""


def _autoscaler(component: Component, settings: KubernetesSettings) -> str:
    return f"""\
# The metric is made of the balancers' own, by Prometheus and an adapter.
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {component.name}
  labels:
    {indented(component.labels, 4)}
spec:
  scaleTargetRef: {{ apiVersion: apps/v1, kind: Deployment, name: {component.name} }}
  minReplicas: {component.deployment.nodes}
  maxReplicas: {settings.max_nodes}
  metrics:
    - type: External
      external:
        metric:
          name: {catalogue.SATURATION.name}
          selector:
            matchLabels: {{ deployment: {quoted(component.deployment.name)} }}
        # Requests that are served or wait, of all that could be served at once.
        target: {{ type: Value, value: {millis(settings.saturation)} }}
  behavior:
    scaleUp:
      stabilizationWindowSeconds: 0
      policies: [{{ type: Percent, value: 100, periodSeconds: 30 }}]
    scaleDown:
      stabilizationWindowSeconds: 300
      policies: [{{ type: Pods, value: 1, periodSeconds: 60 }}]
"""
