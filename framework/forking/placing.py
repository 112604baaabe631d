"""Writing files so that a folder has all the new ones or all the old ones, whatever happens.

A change is first written beside the record, whole. A list of what it removes, written last, makes
it valid; from then on it is finished, if need be by the next command.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from .exceptions import ForkError
from .files import RECORD_FOLDER, Files, write_files

if TYPE_CHECKING:
    from collections.abc import Iterable

STAGED = Path(RECORD_FOLDER, "staged")
# Valid from the moment this is there: the names of files to remove, as a JSON list.
READY = STAGED.with_suffix(".json")


def place_new(folder: Path, files: Files) -> None:
    """Write a folder that is not there yet.

    :raises ForkError: it cannot be written; nothing is left behind.
    """
    try:
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            write_files(files, work / folder.name)
            (work / folder.name).rename(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise ForkError(f"{folder} cannot be written: {error.strerror}.") from None


def place(folder: Path, written: Files, removed: Iterable[str]) -> None:
    """Change files of a folder.

    :raises ForkError: they cannot be written; the folder is as it was.
    """
    try:
        shutil.rmtree(folder / STAGED, ignore_errors=True)
        write_files(written, folder / STAGED)
        partial = folder / READY.with_suffix(".partial")
        partial.write_text(json.dumps(sorted(removed)))
        partial.replace(folder / READY)
    except OSError as error:
        shutil.rmtree(folder / STAGED, ignore_errors=True)
        raise ForkError(
            f"{folder} cannot be changed: {error.strerror}. It is as it was before."
        ) from None
    finish(folder)


def finish(folder: Path) -> None:
    """Finish a change that was valid, and forget one that was not; does nothing without one.

    :raises ForkError: it cannot be finished now; another call will try again.
    """
    staged = folder / STAGED
    try:
        if (folder / READY).exists():
            for file in [path for path in staged.rglob("*") if path.is_file()]:
                place_of_it = folder / file.relative_to(staged)
                place_of_it.parent.mkdir(parents=True, exist_ok=True)
                file.replace(place_of_it)
            for name in json.loads((folder / READY).read_text()):
                remove(folder / name, folder)
            (folder / READY).unlink()
    except OSError as error:
        raise ForkError(
            f"{error.filename} cannot be written: {error.strerror}. The change is half in place; "
            "the next command finishes it."
        ) from None
    shutil.rmtree(staged, ignore_errors=True)


def remove(file: Path, folder: Path) -> None:
    """Remove a file, and the folders that it leaves empty."""
    file.unlink(missing_ok=True)
    for parent in file.parents:
        if parent == folder or not parent.is_dir() or os.listdir(parent):
            return
        parent.rmdir()
