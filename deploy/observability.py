"""The tables [logs] and [metrics]: what a deployment tells about itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from . import setting_checks as checks
from .limits import MIB

SMALLEST_FILE = MIB


@dataclass(frozen=True, slots=True)
class Logs:
    """What is written down, and how much of it is kept."""

    requests: bool = True
    """Whether the balancer writes a line for each request."""
    file_size: int = 16 * MIB
    """Bytes of a log file; then the next one is begun."""
    files: int = 4
    """Files of each part, the one that is written included."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Where Prometheus asks."""

    bind: str | None = None
    """HOST:PORT; None: nowhere."""

    @property
    def url(self) -> str | None:
        return f"http://{self.bind}/metrics" if self.bind else None


DEFAULT_LOGS = Logs()
NO_METRICS = Metrics()


def _is_file_size(value: object) -> str | None:
    problem = checks.is_size(value)
    if problem is None and checks.size(value) < SMALLEST_FILE:
        return "must be at least 1 MiB"
    return problem


OBSERVABILITY_CHECKS: Mapping[str, Callable[[object], str | None]] = MappingProxyType(
    {
        "logs.requests": checks.is_flag,
        "logs.file_size": _is_file_size,
        "logs.files": checks.is_count,
        "metrics.bind": checks.is_address,
    }
)


def logs_of(get: Callable[..., Any]) -> Logs:
    """From values that were checked one by one; `get` takes a path and a default."""
    return Logs(
        requests=get("logs.requests", DEFAULT_LOGS.requests),
        file_size=checks.size(get("logs.file_size", DEFAULT_LOGS.file_size)),
        files=get("logs.files", DEFAULT_LOGS.files),
    )
