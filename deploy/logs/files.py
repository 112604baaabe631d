"""Log files of a bounded size: whole lines, some old files kept, and never a reason to fail."""

import contextlib
import os
from pathlib import Path
from threading import Lock


class LogFile:
    """A file that lines are added to; threads may share it.

    The full one becomes `<name>.1`, that one `<name>.2` and so on. On a full disk lines are lost
    and counted: nobody who serves visitors waits for space.
    """

    def __init__(self, path: Path, *, file_size: int, files: int) -> None:
        """`file_size` is in bytes; of the `files` that are kept, one is the one that is written."""
        self.path = path
        self.lost = 0
        """Lines that could not be written."""
        self._file_size = file_size
        self._files = files
        self._descriptor: int | None = None
        self._size = 0
        self._lock = Lock()

    def write(self, lines: bytes) -> None:
        """Add whole lines, each with its end."""
        with self._lock:
            try:
                self._write(lines)
            except OSError:
                self.lost += lines.count(b"\n")

    def _write(self, lines: bytes) -> None:
        descriptor = self._open()
        if self._size and self._size + len(lines) > self._file_size:
            self._rotate()
            descriptor = self._open()
        try:
            written = os.write(descriptor, lines)
            while written < len(lines):
                written += os.write(descriptor, lines[written:])
        except OSError:
            # No half line stays where whole ones will follow.
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, self._size)
            raise
        self._size += len(lines)

    def _open(self) -> int:
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self._descriptor = os.open(self.path, flags, 0o600)
            self._size = os.fstat(self._descriptor).st_size
        return self._descriptor

    def _rotate(self) -> None:
        self.close()
        paths = [self.path, *(_rotated(self.path, age) for age in range(1, self._files))]
        if len(paths) == 1:
            self.path.unlink(missing_ok=True)
        for older, newer in zip(reversed(paths[1:]), reversed(paths[:-1]), strict=True):
            with contextlib.suppress(FileNotFoundError):
                newer.replace(older)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor, self._size = None, 0


def newest_first(path: Path) -> list[Path]:
    """The file that is written, and the old ones behind it."""
    old = (name.name.removeprefix(f"{path.name}.") for name in path.parent.glob(f"{path.name}.*"))
    ages = sorted(int(age) for age in old if age.isdecimal())
    return [path, *(_rotated(path, age) for age in ages)]


def _rotated(path: Path, age: int) -> Path:
    return path.with_name(f"{path.name}.{age}")
