"""The files that a command writes: whole or not at all, and known to be possible beforehand."""

from __future__ import annotations

import os
from pathlib import Path

from loadtests.errors import LoadTestError


def require_writable(path: Path) -> None:
    """Find out before minutes of measuring, not after them, by writing nothing into its folder.

    :raises LoadTestError: the file cannot be written there.
    """
    if is_special(path):
        return
    if path.is_dir():
        raise LoadTestError(f"{path} is a folder and cannot be written. Name a file in it.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LoadTestError(f"The folder for {path} cannot be made: {error}") from None
    temporary = beside(path)
    try:
        temporary.touch()
        temporary.unlink()
    except OSError as error:
        raise cannot_be_written(path, error) from None


def require_distinct(*paths: Path | None) -> None:
    """:raises LoadTestError: two are one file, which would hold only what is written last."""
    files: set[Path] = set()
    for path in paths:
        if path is None or is_special(path):
            continue
        file = behind(path)
        if file in files:
            raise LoadTestError(f"{path} is named twice. Name a file of its own for each.")
        files.add(file)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader finds the old one or the new one, never a part.

    :raises LoadTestError: it cannot be written, for want of room or of rights.
    """
    try:
        if is_special(path):
            with path.open("a", encoding="utf-8") as stream:
                stream.write(text)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = beside(path)
        try:
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(behind(path))
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_be_written(path, error) from None


def beside(path: Path) -> Path:
    """A name in the folder of the file, or of what a link leads to; no other process has it."""
    file = behind(path)
    return file.with_name(f".{file.name}.{os.getpid()}")


def behind(path: Path) -> Path:
    """The file itself, where links lead to one; a link that leads to itself is one."""
    # Not Path.resolve(): before Python 3.13 that ends with a RuntimeError at such a link.
    return Path(os.path.realpath(path))


def is_special(path: Path) -> bool:
    """Whether it is a pipe, a terminal or a device, such as /dev/stdout: nothing to replace."""
    return path.exists() and not path.is_file() and not path.is_dir()


def cannot_be_written(path: Path, error: OSError) -> LoadTestError:
    return LoadTestError(f"{path} cannot be written: {error.strerror or error}. Name another file.")
