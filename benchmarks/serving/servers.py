"""The servers: how each is started, with one worker unless it is told otherwise."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.profiles import FAST_WORKERS, GUNICORN_WORKERS

THREADS = 4
MOST_CONNECTIONS = 4000


@dataclass(frozen=True)
class Server:
    """A way to serve an app; `{app}` and `{port}` in its arguments stand for these."""

    name: str
    arguments: tuple[str, ...]
    needs: str = ""
    """The module without which it cannot run."""
    keeps_many: bool = True
    """Whether thousands of idle connections do not keep it from serving others."""

    def command(self, app: str, port: int) -> list[str]:
        values = {"{app}": app, "{port}": str(port)}
        found = []
        for argument in self.arguments:
            for placeholder, value in values.items():
                argument = argument.replace(placeholder, value)
            found.append(argument)
        return found

    @property
    def is_there(self) -> bool:
        program = shutil.which(self.arguments[0])
        return program is not None and (
            not self.needs or importlib.util.find_spec(self.needs) is not None
        )


def gunicorn(name: str, worker_class: str, *options: str, needs: str = "gunicorn") -> Server:
    return Server(
        name,
        (
            *(sys.executable, "-m", "gunicorn", "{app}", "--bind", "127.0.0.1:{port}"),
            *("--worker-class", worker_class, "--keep-alive", "75", "--no-control-socket"),
            *("--worker-tmp-dir", "/dev/shm"),  # noqa: S108
            *("--config", "python:benchmarks.serving.gunicorn_conf"),
            *("--worker-connections", str(MOST_CONNECTIONS), *options),
        ),
        needs,
        keeps_many=worker_class not in (GUNICORN_WORKERS["processes"], FAST_WORKERS["processes"]),
    )


def options_of(profile: str) -> tuple[str, ...]:
    return ("--threads", str(THREADS)) if profile == "threads" else ()


def program(name: str) -> str:
    """A program beside the interpreter, or else on PATH."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name) or name


PROFILES = tuple(FAST_WORKERS)
OURS = {
    # Without the C parser they would leave everything to gunicorn's own code.
    profile: gunicorn(
        f"twofold {profile}", FAST_WORKERS[profile], *options_of(profile), needs="gunicorn_h1c"
    )
    for profile in PROFILES
}
STOCK = {
    profile: gunicorn(
        f"gunicorn {GUNICORN_WORKERS[profile]}",
        GUNICORN_WORKERS[profile],
        *("--http-parser", "python", *options_of(profile)),
    )
    for profile in PROFILES
}
STOCK_FAST = {
    profile: gunicorn(
        f"gunicorn {GUNICORN_WORKERS[profile]}, C parser",
        GUNICORN_WORKERS[profile],
        *("--http-parser", "fast", *options_of(profile)),
        needs="gunicorn_h1c",
    )
    for profile in PROFILES
}
OTHERS = (
    Server(
        "uWSGI",
        (
            *(program("uwsgi"), "--http11-socket", "127.0.0.1:{port}", "--module", "{app}"),
            *("--master", "--processes", "1", "--threads", str(THREADS), "--disable-logging"),
            *("--so-keepalive", "--die-on-term", "--need-app", "--pythonpath", "."),
        ),
        keeps_many=False,
    ),
    Server(
        "granian",
        (
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "--port", "{port}"),
            *("--workers", "1", "--no-ws", "--log-level", "warning", "{app}"),
        ),
        needs="granian",
    ),
    Server(
        "waitress",
        (
            *(sys.executable, "-m", "waitress", "--listen", "127.0.0.1:{port}"),
            *("--threads", str(THREADS), "--connection-limit", str(MOST_CONNECTIONS)),
            *("--asyncore-use-poll", "{app}"),
        ),
        needs="waitress",
    ),
    Server(
        "bjoern",
        (
            *(sys.executable, "-c"),
            "import bjoern, importlib; module, _, name = '{app}'.partition(':'); "
            "app = getattr(importlib.import_module(module), name); "
            "bjoern.run(app, '127.0.0.1', {port})",
        ),
        needs="bjoern",
    ),
)
ALL = (*OURS.values(), *STOCK.values(), *STOCK_FAST.values(), *OTHERS)


def missing() -> list[str]:
    """The servers that are not installed, and so not in the tables."""
    return [server.name for server in ALL if not server.is_there]
