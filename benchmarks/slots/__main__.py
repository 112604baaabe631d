"""A slot a worker beside one shared listener: `python -m benchmarks.slots [--rounds N]`.

The same app, workers and HAProxy; only who chooses the worker differs: the balancer, which knows
how many requests each of them has, or the kernel. They are asked in turns by as many clients as
there are threads, each of which asks again as soon as it is answered, so that the workers could
just serve them all.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deploy import addresses, binaries
from deploy.deployment import FIRST_SLOT_PORT, Balancer, Deployment, Node
from deploy.profiles import FAST_WORKERS, profile
from deploy.render.haproxy import render_haproxy

from .. import processes
from ..processes import ROOT, free_port, wait_until
from ..progress import tell
from ..tables import table
from .app import WAIT

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = "benchmarks.slots.app:app"
WORKERS = 4
THREADS = 2
CLIENTS = WORKERS * THREADS


@dataclass
class Layout:
    """A way to listen, and what was measured of it."""

    name: str
    command: tuple[str, ...]
    """Without the address, which comes last."""
    slots: int
    """Entries in the balancer; together they take as many requests as there are threads."""
    throughputs: list[float] = field(default_factory=list)
    p99s: list[float] = field(default_factory=list)
    spreads: list[float] = field(default_factory=list)
    """Of the workers' shares: the largest less the smallest, in parts of the mean."""


def shared(name: str, worker_class: str) -> Layout:
    options = ("--workers", str(WORKERS), "--threads", str(THREADS), "--keep-alive", "75")
    command = (sys.executable, "-m", "gunicorn", APP, "--worker-class", worker_class, *options)
    return Layout(name, (*command, "--no-control-socket", "--bind"), slots=1)


def slot_a_worker() -> Layout:
    start = "from deploy.cli import main; main(prog_name='twofold')"
    options = ("--workers", str(WORKERS), "--threads", str(THREADS), "--profile", "threads")
    command = (sys.executable, "-c", start, "serve", APP, "-C", str(ROOT), *options, "--bind")
    return Layout("a slot a worker", command, slots=WORKERS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slots", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of load on a layout in a round")
    options = parser.parse_args()
    layouts = [
        slot_a_worker(),
        shared("one listener, the same worker class", FAST_WORKERS["threads"]),
        shared("one listener, gunicorn's gthread", "gthread"),
    ]
    with contextlib.ExitStack() as stack:
        ports = {layout.name: stack.enter_context(running(layout)) for layout in layouts}
        for number in range(options.rounds):
            for layout in layouts:
                tell(f"round {number + 1} of {options.rounds}: {layout.name}")
                measure(layout, ports[layout.name], options.seconds)
    sys.stdout.write(report(layouts, options) + "\n")


@contextlib.contextmanager
def running(layout: Layout) -> Iterator[int]:
    """A node and its balancer; gives the port that visitors connect to."""
    host = addresses.free_block().node(1, deployment("127.0.0.1:0")).host
    port = free_port()
    node = Node(1, host, layout.slots, concurrency=CLIENTS // layout.slots)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "haproxy.cfg"
        config.write_text(
            render_haproxy(
                deployment(f"127.0.0.1:{port}"), [node], runtime_socket=Path(folder) / "haproxy"
            )
        )
        node_command = [*layout.command, f"{host}:{FIRST_SLOT_PORT}"]
        balancer_command = [str(binaries.haproxy()), "-db", "-f", str(config)]
        with processes.running(node_command), processes.running(balancer_command):
            wait_until_every_worker_answers(port)
            yield port


def deployment(bind: str) -> Deployment:
    return Deployment(
        name="slots",
        app=APP,
        directory=ROOT,
        nodes=1,
        workers=WORKERS,
        profile=profile("threads", threads=THREADS),
        balancer=Balancer(bind),
    )


def wait_until_every_worker_answers(port: int) -> None:
    wait_until(lambda: len(visit(port, 0.3)[0]) == WORKERS, "every worker answers")


def measure(layout: Layout, port: int, seconds: float) -> None:
    shares, times = visit(port, seconds)
    layout.throughputs.append(len(times) / seconds)
    layout.p99s.append(sorted(times)[int(len(times) * 0.99)])
    counts = [*shares.values(), *[0] * (WORKERS - len(shares))]
    layout.spreads.append((max(counts) - min(counts)) / statistics.mean(counts))


def visit(port: int, seconds: float) -> tuple[Counter[bytes], list[float]]:
    """What the clients got in that time: answers by worker, and how long each took."""
    shares = Counter[bytes]()
    times: list[float] = []
    end = time.monotonic() + seconds

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        with contextlib.closing(connection):
            while (begin := time.monotonic()) < end:
                try:
                    connection.request("GET", "/")
                    answer = connection.getresponse()
                    worker = answer.read()
                except (OSError, http.client.HTTPException):
                    connection.close()
                    continue
                if answer.status == 200:
                    shares[worker] += 1
                    times.append(time.monotonic() - begin)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return shares, times


def report(layouts: list[Layout], options: argparse.Namespace) -> str:
    what = (
        f"{WORKERS} workers of {THREADS} threads, {CLIENTS} clients, a page that waits "
        f"{WAIT * 1000:g} ms: at most {CLIENTS / WAIT:g} requests/s. "
        f"{options.rounds} rounds of {options.seconds:g} s; median (lowest to highest round)."
    )
    head = ("layout", "requests/s", "a slot a worker does", "p99 ms", "shares differ by")
    return f"{what}\n\n{table(head, [row(layout, layouts[0]) for layout in layouts])}"


def row(layout: Layout, first: Layout) -> list[str]:
    pairs = zip(first.throughputs, layout.throughputs, strict=True)
    return [
        layout.name,
        spread(layout.throughputs, "{:.0f}"),
        spread([ours / other for ours, other in pairs], "{:.2f}x"),
        spread([p99 * 1000 for p99 in layout.p99s], "{:.0f}"),
        spread(layout.spreads, "{:.1%}"),
    ]


def spread(values: list[float], form: str) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{form.format(middle)} ({form.format(low)} to {form.format(high)})"


if __name__ == "__main__":
    main()
