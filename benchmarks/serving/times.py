"""Processor time, throughput and p99: all servers run at once, and are asked in turns."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING

from ..valkey import Valkey
from .figures import Visit, Way
from .load import Load, put_load
from .running import Running, serve
from .servers import ALL, OURS, STOCK, Server

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .run import Run

HELLO_APP = "benchmarks.serving.apps.hello:app"
HELLO_PAGES = {"hello": "/"}

TWOFOLD_SHOP = "benchmarks.serving.apps.shop_twofold:app"
FLASK_SHOP = "benchmarks.serving.apps.shop_flask:app"
SHOP_PAGES = {"shortest": "/hello", "front": "/", "item": "/items/3", "cart": "/cart/"}
"""The cart needs a session, which is in Valkey; the others leave it alone."""

IN_THE_CART = ({"item_id": "3", "quantity": "2"}, {"item_id": "8", "quantity": "1"})
SHOP_CONNECTIONS = 8


def with_framework(framework: str, server: Server) -> str:
    return f"{framework} on {server.name}"


SHOPS: dict[str, tuple[str, Server]] = {
    **{with_framework("Twofold", server): (TWOFOLD_SHOP, server) for server in OURS.values()},
    **{with_framework("Flask", server): (FLASK_SHOP, server) for server in STOCK.values()},
    # Which part of the distance is the server's, and which the framework's.
    **{
        with_framework(framework, server): (app, server)
        for framework, app, server in (
            ("Twofold", TWOFOLD_SHOP, STOCK["threads"]),
            ("Flask", FLASK_SHOP, OURS["threads"]),
        )
    },
}


def measure_hello(run: Run) -> None:
    """All servers with the shortest page, at each number of connections."""
    ways = [
        Way("hello", connections, close)
        for connections in run.options.connections
        for close in (False, True)
    ]
    servers = {server.name: (HELLO_APP, server) for server in ALL if server.is_there}
    _measure(run, ways, HELLO_PAGES, servers)


def measure_pages(run: Run) -> None:
    """The shop's pages through our framework and through Flask."""
    ways = [Way(page, SHOP_CONNECTIONS, close) for page in SHOP_PAGES for close in (False, True)]
    shops = {name: shop for name, shop in SHOPS.items() if shop[1].is_there}
    _measure(run, ways, SHOP_PAGES, shops)


def _measure(
    run: Run,
    ways: Sequence[Way],
    pages: Mapping[str, str],
    servers: Mapping[str, tuple[str, Server]],
) -> None:
    steps = [(number, way) for number in range(run.options.rounds) for way in ways]
    left = [(number, way) for number, way in steps if not run.figures.has(way, number)]
    if not left:
        return
    run.begin(f"starting {len(servers)} servers")
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(Valkey()).url
        running = [
            stack.enter_context(
                serve(
                    *(server, app, next(iter(pages.values()))),
                    name=name,
                    core=run.options.server_core,
                    redis_url=url,
                )
            )
            for name, (app, server) in servers.items()
        ]
        if "cart" in pages:
            fill_carts(running, pages["cart"])
        check_answers(running, pages)
        for server in running:
            server.warm_up(pages.values())
        for number, way in left:
            run.begin(f"[{steps.index((number, way)) + 1}/{len(steps)}] round {number + 1}: {way}")
            turns = random.sample(running, len(running))
            run.keep(*[visit(run, server, way, pages[way.page], number) for server in turns])


def fill_carts(servers: Iterable[Running], path: str) -> None:
    """Give each server's visitor the same cart, and show it once without measuring."""
    for server in servers:
        for form in IN_THE_CART:
            server.ask(f"{path}add", form)
        # The first look takes away the message that something was added.
        server.ask(path)


def check_answers(servers: Sequence[Running], pages: Mapping[str, str]) -> None:
    """Make sure that all servers send the same bytes; ``SystemExit`` if they do not."""
    for name, path in pages.items():
        answers = [(server.name, server.ask(path)) for server in servers]
        first, expected = answers[0]
        for other, answer in answers:
            if answer.status != 200 or answer != expected:
                raise SystemExit(
                    f"{name}: {other} does not answer as {first} does:\n{answer}\n{expected}"
                )


def visit(run: Run, server: Running, way: Way, path: str, number: int) -> Visit:
    """Put load on one server."""
    load = Load(path, way.connections, run.options.seconds, way.close, server.cookie)
    before = server.cpu_seconds()
    outcome = put_load(server.port, load, run.options.load_core)
    return Visit(
        server=server.name,
        page=way.page,
        connections=way.connections,
        close=way.close,
        round=number,
        requests=outcome.requests,
        seconds=outcome.seconds,
        cpu=server.cpu_seconds() - before,
        p99=outcome.p99,
        busy=outcome.busy,
        errors=outcome.errors,
    )
