"""The process that owns a deployment on this machine: balancer, store and nodes."""
