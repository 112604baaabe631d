"""A scaling run for people and programs: in the terminal, as JSON, and as one HTML page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from loadtests.errors import LoadTestError
from loadtests.output import write_whole
from loadtests.page import NOTHING, Page, latency, latency_load, peak
from loadtests.wording import percent, with_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.table import Table
    from rich.text import Text

    from loadtests.limits import Check
    from loadtests.result import ScalingResult
    from loadtests.summary import SizeSummary

TEMPLATES = Path(__file__).parent / "templates"
STYLES = {"kept": "green", "missed": "red", "undecided": "yellow"}


def print_result(result: ScalingResult) -> None:
    """The table, then in sentences the limits, the bottleneck and the verdict."""
    import click
    from rich.console import Console

    Console().print(terminal_table(result))
    for line in findings(result):
        click.echo(line)
    click.echo(result.verdict.sentence)


def terminal_table(result: ScalingResult) -> Table:
    """One line a size, and below it the fitted law."""
    from rich.table import Table
    from rich.text import Text

    # As Text, since titles and error messages come from outside and must not be read as markup.
    table = Table(
        title=Text(result.title),
        caption=Text("\n".join([latency_load(result), *law_lines(result)])),
        title_justify="left",
        caption_justify="left",
    )
    for heading in (result.over, "throughput", "efficiency", "p50", "p99", "errors"):
        table.add_column(heading, justify="right")
    summaries = result.sizes()
    any_void = any(summary.void for summary in summaries)
    if any_void:
        table.add_column("void", justify="right", style="yellow")
    for summary in summaries:
        rounds = summary.void + len(summary.measurements)
        void = [Text(f"{summary.void} of {rounds}" if summary.void else "")] if any_void else []
        table.add_row(*cells(summary, result), *void)
    return table


def cells(summary: SizeSummary, result: ScalingResult) -> list[Text]:
    from rich.text import Text

    size, nothing = Text(f"{summary.size:,}"), Text(NOTHING, "dim")
    if not summary.measurements:
        return [size, *[nothing] * 5]
    e = summary.efficiency
    share = nothing
    if e:
        checks = [c for c in result.verdict.checks if c.limit == "efficiency"]
        outcome = next((c.outcome for c in checks if c.size == summary.size), None)
        share = Text(percent(e.median), STYLES.get(outcome or "", ""))
        if e.interval:
            share.append(f" ({percent(e.interval.low)} to {percent(e.interval.high)})", "dim")
    latencies = result.latencies(summary)
    return [
        size,
        Text(f"{summary.throughput:,.0f}/s"),
        share,
        *(Text(latency(latencies, percentile)) for percentile in (50, 99)),
        Text(f"{summary.failures:,}", "red" if summary.failures else ""),
    ]


def law_lines(result: ScalingResult) -> list[str]:
    fit = result.fit
    if fit is None:
        return []
    heading = "Scalability law, with 95 % intervals:" if fit.intervals else "Scalability law:"
    rate, contention, coherency = (
        with_interval(fit, name) for name in ("unit_throughput", "contention", "coherency")
    )
    return [
        heading,
        f"λ = {rate} /s, σ = {contention}, κ = {coherency}",
        f"peak: {peak(fit, result.over)}",
    ]


def findings(result: ScalingResult) -> list[str]:
    """What to know besides the table and the verdict, a line each."""
    lines = [*limit_lines(result.verdict.checks, result.over)]
    lines += [f"Left out: {point}" for point in result.verdict.left_out]
    if result.bottleneck:
        lines.append(f"Bottleneck: {result.bottleneck.name}. {result.bottleneck.evidence}")
    return [*lines, result.ending.sentence]


def limit_lines(checks: Iterable[Check], over: str) -> Iterator[str]:
    """The limits that are not surely kept, a line each, with the sizes."""
    sizes: dict[tuple[str, str], list[str]] = {}
    for check in checks:
        if check.outcome in ("missed", "undecided"):
            sizes.setdefault((check.outcome, check.demand), []).append(f"{check.size:,}")
    for (outcome, demand), at in sizes.items():
        yield f"Limit {outcome}: {demand}, at {', '.join(at)} {over}."


def write_json(result: ScalingResult, path: Path) -> None:
    """Write all figures; `ScalingResult.from_json` reads them back."""
    write_whole(path, json.dumps(result.to_json(), indent=1, allow_nan=False) + "\n")


def write_html(result: ScalingResult, path: Path) -> None:
    """Write the report: one file that needs no other."""
    write_whole(path, render_html(result))


def render_html(result: ScalingResult) -> str:
    import jinja2
    from markupsafe import Markup

    from loadtests.charts import all_charts

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["sentence"] = lambda text: text[:1].upper() + text[1:]
    # Everything is escaped but the charts' own SVG.
    template = environment.get_template("report.html")
    return template.render(
        result=result,
        verdict=result.verdict,
        page=Page.of(result),
        charts=all_charts(result),
        drawing=Markup,
    )


def read_result(path: Path) -> ScalingResult:
    """The result that `write_json` wrote. Raises LoadTestError for any other file."""
    from loadtests.result import ScalingResult

    try:
        return ScalingResult.from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise LoadTestError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LoadTestError(f"{path} holds no scaling result: {error}") from None
