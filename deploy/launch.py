"""Start a program that dies with its parent: `python launch.py PARENT_PID PROGRAM ARGUMENT…`.

Before the program there may be what holds it, and all that it starts, to a CPU budget:
`join=FILE`, the cgroup.procs of a control group, or `pin=0,1`, the CPUs it may run on.

A file of its own, run without the site module, so that it costs some milliseconds, and an exec
instead of code between fork and exec, which is not safe in a process that has threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, sig: signal.Signals = signal.SIGKILL) -> None:
    """Ask Linux for `sig` when the thread that started this process ends; elsewhere do nothing."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(sig))
    # The parent may have died before the request was made.
    if os.getppid() != parent:
        sys.exit(f"parent {parent} is gone")


def confine(arguments: list[str]) -> list[str]:
    """Obey what stands before the program, and return the rest."""
    for index, argument in enumerate(arguments):
        word, _, value = argument.partition("=")
        if word == "join":
            with open(value, "w") as group:
                group.write(str(os.getpid()))
        elif word == "pin":
            os.sched_setaffinity(0, map(int, value.split(",")))
        else:
            return arguments[index:]
    return []


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    program = confine(sys.argv[2:])
    os.execv(program[0], program)  # noqa: S606
