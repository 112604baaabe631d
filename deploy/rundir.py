"""The run directory of a deployment: where its sockets, configuration, secrets and logs are.

It lies in `twofold-<uid>` under the system's temporary folder, since the path of a unix socket
may have 107 bytes only. A process that holds the lock in it is the deployment's supervisor; a
directory that nobody has locked was left by one that was killed.
"""

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from .errors import StartError

MAX_SOCKET_PATH = 107
TEMPORARY_FOLDER = "/tmp"  # noqa: S108  # the directory in it is closed to others


class RunDirectory:
    """Paths of one deployment."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = root() / name

    @property
    def control_socket(self) -> Path:
        return self.path / "control"

    @property
    def haproxy_socket(self) -> Path:
        return self.path / "haproxy"

    @property
    def haproxy_config(self) -> Path:
        return self.path / "haproxy.cfg"

    @property
    def certificate(self) -> Path:
        """The balancer's, with its key."""
        return self.path / "certificate.pem"

    @property
    def store_config(self) -> Path:
        return self.path / "store.conf"

    @property
    def store_data(self) -> Path:
        return self.path / "store"

    def log(self, part: str) -> Path:
        return self.path / f"{part}.log"

    @property
    def _lock_file(self) -> Path:
        return self.path / "lock"

    @property
    def in_use(self) -> bool:
        """Whether a supervisor holds the lock."""
        try:
            descriptor = os.open(self._lock_file, os.O_RDONLY)
        except OSError:
            return False
        try:
            # A shared lock: several may look at once and not take each other for a supervisor.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def create(self) -> int:
        """Make the directory anew and lock it; the lock lasts as long as the descriptor."""
        self._check_length()
        with _root_locked():
            if self.in_use:
                raise StartError(
                    f"a deployment named {self.name!r} is already running; stop it with "
                    f"`twofold down --name {self.name}`, or give this one another name, as in "
                    "twofold.toml"
                )
            shutil.rmtree(self.path, ignore_errors=True)
            try:
                return self._make()
            except OSError as error:
                self._delete()
                raise _not_made(self.path, error) from None

    def _make(self) -> int:
        self.path.mkdir(mode=0o700)
        self.store_data.mkdir(mode=0o700)
        descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        # It waits at most for those who look at this moment whether the directory is in use.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return descriptor

    def remove(self) -> None:
        """Delete the directory, and its parent if it was the last."""
        with _root_locked():
            self._delete()

    def sweep(self) -> None:
        """Delete the directory if its supervisor is gone."""
        if self.path.exists() and not self.in_use:
            with _root_locked():
                # Another one may have been started under the name since.
                if not self.in_use:
                    self._delete()

    def _delete(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            root().rmdir()

    def write_secret(self, path: Path, text: str) -> None:
        """Write a file that only this user may read, in one step.

        :raises StartError: it cannot be written; the one that was there before is.
        """
        temporary = path.with_name(f"{path.name}.new")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            temporary.replace(path)
        except OSError as error:
            raise StartError(
                f"{path} cannot be written: {error.strerror}; make room there"
            ) from None

    def _check_length(self) -> None:
        # HAProxy binds under a longer temporary name first, `<path>.<pid>.tmp`.
        longest = len(os.fsencode(self.haproxy_socket)) + len(".4194304.tmp")
        if longest > MAX_SOCKET_PATH:
            raise StartError(
                f"the path {self.haproxy_socket} is too long for a unix socket "
                f"({longest} bytes with HAProxy's suffix, {MAX_SOCKET_PATH} allowed); set TMPDIR "
                "to a shorter folder"
            )


def root() -> Path:
    # tempfile.gettempdir() names another folder on a full disk, where no deployment would be found.
    given = Path(os.environ.get("TMPDIR") or TEMPORARY_FOLDER)
    folder = given if given.is_dir() else Path(TEMPORARY_FOLDER)
    return folder / f"twofold-{os.getuid()}"


def running() -> list[RunDirectory]:
    """The run directories of deployments that are running; stale ones are swept."""
    found = []
    for path in sorted(root().iterdir()) if root().is_dir() else []:
        directory = RunDirectory(path.name)
        if directory.in_use:
            found.append(directory)
        else:
            directory.sweep()
    return found


@contextlib.contextmanager
def _root_locked() -> Iterator[None]:
    """One process at a time creates and removes run directories."""
    while True:
        descriptor = _open_root()
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_still(root(), descriptor):
            break
        # Removed by the previous holder of the lock, together with its last run directory.
        os.close(descriptor)
    try:
        yield
    finally:
        os.close(descriptor)


def _open_root() -> int:
    path = root()
    while True:
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            pass
        except OSError as error:
            raise _not_made(path, error) from None
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StartError(f"{path}: {error.strerror}; remove it and try again") from None
        status = os.fstat(descriptor)
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
            os.close(descriptor)
            raise StartError(
                f"{path} must be this user's and closed to others (mode 0700): someone else may "
                "have made it. Remove it, or set TMPDIR to a folder of your own"
            )
        return descriptor


def _not_made(path: Path, error: OSError) -> StartError:
    return StartError(
        f"the run directory {path} cannot be made: {error.strerror}; make room there, or set "
        "TMPDIR to another folder"
    )


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
