"""Import the app as a worker would, and say what is wrong with it.

`python -m deploy.gunicorn.preflight APP WORKER_CLASS DIRECTORY`, a process of
its own, for importing runs the user's code. Prints one line of JSON: the problem or null, the most
memory in bytes that the process held, and the database drivers that block greenlets.
"""

import inspect
import json
import os
import resource
import sys
import traceback
from types import TracebackType
from typing import Any

from . import GREENLET_WORKERS
from .blocking import blocking_drivers


def problem(app: str) -> str | None:
    """What is wrong with the app of that import string, in one or two lines."""
    from gunicorn.errors import AppImportError
    from gunicorn.util import import_app

    try:
        found = import_app(app)
    except AppImportError as error:
        return str(error)
    except SystemExit as error:
        return f"importing it called sys.exit({error.code!r}){_place(error.__traceback__)}"
    except BaseException as error:
        last_line = traceback.format_exception_only(error)[-1].strip()
        return f"{last_line}{_place(error.__traceback__)}"
    if not _takes_a_request(found):
        return f"it does not take a WSGI app's two arguments; a factory is called: '{app}()'"
    return None


def _takes_a_request(app: Any) -> bool:
    try:
        inspect.signature(app).bind({}, None)
    except TypeError:
        return False
    except ValueError:
        # Written in C, with a signature that cannot be known.
        return True
    return True


def _place(trace: TracebackType | None) -> str:
    """The innermost line of the user's own: not of gunicorn, importlib or an installed package."""
    frames = [
        frame
        for frame in traceback.extract_tb(trace)
        if frame.filename != __file__
        and not frame.filename.startswith("<")
        and "site-packages" not in frame.filename
        and not frame.filename.startswith(os.path.dirname(os.__file__))
    ]
    return f"\n  in {frames[-1].filename}, line {frames[-1].lineno}" if frames else ""


def _peak_memory() -> int:
    """Resident bytes."""
    if sys.platform == "linux":
        # Not getrusage: there a process begins with the peak of the one that started it.
        with open("/proc/self/status", encoding="ascii") as status:
            peak = next(line for line in status if line.startswith("VmHWM:"))
        return int(peak.split()[1]) * 1024
    # In bytes on macOS, the other system this may run on.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    app, worker_class, directory = sys.argv[1:]
    # What the app prints while it is imported must not mix with the answer.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    has_greenlets = worker_class in GREENLET_WORKERS
    if has_greenlets:
        from gevent import monkey

        monkey.patch_all()
    sys.path.insert(0, directory)
    sys.argv[:] = ["gunicorn"]
    found: dict[str, Any] = {"problem": problem(app), "memory": _peak_memory()}
    found["blocking"] = blocking_drivers() if has_greenlets else []
    print(json.dumps(found), file=answer, flush=True)
    # Threads and exit handlers of the app have no say in when this ends.
    os._exit(0)


if __name__ == "__main__":
    main()
