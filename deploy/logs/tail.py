"""The ends of log files, over the old ones that belong to them: bounded, however large they are."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .files import newest_first

CHUNK = 65_536
LONGEST_TAIL = 16 * CHUNK
LONGEST_LINE = CHUNK


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines, from the old files too if the one that is written has too few."""
    found: list[bytes] = []
    for file in _newest_first(path):
        with file:
            found = _last(file, count - len(found)) + found
    return list(map(_text, found))


def all_lines(path: Path) -> Iterator[str]:
    """Every line that is kept, the oldest first."""
    for file in reversed(list(_newest_first(path))):
        with file:
            yield from map(_text, file)


def _newest_first(path: Path) -> Iterator[BinaryIO]:
    """The files, opened, each once: the writer may give them other names meanwhile."""
    seen = set()
    for name in newest_first(path):
        try:
            file = name.open("rb")
        except OSError:
            continue
        inode = _inode(file)
        if inode in seen:
            file.close()
        else:
            seen.add(inode)
            yield file


def _inode(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_ino


def _last(file: BinaryIO, count: int) -> list[bytes]:
    """The last lines; the file is then read up to its end."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - LONGEST_TAIL))
    lines = file.read(LONGEST_TAIL).splitlines(keepends=True)
    return lines[-count:] if count else []


class Follower:
    """Hands out the lines that are added to a log, whatever becomes of its files meanwhile."""

    def __init__(self, path: Path, *, last: int | None = None) -> None:
        """`last` is how many of the lines that are there come first; None for all."""
        self._path = path
        self._last = last
        self._file: BinaryIO | None = None
        self._rest = b""

    def new_lines(self) -> Iterator[str]:
        """What was added since the last call; a line without its end waits for it."""
        if self._last is not None:
            yield from self._first_lines(self._last)
        elif self._file is not None:
            yield from self._added(self._file)
        for file in self._newer_files():
            # Whoever writes has left the one before for good, so it is read to its end.
            if self._file is not None:
                yield from self._added(self._file)
                self._file.close()
            self._file, self._rest = file, b""
            yield from self._added(file)

    def _first_lines(self, count: int) -> Iterator[str]:
        self._last = None
        found: list[bytes] = []
        for file in _newest_first(self._path):
            found = _last(file, count - len(found)) + found
            if self._file is None:
                self._file = file
            else:
                file.close()
        if found and not found[-1].endswith(b"\n"):
            self._rest = found.pop()
        yield from map(_text, found)

    def _newer_files(self) -> list[BinaryIO]:
        """The files behind the one that is read, opened, the oldest first."""
        newer: list[BinaryIO] = []
        for file in _newest_first(self._path):
            if self._file is not None and _inode(file) == _inode(self._file):
                file.close()
                break
            newer.append(file)
        return newer[::-1]

    def _added(self, file: BinaryIO) -> Iterator[str]:
        if os.fstat(file.fileno()).st_size < file.tell():
            # It was cut short, by someone else than this package.
            file.seek(0)
            self._rest = b""
        while data := file.read(CHUNK):
            *whole, self._rest = (self._rest + data).split(b"\n")
            yield from map(_text, whole)
            if len(self._rest) > LONGEST_LINE:
                yield _text(self._rest)
                self._rest = b""

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r\n")
