"""The supervisor's parent: when the supervisor ends, however it ends, nothing of it stays.

`python -m deploy.supervisor.guard NAME` starts the supervisor with its own stdin and stdout and
waits. Orphans of a killed supervisor become children of this process, which kills them, and the
run directory is removed.
"""

import ctypes
import os
import signal
import sys
import time

from .. import procfs, quota_groups
from ..processes import python_module, spawn_inheriting
from ..rundir import RunDirectory

PR_SET_CHILD_SUBREAPER = 36


def main() -> int:
    [name] = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    # The supervisor gets the same signals and stops in order; this process outlives it.
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)
    supervisor = spawn_inheriting(python_module("deploy.supervisor", str(os.getpid())))
    for channel in (0, 1, 2):
        # A pipe that stays open here would hide from its other end that the supervisor closed it.
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, channel)
        os.close(null)
    exit_code = supervisor.returncode = _wait_for(supervisor.pid)
    _end_orphans()
    quota_groups.sweep_all()
    RunDirectory(name).sweep()
    return exit_code


def _wait_for(supervisor: int) -> int:
    """The supervisor's exit code; orphans that end before it are not left as zombies."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == supervisor:
            return os.waitstatus_to_exitcode(status)


def _end_orphans() -> None:
    while orphans := procfs.children(os.getpid()):
        for pid in orphans:
            os.kill(pid, signal.SIGKILL)
        for pid in orphans:
            os.waitpid(pid, 0)
        # The children of those come here next.
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main())
