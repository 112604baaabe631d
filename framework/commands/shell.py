"""`shell`: Python with the app at hand."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import click

from ..testing import TestClient, current, make_request
from .development import prepare_environment
from .target import app_argument, load_app

if TYPE_CHECKING:
    from collections.abc import Callable


@click.command()
@app_argument
def shell(app: str) -> None:
    """Open Python with APP loaded: `app`, a test `client`, and a made-up `request`.

    IPython is used if it is installed. Python code that is piped in is run instead:
    echo 'print(app)' | twofold shell
    """
    prepare_environment()
    loaded = load_app(app)
    with current(make_request(loaded)) as request:
        names = {"app": loaded, "client": TestClient(loaded), "request": request}
        if sys.stdin.isatty():
            console()(names)
        else:
            run_piped(sys.stdin.read(), names)


def console() -> Callable[[dict[str, Any]], None]:
    """Return what opens a console with the given names: IPython, else Python's own."""
    try:
        ipython: Any = importlib.import_module("IPython")
    except ImportError:
        return open_python
    return lambda names: ipython.start_ipython(argv=[], user_ns=names)


def open_python(names: dict[str, Any]) -> None:
    """Open Python's own console, with history and completion where the system has readline."""
    import code

    try:
        readline: Any = importlib.import_module("readline")
    except ImportError:
        pass
    else:
        from rlcompleter import Completer

        readline.set_completer(Completer(names).complete)
        readline.parse_and_bind("tab: complete")
    code.interact(banner=banner(names), local=names, exitmsg="")


def banner(names: dict[str, Any]) -> str:
    """Say what there is."""
    return f"Python {sys.version.split()[0]} with {', '.join(names)} of {names['app']!r}"


def run_piped(source: str, names: dict[str, Any]) -> None:
    """Run code as ``python -`` would."""
    exec(compile(source, "<stdin>", "exec"), {"__name__": "__main__", **names})  # noqa: S102 the user's own code
