"""Memory: one server at a time, so that nobody else has a part of its pages."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from typing import TYPE_CHECKING

from ..processes import ROOT
from ..valkey import Valkey
from .figures import Memory
from .load import Load, put_load
from .running import Running, serve
from .servers import ALL, OURS, STOCK, Server, program
from .times import HELLO_APP

if TYPE_CHECKING:
    from .run import Run

SHOP = "benchmarks.serving.apps.shop_twofold:app"
PAGE = "/items/3"
WORKERS = 4
"""Of a node whose app is loaded before the fork, or after it."""

CONNECTIONS = 2000
SETTLE = 0.5
"""Seconds until a server has seen what it was sent."""

TWOFOLD = "from deploy.cli import main; main(prog_name='twofold')"
PATCHED = (
    "from gevent import monkey; monkey.patch_all(); from gunicorn.app.wsgiapp import run; run()"
)


def measure_memory(run: Run) -> None:
    """A hello app on every server: what a worker takes, and what an idle connection adds."""
    for server in ALL:
        if server.is_there and run.figures.memory_of(server.name) is None:
            run.begin(f"memory: {server.name}")
            with serve(server, HELLO_APP, "/", core=run.options.server_core) as running:
                run.keep(measure(run, running, keeps_many=server.keeps_many))


def measure_preload(run: Run) -> None:
    """The shop in several workers, its app loaded by each of them or before they are forked."""
    with Valkey() as store:
        for profile in OURS:
            for preload in (False, True):
                for server in (twofold_serve(profile, preload), stock(profile, preload)):
                    known = run.figures.memory_of(server.name, preload=preload, workers=WORKERS)
                    if known is not None or not server.is_there:
                        continue
                    run.begin(f"preload {'on' if preload else 'off'}: {server.name}")
                    core = run.options.server_core
                    with serve(server, SHOP, PAGE, core=core, redis_url=store.url) as running:
                        run.keep(measure(run, running, PAGE, preload=preload, workers=WORKERS))


def twofold_serve(profile: str, preload: bool) -> Server:
    """A node of ours, all workers on one address, as a platform's balancer wants it."""
    ours = OURS[profile]
    environ = (program("env"), "PORT={port}", f"GUNICORN_CMD_ARGS={'--preload' if preload else ''}")
    options = ("-C", str(ROOT), "--profile", profile, "--workers", str(WORKERS))
    command = (*environ, sys.executable, "-c", TWOFOLD, "serve", "{app}", *options)
    return Server(ours.name, command, ours.needs)


def stock(profile: str, preload: bool) -> Server:
    """gunicorn with its own class."""
    server = STOCK[profile]
    python, module = server.arguments[:1], server.arguments[1:3]
    if preload and profile == "greenlets":
        # What the app imports must be patched by then.
        module = ("-c", PATCHED)
    options = ("--workers", str(WORKERS), *(("--preload",) if preload else ()))
    command = (*python, *module, *server.arguments[3:], *options)
    return Server(server.name, command, server.needs)


def measure(
    run: Run,
    server: Running,
    path: str = "/",
    *,
    preload: bool = False,
    workers: int = 1,
    keeps_many: bool = False,
) -> Memory:
    """Look at a server's memory before and after many requests."""
    time.sleep(SETTLE)
    start, start_all = server.memory()
    requests = 0
    while requests < run.options.requests:
        load = Load(path, connections=8, seconds=1, close=False)
        requests += put_load(server.port, load, run.options.load_core).requests
    end, end_all = server.memory()
    return Memory(
        server=server.name,
        preload=preload,
        workers=workers,
        start=start,
        start_all=start_all,
        end=end,
        end_all=end_all,
        requests=requests,
        connection=idle_connection(server) if keeps_many else None,
    )


def idle_connection(server: Running) -> float:
    """Return the KiB that each connection adds which has brought a request and waits."""
    with contextlib.ExitStack() as stack:
        # So that memory the server keeps for connections is there before.
        stack.enter_context(_used_connection(server))
        before = server.memory()[1]
        for _ in range(CONNECTIONS):
            stack.enter_context(_used_connection(server))
        time.sleep(SETTLE)
        return (server.memory()[1] - before) * 1024 / CONNECTIONS


def _used_connection(server: Running) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    if not client.recv(4096):
        client.close()
        raise ConnectionError(f"{server.name} closes connections that should stay open")
    return client
