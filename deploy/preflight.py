"""Before anything is started: can the app be imported, and what does that take?"""

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import processes
from .deployment import Deployment
from .errors import StartError

IMPORT_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class ImportedApp:
    """What a process is like that has imported the app as a worker does."""

    memory: int
    """In bytes."""
    blocking: tuple[str, ...]
    """Database drivers that would block a worker's greenlets, each with a way out."""


def check_app(
    deployment: Deployment,
    env: Mapping[str, str],
    pause: Callable[[float], object] = time.sleep,
) -> ImportedApp:
    """Import the app in a process of its own.

    `pause` is called while the app is imported, and ends that by raising.

    :raises StartError: it cannot be imported; the message shows the real cause.
    """
    where = f"the app {deployment.app!r} cannot be served from {deployment.directory}"
    argv = processes.python_module(
        "deploy.gunicorn.preflight",
        deployment.app,
        deployment.profile.worker_class,
        str(deployment.directory),
    )
    try:
        result = processes.run(
            argv, env=env, cwd=deployment.directory, timeout=IMPORT_TIMEOUT, pause=pause
        )
    except subprocess.TimeoutExpired:
        raise StartError(
            f"{where}: importing it took longer than {IMPORT_TIMEOUT:g} s; does the module wait "
            "for something, or run a server of its own, when it is imported?"
        ) from None
    imported = ImportedApp(0, ())
    try:
        answer = json.loads(result.stdout)
        problem = answer["problem"]
        imported = ImportedApp(answer["memory"], tuple(answer["blocking"]))
    except ValueError:
        problem = f"importing it ended the process (code {result.returncode})\n{result.stderr}"
    if problem:
        raise StartError(
            f"{where}:\n  {problem.strip()}\n"
            "Check the import string, or name the project's folder with --directory."
        )
    return imported
