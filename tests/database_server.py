"""A real database server on loopback, which tests may hurt: what PostgreSQL and MariaDB share."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tests.framework.redis_servers import free_port

if TYPE_CHECKING:
    import signal

SECONDS = 60.0

_numbers = itertools.count(1)


class DatabaseServer(ABC):
    """One server with a folder and a port of its own, which it keeps over a restart."""

    kind: ClassVar[str]
    """Of its folder's name, and of the user that root becomes for it."""
    path: ClassVar[str] = os.defpath
    """Where its programs look for others."""
    stop_signal: ClassVar[signal.Signals]
    """Ends it in order, without waiting for its clients."""
    kill_signal: ClassVar[signal.Signals]
    """Ends it as a crash does."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._user = _unprivileged_user(self.kind)
        # pytest's folders are closed to the user that root has to become for it.
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.kind}-"))
        try:
            if self._user is not None:
                os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
            assert self._run(*self._setup_command()).wait() == 0, self.log()
            self.start()
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def create_database(self) -> str:
        """Make an empty database; return its name."""

    @abstractmethod
    def drop_database(self, name: str) -> None:
        """Take a database away."""

    @abstractmethod
    def _setup_command(self) -> list[str]:
        """What makes the files of an empty server."""

    @abstractmethod
    def _server_command(self) -> list[str]:
        """What serves them."""

    @abstractmethod
    def _data_folder(self) -> str | None:
        """The folder of the server that answers on the port; None: nobody does."""

    def start(self) -> None:
        """Start the server and wait until it answers."""
        deadline = time.monotonic() + SECONDS
        self._spawn()
        while not self._answers():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in order, without waiting for its clients, whose transactions roll back."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End it as a crash does: clients lose their connections in the middle of anything."""
        self._end(self.kill_signal)

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """End it and forget its data."""
        self.kill()
        shutil.rmtree(self.folder)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def _spawn(self) -> None:
        self.process = self._run(*self._server_command())

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={"PATH": self.path, "LC_ALL": "C", "HOME": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A Ctrl-C at the tests' terminal is for the tests.
                start_new_session=True,
                user=None if self._user is None else self._user.pw_uid,
                group=None if self._user is None else self._user.pw_gid,
                extra_groups=None if self._user is None else [],
            )

    def _answers(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            # Some connection had its port for a moment.
            time.sleep(0.2)
            self._spawn()
        found = self._data_folder()
        return found is not None and found.rstrip("/") == str(self.folder / "data")

    def _end(self, signal_number: int) -> None:
        if self.process is not None:
            self.process.send_signal(signal_number)
            self.process.wait(SECONDS)
            self.process = None


def new_name() -> str:
    """A name that no other database of this test run has."""
    return f"test_{next(_numbers)}"


def _unprivileged_user(name: str) -> pwd.struct_passwd | None:
    """Whom root becomes for the server, which refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get(name) or names["nobody"]
