"""The table [containers]: the image, and what stands beside the nodes on an engine."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

from . import setting_checks as checks
from .limits import MIB

# `registry.example.com:5000/team/shop`, without a tag: a version is one.
IMAGE = re.compile(r"([a-z0-9.-]+(:\d+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*")
SMALLEST_MEMORY = 32 * MIB
# Of each worker with its share of the master; the example's takes two thirds of it.
WORKER_MEMORY = 128 * MIB
DEFAULT_WORKERS = 2


@dataclass(frozen=True, slots=True)
class Containers:
    """How nodes become containers. Paths of files are relative to the build context."""

    image: str | None = None
    """Its name without a tag; None: the deployment's."""
    build: str = "."
    """The build context, relative to the project's folder. The Compose file stands there too."""
    dockerfile: str = "Dockerfile"
    memory: int = DEFAULT_WORKERS * WORKER_MEMORY
    """Bytes that a node may take."""
    replicas: int = 32
    """The most nodes that the balancer looks for."""
    redis: bool = True
    """Whether Redis runs beside the nodes."""
    postgres: bool | None = None
    """Whether PostgreSQL runs beside the nodes; None: if there is something to migrate."""
    locustfile: str | None = None
    """What Locust runs; None: there is no Locust."""


DEFAULT_CONTAINERS = Containers()


def _is_image(value: object) -> str | None:
    if isinstance(value, str) and IMAGE.fullmatch(value):
        return None
    return "must be an image's name without a tag, as in 'registry.example.com/shop'"


def _is_memory(value: object) -> str | None:
    problem = checks.is_size(value)
    if problem is None and checks.size(value) < SMALLEST_MEMORY:
        return "must be at least 32 MiB"
    return problem


def _is_inside(value: object) -> str | None:
    if not isinstance(value, str) or not value:
        return "must be a path"
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts:
        return "must be a path inside the build context, relative to it"
    return None


def _is_folder(value: object) -> str | None:
    if not isinstance(value, str) or not value:
        return "must be a path"
    if PurePosixPath(value).is_absolute():
        return "must be relative to the project's folder, as in '.' or '..'"
    return None


CONTAINER_CHECKS: Mapping[str, Callable[[object], str | None]] = MappingProxyType(
    {
        "containers.image": _is_image,
        "containers.build": _is_folder,
        "containers.dockerfile": _is_inside,
        "containers.memory": _is_memory,
        "containers.replicas": checks.is_count,
        "containers.redis": checks.is_flag,
        "containers.postgres": checks.is_flag,
        "containers.locustfile": _is_inside,
    }
)


def containers_of(get: Callable[..., Any]) -> Containers:
    """From values that were checked one by one; `get` takes a path and a default."""
    default = DEFAULT_CONTAINERS
    workers = get("workers", DEFAULT_WORKERS)
    return Containers(
        image=get("containers.image", default.image),
        build=get("containers.build", default.build),
        dockerfile=get("containers.dockerfile", default.dockerfile),
        memory=checks.size(get("containers.memory", workers * WORKER_MEMORY)),
        replicas=get("containers.replicas", default.replicas),
        redis=get("containers.redis", default.redis),
        postgres=get("containers.postgres", default.postgres),
        locustfile=get("containers.locustfile", default.locustfile),
    )
