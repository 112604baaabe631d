"""The configuration of the store that the local target starts."""

from pathlib import Path


def render_valkey(*, host: str, port: int, password: str, directory: Path) -> str:
    """For Valkey and for Redis; the password is in the file, since others can read an argv."""
    return f"""\
bind {host}
port {port}
requirepass {password}
protected-mode yes
daemonize no
dir "{directory}"
# Sessions outlive a restart of the store.
appendonly yes
appendfsync everysec
save ""
# A full store must say so; evicting would log visitors out.
maxmemory-policy noeviction
"""
