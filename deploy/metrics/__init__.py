"""How a deployment is doing, for Prometheus."""
