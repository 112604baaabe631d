"""`twofold report` and `twofold compare`: what can be done with the JSON of finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadtests.command import ended_in_order
from loadtests.output import require_distinct, require_writable

if TYPE_CHECKING:
    from rich.table import Table

    from loadtests.compare import Comparison, SizeComparison

FILE = click.Path(path_type=Path)


@click.command(name="report", short_help="Show a scaling run that was saved as JSON.")
@click.argument("result", type=FILE)
@click.option("--html", type=FILE, help="Write the report.")
@click.option("--junit", type=FILE, help="Write the limits as JUnit XML.")
@click.pass_context
def show(ctx: click.Context, /, result: Path, html: Path | None, junit: Path | None) -> None:
    """Show the scaling run that `twofold verify --json RESULT` saved, a broken-off one too.

    The exit code is 0, whatever the verdict, and 2 for a file that is no scaling run.
    """
    with ended_in_order(ctx):
        from loadtests.junit import write_junit
        from loadtests.report import print_result, read_result, write_html

        saved = read_result(result)
        require_distinct(result, html, junit)
        for path in filter(None, (html, junit)):
            require_writable(path)
        # The terminal last: it may be a pipe that nobody reads to its end.
        if html is not None:
            write_html(saved, html)
        if junit is not None:
            write_junit(saved, junit)
        print_result(saved)
        if html is not None:
            click.echo(f"Report: {html}")
        if junit is not None:
            click.echo(f"JUnit: {junit}")


@click.command(name="compare", short_help="Compare two scaling runs that were saved as JSON.")
@click.argument("before", type=FILE)
@click.argument("after", type=FILE)
@click.pass_context
def compare_runs(ctx: click.Context, /, before: Path, after: Path) -> None:
    """Tell whether efficiency changed from one saved run to another by more than noise.

    The exit code is 0 when no size is surely worse, 1 when one is, 2 when the runs do not compare.
    """
    with ended_in_order(ctx):
        from rich.console import Console

        from loadtests.compare import compare
        from loadtests.report import read_result

        first, second = read_result(before), read_result(after)
        found = compare(first, second)
        for name, was, is_now in found.differing:
            click.echo(f"Not the same: {name} was {was}, is {is_now}")
        Console().print(comparison_table(found, first.over))
    ctx.exit(1 if found.is_worse else 0)


def comparison_table(found: Comparison, over: str) -> Table:
    from rich.table import Table

    table = Table()
    for heading in (over, "throughput", "p99", "efficiency", "change of efficiency", "so it is"):
        table.add_column(heading, justify="right")
    for size in found.sizes:
        table.add_row(*row(size))
    return table


def row(size: SizeComparison) -> list[str]:
    from loadtests.page import latency
    from loadtests.wording import percent

    def both(was: str, is_now: str) -> str:
        return f"{was} → {is_now}"

    before, after, change = size.before, size.after, size.change
    shares = [percent(s.efficiency.median) if s.efficiency else "-" for s in (before, after)]
    factor = f"{change.low - 1:+.1%} to {change.high - 1:+.1%}".replace("%", " %") if change else ""
    return [
        f"{before.size:,}",
        both(f"{before.throughput:,.0f}/s", f"{after.throughput:,.0f}/s"),
        both(latency(before.latencies, 99), latency(after.latencies, 99)),
        both(*shares),
        factor,
        size.word if change else "",
    ]
