"""Unix sockets in the file system: no stale file in the way, and none left behind."""

import contextlib
import errno
import os
import socket
import stat
from pathlib import Path

from .errors import StartError


class PathSocket(socket.socket):
    """A listening socket with a path; closing it removes the file, if it is still its own."""

    def __init__(self, path: Path, mode: int) -> None:
        """
        :raises OSError: the path cannot be bound.
        """
        super().__init__(socket.AF_UNIX)
        self.path = path
        self._file: tuple[int, int] | None = None
        try:
            # Nobody can connect before it listens, so the mode is never too wide.
            self.bind(str(path))
            self._file = _identity(path)
            os.chmod(path, mode)
        except OSError:
            self.close()
            raise

    def owns_path(self) -> bool:
        """Whether another process has not taken the path since."""
        return self._file is not None and _identity(self.path) == self._file

    def close(self) -> None:
        if self.owns_path():
            with contextlib.suppress(OSError):
                self.path.unlink()
        self._file = None
        super().close()


def reserve(path: Path, mode: int, *, setting: str) -> PathSocket:
    """A socket at the path, where nobody can connect yet.

    :raises StartError: something else is there, or the folder does not allow it.
    """
    problem = remove_stale(path)
    if problem is None:
        try:
            return PathSocket(path, mode)
        except OSError as error:
            problem = _explain(error, path)
    raise StartError(f"{setting} unix:{path}: {problem}")


def remove_stale(path: Path) -> str | None:
    """Remove the socket of a process that has ended; returns why the path is not free."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return "there is a file that is not a socket; remove it, or choose another path"
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.connect(str(path))
    except FileNotFoundError:
        return None
    except ConnectionRefusedError:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        return None
    except OSError as error:
        return _explain(error, path)
    return "another process listens there; stop it, or choose another path"


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _explain(error: OSError, path: Path) -> str:
    if error.errno == errno.ENOENT:
        return f"there is no folder {path.parent}; make it first"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{error.strerror}; this user must be able to write to {path.parent}"
    return error.strerror or str(error)
