"""What people see while something runs: progress, and the status of a deployment."""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .errors import NoAnswer, NotRunning
from .status import DeploymentStatus, State
from .targets.base import Target
from .wording import counted, times

Report = Callable[[str], None]

REFRESH = 1.0
STYLES: dict[State, str] = {
    "adding": "cyan",
    "in rotation": "green",
    "draining": "yellow",
    "out of rotation": "red",
}


@contextmanager
def progress() -> Iterator[Report]:
    """A function that reports steps on stderr: a line each, under a spinner on a terminal."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda text: console.print(text, soft_wrap=True, markup=False)
        return
    with console.status("") as spinner:

        def report(text: str) -> None:
            console.print(Text(text, style="dim"))
            spinner.update(Text(text))

        yield report


def follow(target: Target, *, hint: str = "") -> None:
    """Show the status until the deployment ends; `hint` stands below it on a terminal."""
    console = Console(highlight=False)
    if console.is_terminal:
        _follow_live(target, console, hint)
    else:
        _follow_lines(target, console)


def follow_json(target: Target) -> None:
    """A line of JSON every second until the deployment ends."""
    for status in _statuses(target, lambda text: print(text, file=sys.stderr)):  # noqa: T201
        print(json.dumps(status.to_json()), flush=True)  # noqa: T201  # for programs


def _statuses(target: Target, tell: Report) -> Iterator[DeploymentStatus]:
    """One every second until the deployment ends; `tell` hears of each that does not come."""
    with contextlib.suppress(NotRunning):
        while not target.ended:
            try:
                yield target.status()
            except NoAnswer as error:
                tell(str(error))
            time.sleep(REFRESH)


def _follow_live(target: Target, console: Console, hint: str) -> None:
    with Live(console=console, auto_refresh=False) as live:
        for status in _statuses(target, console.print):
            live.update(Group(_view(status), Text(hint, "dim")), refresh=True)


def _follow_lines(target: Target, console: Console) -> None:
    """One line when it is ready, and one for each node's state and each change of it."""

    def say(text: str) -> None:
        console.print(text, soft_wrap=True, markup=False)

    known: dict[str, State] = {}
    say(f"ready at {target.url}")
    for status in _statuses(target, say):
        states: dict[str, State] = {node.name: node.state for node in status.nodes}
        for name, state in states.items():
            if known.get(name) != state:
                say(f"{name} is {state}")
        for name in known.keys() - states.keys():
            say(f"{name} has gone")
        known = states


def print_status(status: DeploymentStatus) -> None:
    Console(highlight=False).print(_view(status))


def _view(status: DeploymentStatus) -> Group:
    return Group(
        _summary(status),
        _table(status),
        *_budgets(status),
        *_versions(status),
        *_restarts(status),
        *_observability(status),
    )


def _summary(status: DeploymentStatus) -> Text:
    balancer = status.balancer
    head = Text.assemble((status.name, "bold"), "  ", (status.url, "cyan underline"), "\n")
    head.append(f"{status.app}, {status.profile}, version {status.version}")
    if status.under_way:
        head.append(f"  {status.under_way} under way", "yellow")
    parts = [
        counted(balancer.requests, "requests"),
        f"{balancer.throughput:,} req/s",
        f"{_milliseconds(balancer.latency)} ms",
        f"{balancer.queue} waiting",
        f"{counted(balancer.responses_5xx, 'answers')} 5xx",
    ]
    return head.append("\n" + " · ".join(parts))


def _table(status: DeploymentStatus) -> Table:
    """A line for each slot; with the versions in place of the addresses while there are several."""
    several_versions = len(status.versions) > 1
    hosts = ("host",) if any(node.host for node in status.nodes) else ()
    table = Table(box=None, header_style="dim", pad_edge=False, collapse_padding=True)
    for column in ("slot", *hosts, "version" if several_versions else "address", "state"):
        table.add_column(column, no_wrap=True)
    for column in ("busy", "queue", "requests", "req/s", "ms", "errors"):
        table.add_column(column, justify="right", no_wrap=True)
    for node in status.nodes:
        for slot in node.slots:
            state = slot.state if node.state == "in rotation" else node.state
            table.add_row(
                slot.name,
                *((node.host or "",) if hosts else ()),
                node.version if several_versions else slot.address,
                Text(state, style=STYLES[state]),
                f"{slot.in_flight}/{slot.capacity}" if slot.capacity else str(slot.in_flight),
                str(slot.queue),
                f"{slot.requests:,}",
                f"{slot.throughput:,}",
                _milliseconds(slot.latency),
                str(slot.errors),
            )
    return table


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f}"


def _budgets(status: DeploymentStatus) -> Iterator[Text]:
    for node in status.nodes:
        if node.budget is None or (node.image and not node.budget.throttled_seconds):
            # Every container has one.
            continue
        amount = "" if node.budget.cpus is None else f"{node.budget.cpus:g} by "
        held_back = f", held back for {node.budget.throttled_seconds:,.1f} s so far"
        quota = node.budget.cpus is not None and node.budget.throttled_seconds > 0
        yield Text(
            f"CPU budget of {node.name}: {amount}{node.budget.mechanism}"
            f"{held_back if quota else ''}",
            style="dim",
        )


def _versions(status: DeploymentStatus) -> Iterator[Text]:
    """What each image is, and who runs it; and that a change was cut off."""
    images = {node.image: node.version for node in status.nodes if node.image}
    for image, version in images.items():
        nodes = ", ".join(node.name for node in status.nodes if node.image == image)
        yield Text(f"version {version} is {image.partition(':')[2][:12]} on {nodes}", style="dim")
    if len(status.versions) > 1 and status.under_way is None:
        yield Text(
            f"versions {' and '.join(status.versions)} serve together: a change was cut off. "
            "`twofold roll` or `twofold rollback` leaves one.",
            style="yellow",
        )


def _restarts(status: DeploymentStatus) -> Iterator[Text]:
    restarts = {node.name: node.restarts for node in status.nodes}
    restarts["balancer"] = status.balancer.restarts
    restarts["store"] = status.store.restarts if status.store else 0
    for name, count in restarts.items():
        if count:
            yield Text(f"{name} died and was started again {times(count)}", style="yellow")


def _observability(status: DeploymentStatus) -> Iterator[Text]:
    if status.metrics_url:
        yield Text(f"metrics at {status.metrics_url}", style="dim")
    if status.lost_log_lines:
        lost = f"{status.lost_log_lines:,} log lines could not be written; is the disk full?"
        yield Text(lost, style="yellow")
