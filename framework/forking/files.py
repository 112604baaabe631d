"""The files of a package as values: paths, slash-separated and relative, to contents."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING

from .exceptions import ForkError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Files = dict[str, bytes]

RECORD_FOLDER = ".origin"
NOT_SOURCE = {"__pycache__", ".git", RECORD_FOLDER}
# The same files make the same archive, whenever it is written.
EARLIEST = (1980, 1, 1, 0, 0, 0)


def read_files(folder: Path) -> Files:
    """Return every file of a package but compiled ones, the fork's record and git's own.

    :raises ForkError: one is a symbolic link, or cannot be read.
    """
    files = {}
    try:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if not NOT_SOURCE.isdisjoint(name.parts):
                continue
            if path.is_symlink():
                raise ForkError(f"{path} is a symbolic link, which a merge would make a file of.")
            if path.is_file():
                files[name.as_posix()] = path.read_bytes()
    except OSError as error:
        raise ForkError(f"{error.filename} cannot be read: {error.strerror}.") from None
    return files


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the SHA-256 of each file, in hexadecimal."""
    return {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return the files as a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def unpack(data: bytes) -> Files:
    """Return the files of a zip archive.

    :raises ForkError: it is damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise ForkError(f"an archive of the fork's record is damaged: {error}.") from None
