"""Comparing and merging with git, in a repository that lives as long as the comparison.

git is what people trust for this: it follows renamed files and folders, and it writes conflicts in
the form that every editor knows. The project's own repository, if it has one, is not touched.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .exceptions import ForkError
from .files import Files, read_files, write_files

if TYPE_CHECKING:
    from collections.abc import Iterator

# The first with `git merge-tree --write-tree`.
OLDEST_GIT = (2, 38)
MARKER = re.compile(rb"^(<{7}|>{7})(?= )", re.MULTILINE)
CONFLICTS = 1


@dataclass(frozen=True)
class Merge:
    """What came of merging two versions."""

    files: Files
    conflicts: tuple[str, ...]
    """git's own words for each."""


class Repository:
    """Holds versions of the same files, and compares them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._git("init", "--quiet", "--bare", str(folder))

    def add(self, name: str, files: Files, parent: str | None = None) -> str:
        """Keep a version as a branch `name`, which conflicts are labelled with."""
        with tempfile.TemporaryDirectory() as work:
            write_files(files, Path(work))
            self._git("--work-tree", work, "add", "--all", "--force", ".", cwd=work)
        tree = self._git("write-tree").strip()
        parents = ["-p", parent] if parent else []
        commit = self._git("commit-tree", tree, *parents, "-m", name).strip()
        self._git("update-ref", f"refs/heads/{name}", commit)
        return name

    def merge(self, ours: str, theirs: str) -> Merge:
        """Merge two branches that come from the same one."""
        arguments = ["merge-tree", "--write-tree", "-z", "--name-only", "--messages", ours, theirs]
        done = self._run(*arguments)
        if done.returncode not in (0, CONFLICTS):
            raise ForkError(f"git cannot merge: {done.stderr.decode(errors='replace').strip()}")
        tree, *rest = done.stdout.decode().split("\0")
        conflicts = conflict_messages(rest) if done.returncode == CONFLICTS else ()
        return Merge(self._read(tree), conflicts)

    def diff(self, old: str, new: str, *options: str) -> str:
        """What changed between two branches, as `git diff` prints it."""
        return self._git("diff", "--find-renames", *options, old, new)

    def changes(self, old: str, new: str) -> list[str]:
        """One line a file: what happened to it, and its name."""
        return self.diff(old, new, "--name-status").replace("\t", "  ").splitlines()

    def _read(self, tree: str) -> Files:
        with tempfile.TemporaryDirectory() as work:
            self._git("read-tree", tree)
            self._git("--work-tree", work, "checkout-index", "--all", cwd=work)
            return read_files(Path(work))

    def _git(self, *arguments: str, cwd: str | None = None) -> str:
        done = self._run(*arguments, cwd=cwd)
        if done.returncode:
            message = done.stderr.decode(errors="replace").strip()
            raise ForkError(f"git {arguments[0]} failed: {message}")
        return done.stdout.decode(errors="replace")

    def _run(self, *arguments: str, cwd: str | None = None) -> subprocess.CompletedProcess[bytes]:
        # Nothing of the user's own settings, which could change line ends or names.
        own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environ = {
            **own,
            "GIT_DIR": str(self.folder),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_AUTHOR_NAME": "fork",
            "GIT_AUTHOR_EMAIL": "fork@localhost",
            "GIT_COMMITTER_NAME": "fork",
            "GIT_COMMITTER_EMAIL": "fork@localhost",
            "LC_ALL": "C",
        }
        return subprocess.run(  # noqa: S603  our own arguments, no shell
            ["git", "-c", "core.quotePath=false", *arguments],  # noqa: S607  the user's own git
            env=environ,
            cwd=cwd or self.folder.parent,
            capture_output=True,
            check=False,
        )


@contextmanager
def repository() -> Iterator[Repository]:
    """A new repository.

    :raises ForkError: there is no git, or too old a one.
    """
    require_git()
    with tempfile.TemporaryDirectory() as folder:
        yield Repository(Path(folder) / "versions.git")


def require_git() -> None:
    printed = git_version()
    match = re.search(r"(\d+)\.(\d+)", printed)
    if match and (int(match[1]), int(match[2])) >= OLDEST_GIT:
        return
    oldest = ".".join(map(str, OLDEST_GIT))
    raise ForkError(
        f"Forks are compared and merged with git {oldest} or newer, "
        f"and here is {printed or 'none'}. Install it and try again."
    )


def git_version() -> str:
    try:
        done = subprocess.run(["git", "--version"], capture_output=True, check=False)  # noqa: S607
    except OSError:
        return ""
    return done.stdout.decode(errors="replace").strip()


def conflict_messages(fields: list[str]) -> tuple[str, ...]:
    """The messages about conflicts in what `git merge-tree -z --messages` printed after the tree.

    That is the conflicted files, an empty field, and for each message the number of files it is
    about, those files, its kind, and its text.
    """
    messages = iter(fields[fields.index("") + 1 :])
    found = []
    for number in messages:
        if not number.isdigit():
            break
        for _ in range(int(number)):
            next(messages)
        kind, text = next(messages), next(messages)
        if kind.startswith("CONFLICT"):
            found.append(text.strip())
    return tuple(found)


def with_markers(files: Files) -> list[str]:
    """The files in which a conflict has been left."""
    return [name for name, content in files.items() if len(set(MARKER.findall(content))) == 2]


def uncommitted(folder: Path) -> list[str]:
    """Files below a folder that the project's own repository does not have as they are.

    Empty where there is no repository, or no git to ask.
    """
    try:
        done = subprocess.run(  # noqa: S603  our own arguments, no shell
            ["git", "-C", str(folder), "status", "--porcelain", "--", "."],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return []
    return [line[3:] for line in done.stdout.splitlines()]
