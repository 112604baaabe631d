"""Who may speak to whom: visitors to the balancer, the balancer to the nodes."""

from collections.abc import Iterator

from ...deployment import Deployment
from ..containers import METRICS_PORT, VISITORS_PORT, slot_ports
from .text import Component, indented


def network_policies(deployment: Deployment) -> Iterator[str]:
    """They hold where the cluster's network enforces them. Probes come from the host and pass."""
    web, balancer = Component(deployment, "web"), Component(deployment, "balancer")
    slots = "\n".join(f"- {{ protocol: TCP, port: {port} }}" for port in slot_ports(deployment))
    yield f"""\
# Nodes are reached by the balancer alone, so they may believe what it says about visitors. Where
# they connect to is open: this file does not know where stores and databases are.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {web.name}
  labels:
    {indented(web.labels, 4)}
spec:
  podSelector:
    matchLabels:
      {indented(web.selected, 6)}
  policyTypes: [Ingress]
  ingress:
    - from:
        - podSelector:
            matchLabels:
              {indented(balancer.selected, 14)}
      ports:
        {indented(slots, 8)}
"""
    yield f"""\
# The balancer connects to nodes and DNS, and to nobody else. The Ingress and Prometheus, which
# connect to it, may be in any namespace.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {balancer.name}
  labels:
    {indented(balancer.labels, 4)}
spec:
  podSelector:
    matchLabels:
      {indented(balancer.selected, 6)}
  policyTypes: [Ingress, Egress]
  ingress:
    - ports:
        - {{ protocol: TCP, port: {VISITORS_PORT} }}
    - from:
        - namespaceSelector: {{}}
      ports:
        - {{ protocol: TCP, port: {METRICS_PORT} }}
  egress:
    - to:
        - podSelector:
            matchLabels:
              {indented(web.selected, 14)}
      ports:
        {indented(slots, 8)}
    - ports:
        - {{ protocol: UDP, port: 53 }}
        - {{ protocol: TCP, port: 53 }}
"""
