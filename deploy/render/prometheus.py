"""What Prometheus scrapes in a deployment in containers: HAProxy's own exporter."""

from ..deployment import Deployment
from .containers import METRICS_PORT


def render_prometheus(deployment: Deployment, *, balancer: str = "balancer") -> str:
    """`balancer` is the name that has the address of each balancer in DNS."""
    return f"""\
global:
  scrape_interval: 5s

scrape_configs:
  - job_name: balancer
    # Without the places that no node has taken.
    params: {{ no-maint: [""] }}
    dns_sd_configs:
      - {{ names: [{balancer}], type: A, port: {METRICS_PORT}, refresh_interval: 5s }}
"""
