"""Making a fork, seeing what was changed in it, and taking in a newer version.

Each verb first finishes what an earlier one may have been cut off at.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .exceptions import ForkError
from .files import Files, hashes, pack, read_files, unpack
from .merging import repository, with_markers
from .placing import finish, place, place_new
from .record import UNDO, origin_files, origin_of, read_origin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .merging import Merge, Repository
    from .record import Origin
    from .upstream import Upstream

OURS = "yours"


@dataclass(frozen=True)
class Update:
    """What an update does, or would do, to a fork."""

    old: str
    new: str
    changes: list[str]
    """A line for each file of the fork that changes."""
    conflicts: tuple[str, ...]


def create(fork: Path, upstream: Upstream) -> None:
    """Copy a package to a folder that is not there yet."""
    problem = name_problem(fork.name)
    if problem:
        raise ForkError(problem)
    if os.path.lexists(fork):
        raise ForkError(
            f"{fork} is there already. Name another folder; to take a newer version into "
            "a fork, say --update."
        )
    if not fork.parent.is_dir():
        raise ForkError(f"There is no folder {fork.parent} to put the fork into.")
    place_new(fork, {**upstream.files, **origin_files(origin_of(upstream, updated={}))})


def name_problem(name: str) -> str | None:
    if name.isidentifier():
        return None
    return f"{name!r} cannot be the name of a package: it is imported, as in `import fork_of_it`."


def diff(fork: Path) -> str:
    """Return what was changed since the fork was made or updated, as `git diff` prints it."""
    finish(fork)
    origin = read_origin(fork)
    with repository() as versions:
        return versions.diff(
            versions.add(label(origin), origin.base), versions.add(OURS, read_files(fork))
        )


def update(fork: Path, upstream: Upstream, *, dry_run: bool = False) -> Update | None:
    """Merge a newer version into a fork; None if it is of that version already.

    Where both sides changed the same lines, the file gets both, between conflict markers.
    """
    finish(fork)
    origin = read_origin(fork)
    if origin.base == upstream.files:
        return None
    ours = read_files(fork)
    if unresolved := with_markers(ours):
        raise ForkError(
            f"{fork} still has conflicts of an earlier merge, in {', '.join(unresolved)}. "
            "Resolve them first, or go back with --undo."
        )
    with repository() as versions:
        merge, changes = merged(versions, origin, ours, upstream)
    newest = origin_of(upstream, updated=hashes(merge.files))
    if not dry_run:
        before = {**ours, **origin_files(origin)}
        after = {**merge.files, **origin_files(newest), UNDO: pack(before)}
        replace(fork, before, after)
    return Update(origin.title, newest.title, changes, merge.conflicts)


def merged(
    versions: Repository, origin: Origin, ours: Files, upstream: Upstream
) -> tuple[Merge, list[str]]:
    """The merge of a fork with a newer version, and what it changes in the fork."""
    base = versions.add("origin", origin.base)
    mine = versions.add(OURS, ours, parent=base)
    theirs = versions.add(label(upstream), upstream.files, parent=base)
    merge = versions.merge(mine, theirs)
    return merge, versions.changes(mine, versions.add("merged", merge.files))


def label(version: Origin | Upstream) -> str:
    """What a version is called in diffs and beside conflict markers."""
    return f"{version.package}-{version.version}"


def undo(fork: Path, *, force: bool = False) -> str:
    """Take the last update back; returns the version that the fork is of then.

    :raises ForkError: there is nothing to undo, or files were changed since and `force` is not set.
    """
    finish(fork)
    origin = read_origin(fork)
    try:
        before = unpack((fork / UNDO).read_bytes())
    except FileNotFoundError:
        raise ForkError(f"{fork} has had no update, or it is undone already.") from None
    now = read_files(fork)
    changed = differing(origin.updated, hashes(now))
    if changed and not force:
        raise ForkError(
            f"{fork} was changed since its update, and an undo would lose that: "
            f"{', '.join(changed)}. Keep a copy and say --force."
        )
    replace(fork, {**now, UNDO: b""}, before)
    return read_origin(fork).title


def differing(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The names of files that were changed, added or removed."""
    return sorted({name for name, _ in before.items() ^ after.items()})


def replace(fork: Path, before: Files, after: Files) -> None:
    """Write the files that differ, and remove those that are no more."""
    written = {name: content for name, content in after.items() if before.get(name) != content}
    place(fork, written, before.keys() - after.keys())
