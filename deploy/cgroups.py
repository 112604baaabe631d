"""Linux's control groups as files: where they are, and the groups this process is in.

Kernel documentation: admin-guide/cgroup-v2 and admin-guide/cgroup-v1. Every function takes the
folder they are mounted at, so that a test can be given one of its own.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")


def own_groups(text: str) -> dict[str, str]:
    """From the lines of /proc/self/cgroup: controller to group; version 2 is the controller ''."""
    groups = {}
    for line in text.splitlines():
        _, controllers, group = line.split(":", 2)
        groups.update(dict.fromkeys(controllers.split(","), group))
    return groups


def directories(root: Path, group: str | None) -> Iterator[Path]:
    """The group's directory and those above it, as far as they can be seen from here.

    In a container the path may be the host's, and only its end, the root, is mounted.
    """
    if group is None:
        return
    path = PurePosixPath(group.lstrip("/"))
    for part in (path, *path.parents):
        yield root / part


def read(file: Path) -> str:
    """What the file says, or nothing if it cannot be read."""
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def values(file: Path) -> Mapping[str, int]:
    """Of a file with a name and a number a line, such as cpu.stat."""
    pairs = (line.split() for line in read(file).splitlines())
    return {name: int(value) for name, value in pairs}
