"""Whether gevent has patched the standard library, and what must not happen if it has not."""

import sys
from typing import Any


def is_patched() -> bool:
    """Whether sockets of this process are gevent's."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("socket"))


def unsafe_preload(config: Any) -> str | None:
    """Why gunicorn's settings would import the app before gevent patches, or None.

    The profile greenlets patches first of all; a gevent worker class from GUNICORN_CMD_ARGS does
    in each worker, which with `preload_app` is after the app was imported.
    """
    ancestors = {base.__module__ for base in config.worker_class.__mro__}
    if config.preload_app and "gunicorn.workers.ggevent" in ancestors and not is_patched():
        return (
            "preload_app is set, and the worker class "
            f"{config.worker_class_str!r} patches the standard library only after that: what the "
            "app has imported would block every greenlet. Use --profile greenlets, or leave "
            "--preload out"
        )
    return None
