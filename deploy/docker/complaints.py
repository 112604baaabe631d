"""What `docker` complains of, in words that say what to do."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

INSTALL = "https://docs.docker.com/engine/install/"
LAST_LINES = 12

KNOWN: Sequence[tuple[str, str]] = (
    (
        r"command not found",
        f"there is no command `docker`; install Docker ({INSTALL}), or use the local target, which "
        "needs none: `--target local`",
    ),
    (
        r"permission denied.*(docker.sock|docker daemon|Docker API|dial unix)",
        "this user may not speak to the Docker engine; add the user to the group `docker` and log "
        "in again (members can do what root can), or use rootless Docker",
    ),
    (
        r'"https?://[^/"]+/v2/|no basic auth credentials|(?m:^(unauthorized|denied): )',
        "a registry does not take or give an image; is it reachable from the engine, and may you "
        "write and read there (`docker login REGISTRY`)? One that speaks plain HTTP has to be in "
        "`insecure-registries` of the engine's daemon.json",
    ),
    (
        r"Cannot connect to the Docker daemon|failed to connect to the docker API|Is the docker "
        r"daemon running|error during connect|no such host|connection refused.*docker",
        "no Docker engine answers{where}; start it (`systemctl start docker`), or name another by "
        "DOCKER_HOST or `docker context use`",
    ),
    (
        r"context \S+ (not found|does not exist)|context not found",
        "there is no such Docker context; `docker context ls` shows those there are",
    ),
    (
        r"(no space left on device|not enough free space|disk quota exceeded)",
        "the engine's disk is full; `docker system df` shows what takes the room, and `docker "
        "builder prune` and `docker image prune` give some back",
    ),
    (
        r"port is already allocated|address already in use|bind.*: EADDRINUSE",
        "the port that visitors connect to is taken; choose another by --bind or balancer.bind, or "
        "stop what listens there (`docker ps` shows containers with their ports)",
    ),
    (
        r"no such service: (?P<name>\S+)",
        "the Compose files have no service {name}",
    ),
    (
        r"can't set container_name and (\S+ )?as container name must be unique|container_name"
        r".*(scale|replicas|unique)|because it has a custom container name|"
        r"Remove the custom name to scale",
        "the service `web` has a fixed container_name, and several containers cannot share one; "
        "take container_name out of your override of the Compose file",
    ),
    (
        r"This node is not a swarm manager|node is not part of a swarm",
        "the engine is no manager of a Swarm; say `docker swarm init` there, or name a manager by "
        "DOCKER_HOST or `docker context use`",
    ),
)

NO_ENGINE_AT = re.compile(r"(unix|tcp|ssh|npipe)://[^\s\"',;]+?(?=[\s\"',;.]*(\s|$))")


# What is told of commands that can fail for many reasons.
FAILED: Mapping[str, str] = MappingProxyType(
    {
        "build": "the image does not build; the step that failed is in the Dockerfile",
        "compose build": "the image does not build; the step that failed is in the Dockerfile",
        "compose config": "Compose does not take its files; look at what you have added to them",
        "compose run": "the job `migrate` failed",
    }
)

# What Compose tells while nothing is wrong.
PROGRESS = re.compile(
    r"\s*(Container|Network|Volume) \S+\s+(Creat|Start|Wait|Heal|Runn|Stopp|Remov|Recreat)\w*\s*$"
)


def explained(arguments: Sequence[str], said: str) -> str:
    """One message: what is wrong, what to do, and what `docker` said itself."""
    said = said.strip()
    shown = [line for line in said.splitlines() if line.strip() and not PROGRESS.match(line)]
    lines = "\n".join(f"  {line}" for line in shown[-LAST_LINES:])
    for pattern, words in KNOWN:
        found = re.search(pattern, said, re.IGNORECASE)
        if found:
            name = found.groupdict().get("name", "").strip("'\"")
            address = NO_ENGINE_AT.search(said)
            where = f" at {address[0]}" if address else ""
            message = words.format(name=name, where=where)
            return message if pattern == KNOWN[0][0] else f"{message}\n{lines}"
    command = _shown(arguments)
    what = FAILED.get(command, f"`docker {command}` failed")
    return f"{what}:\n{lines or '  (it said nothing)'}"


# Commands that have commands of their own, and options of Compose that take a word of their own.
GROUPS = frozenset(
    {"compose", "config", "image", "network", "node", "secret", "service", "stack", "swarm"}
)
WITH_VALUE = frozenset(
    {"--ansi", "--env-file", "--file", "--profile", "--progress", "--project-directory"}
    | {"--project-name"}
)


def _shown(arguments: Sequence[str]) -> str:
    """The command without its options: `compose build`, not the paths of all files."""
    command, *rest = arguments
    if command not in GROUPS:
        return command
    while rest and rest[0].startswith("-"):
        rest = rest[2:] if rest[0] in WITH_VALUE else rest[1:]
    return " ".join([command, *rest[:1]])
