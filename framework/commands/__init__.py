"""The commands `twofold new`, `run`, `routes` and `shell`."""
