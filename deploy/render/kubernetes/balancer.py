"""HAProxy in front of the nodes: its file, its pods, its Service, and the Ingress to it."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from ...deployment import Deployment
from ..containers import BALANCER_IMAGE, METRICS_PORT, VISITORS_PORT
from ..haproxy import HARD_STOP
from ..haproxy_dns import render_haproxy_dns
from ..yaml_text import quoted
from .pods import CONTAINER_SECURITY, disruption_budget, pod_security, spread
from .settings import KubernetesSettings
from .text import Component, indented

USER = 99
"""haproxy, in the official image."""

PRE_STOP = 10
"""Seconds that a leaving balancer serves on: the Ingress learns of it behind our back."""
CLUSTER_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
"""Where the Ingress is: nobody else reaches the balancer but through it, or from inside."""


def balancer(deployment: Deployment, settings: KubernetesSettings) -> Iterator[str]:
    """The documents of the balancer."""
    component = Component(deployment, "balancer")
    configuration = haproxy_file(deployment, settings)
    yield _config_map(component, configuration)
    yield _service(component)
    yield _deployment(component, settings, configuration)
    yield disruption_budget(component)
    yield _ingress(component, settings)


def haproxy_file(deployment: Deployment, settings: KubernetesSettings) -> str:
    """One balancer's view: all nodes there can be, and its share of each worker's places."""
    # HAProxy puts in the variable, within double quotes only.
    service = f'"{deployment.name}-{{slot}}.${{POD_NAMESPACE}}.svc.{settings.cluster_domain}"'
    proxies = deployment.balancer.trusted_proxies or CLUSTER_NETWORKS
    seen = replace(
        deployment,
        balancer=replace(deployment.balancer, trusted_proxies=proxies),
        # A roll has one node more.
        containers=replace(deployment.containers, replicas=settings.max_nodes + 1),
    )
    return render_haproxy_dns(
        seen,
        service=service,
        nameserver="parse-resolv-conf",
        balancers=settings.balancers,
    )


def _config_map(component: Component, configuration: str) -> str:
    return f"""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {component.name}
  labels:
    {indented(component.labels, 4)}
data:
  haproxy.cfg: |
    {indented(configuration, 4)}
"""


def _service(component: Component) -> str:
    return f"""\
apiVersion: v1
kind: Service
metadata:
  name: {component.name}
  labels:
    {indented(component.labels, 4)}
spec:
  selector:
    {indented(component.selected, 4)}
  ports:
    - {{ name: http, port: 80, targetPort: visitors }}
"""


def _deployment(component: Component, settings: KubernetesSettings, configuration: str) -> str:
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {component.name}
  labels:
    {indented(component.labels, 4)}
spec:
  replicas: {settings.balancers}
  revisionHistoryLimit: 5
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
        # Another file makes other pods.
        twofold/configuration: {hashlib.sha256(configuration.encode()).hexdigest()[:16]}
        prometheus.io/scrape: "true"
        prometheus.io/port: "{METRICS_PORT}"
    spec:
      {indented(_pod(component), 6)}
"""


def _pod(component: Component) -> str:
    return f"""\
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {PRE_STOP + HARD_STOP + 5}
securityContext:
  {indented(pod_security(USER), 2)}
topologySpreadConstraints:
  {indented(spread(component), 2)}
containers:
  - name: haproxy
    image: {BALANCER_IMAGE}
    env:
      # The nodes' name in DNS has it.
      - name: POD_NAMESPACE
        valueFrom: {{ fieldRef: {{ fieldPath: metadata.namespace }} }}
    ports:
      - {{ name: visitors, containerPort: {VISITORS_PORT} }}
      - {{ name: metrics, containerPort: {METRICS_PORT} }}
    # Ready is the balancer that has a node to send requests to.
    readinessProbe:
      httpGet: {{ path: /readyz, port: metrics }}
      periodSeconds: 2
      timeoutSeconds: 2
      failureThreshold: 3
    livenessProbe:
      tcpSocket: {{ port: visitors }}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 3
    lifecycle:
      # Serves on until the Ingress has been told; then it answers what it has, and ends.
      preStop:
        sleep: {{ seconds: {PRE_STOP} }}
    resources:
      requests: {{ cpu: 100m, memory: 128Mi }}
      limits: {{ memory: 512Mi }}
    securityContext:
      {indented(CONTAINER_SECURITY, 6)}
    volumeMounts:
      - {{ name: configuration, mountPath: /usr/local/etc/haproxy, readOnly: true }}
volumes:
  - name: configuration
    configMap: {{ name: {component.name} }}
"""


def _ingress(component: Component, settings: KubernetesSettings) -> str:
    host = f"host: {quoted(settings.host)}\n      " if settings.host else ""
    return f"""\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {quoted(component.deployment.name)}
  labels:
    {indented(component.labels, 4)}
spec:
  {indented(_way_in(settings), 2)}
    - {host}http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service: {{ name: {component.name}, port: {{ name: http }} }}
"""


def _way_in(settings: KubernetesSettings) -> str:
    lines = []
    if settings.ingress_class:
        lines.append(f"ingressClassName: {quoted(settings.ingress_class)}")
    if settings.tls_secret and settings.host:
        lines.append("tls:")
        host, secret = quoted(settings.host), quoted(settings.tls_secret)
        lines.append(f"  - {{ hosts: [{host}], secretName: {secret} }}")
    return "\n".join([*lines, "rules:"])
