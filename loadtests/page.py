"""What the HTML report says, as plain values: the template only lays it out."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Self

from loadtests.design import PACED
from loadtests.wording import (
    coefficient,
    counted,
    milliseconds,
    percent,
    spread,
    with_interval,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadtests.limits import Check, Outcome
    from loadtests.measurement import Histogram, Measurement
    from loadtests.result import ScalingResult
    from loadtests.summary import SizeSummary
    from loadtests.usl import Fit
    from loadtests.verdict import Kind

NOTHING = "-"

BADGES: dict[Kind, str] = {
    "near-linear": "Near-linear",
    "contended": "Contended",
    "undecided": "Undecided",
    "retrograde": "Retrograde",
    "void": "Void",
}
OUTCOMES: dict[Outcome, str] = {
    "kept": "Kept",
    "missed": "Missed",
    "undecided": "Undecided",
    "void": "Void",
}
CPU_PARTS = ("nodes", "balancer", "store", "generator")


@dataclass(frozen=True, slots=True)
class Tile:
    """A key figure with its name and one line about it."""

    name: str
    value: str
    detail: str


@dataclass(frozen=True, slots=True)
class Row:
    """A table row; each cell comes with its heading, which a narrow page shows beside it."""

    name: str
    cells: tuple[tuple[str, str], ...]
    void: bool


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One limit at all sizes."""

    demand: str
    outcomes: tuple[tuple[str, str, str], ...]
    """The size, the outcome, and the outcome as a word for people."""
    problems: tuple[str, ...]
    """What was found where it is not kept."""


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the page that is not a chart."""

    badge: str
    started: str
    tiles: tuple[Tile, ...]
    limits: tuple[LimitRow, ...]
    size_rows: tuple[Row, ...]
    resource_rows: tuple[Row, ...]
    point_rows: tuple[Row, ...]
    errors: tuple[tuple[str, int], ...]
    law: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, result: ScalingResult) -> Self:
        summaries, points = result.sizes(), [*result.measurements, *result.paced]
        errors: Counter[str] = Counter()
        for m in points:
            errors.update(m.errors)
        return cls(
            badge=BADGES[result.verdict.kind],
            started=date(result.started),
            tiles=tuple(tiles(result, summaries)),
            limits=limit_rows(result.verdict.checks, result.over),
            size_rows=tuple(size_row(summary, result) for summary in summaries),
            resource_rows=tuple(
                resource_row(summary, result.over) for summary in summaries if summary.measurements
            ),
            point_rows=tuple(point_row(m, result.over) for m in points),
            errors=tuple(errors.most_common()),
            law=law_terms(result.fit, result.over) if result.fit else (),
        )


def date(started: str) -> str:
    """Such as 14 March 2026, 09:26 UTC."""
    when = datetime.fromisoformat(started)
    return f"{when.day} {when:%B %Y, %H:%M %Z}".strip()


def tiles(result: ScalingResult, summaries: Sequence[SizeSummary]) -> list[Tile]:
    shown = []
    usable = [summary for summary in summaries if summary.measurements]
    if usable:
        first, last = usable[0], usable[-1]
        at = f"at {counted(last.size, result.over)}"
        if last.efficiency and result.verdict.kind != "void":
            detail = f"{at}, {spread(last.efficiency)}"
            shown.append(Tile("Efficiency", percent(last.efficiency.median), detail))
        detail = at if first is last else f"{at}, {first.throughput:,.0f} /s at {first.size:,}"
        shown.append(Tile("Throughput", f"{last.throughput:,.0f} /s", detail))
        shown.append(latency_tile(result, last))
    failures, requests = (
        sum(getattr(m, name) for m in result.measurements) for name in ("failures", "requests")
    )
    shown.append(Tile("Failed requests", f"{failures:,}", f"of {requests:,}"))
    if result.fit:
        sigma, kappa = result.fit.contention, result.fit.coherency
        shown.append(Tile("Contention σ", coefficient(sigma), "0 is none, 1 all"))
        shown.append(Tile("Coherency κ", coefficient(kappa), "0 is none"))
    return shown


def limit_rows(checks: Sequence[Check], over: str) -> tuple[LimitRow, ...]:
    rows = []
    for demand in dict.fromkeys(check.demand for check in checks):
        here = [check for check in checks if check.demand == demand]
        outcomes = [(counted(c.size, over), c.outcome, OUTCOMES[c.outcome]) for c in here]
        # A void run has one and the same reason at every size.
        problems = dict.fromkeys(c.message for c in here if c.outcome != "kept")
        rows.append(LimitRow(demand, tuple(outcomes), tuple(problems)))
    return tuple(rows)


def latency_tile(result: ScalingResult, last: SizeSummary) -> Tile:
    latencies = result.latencies(last)
    load = "saturation"
    if result.is_paced and result.latency_at:
        load = f"{percent(result.latency_at)} of its throughput"
    detail = f"at {counted(last.size, result.over)} and {load}, p50 {latency(latencies, 50)}"
    return Tile("p99 latency", latency(latencies, 99), detail)


def latency(latencies: Histogram, percentile: float) -> str:
    seconds = latencies.percentile(percentile)
    return milliseconds(seconds) if math.isfinite(seconds) else NOTHING


def latency_load(result: ScalingResult) -> str:
    """The load under which latency was measured, without which no latency means anything."""
    if result.is_paced and result.latency_at:
        return (
            f"Latency at {percent(result.latency_at)} of each size's throughput, with scheduled "
            "arrivals, from the intended start."
        )
    return "Latency at saturation, where much of it is a queue of the users' own making."


def size_row(summary: SizeSummary, result: ScalingResult) -> Row:
    e, throughputs = summary.efficiency, summary.throughputs
    efficiencies = [e.median] if e else []
    if e and e.interval:
        efficiencies += [e.interval.low, e.interval.high]
    rounds = str(len(throughputs))
    cells = {
        "Requests/s": with_range(throughputs, "{:,.0f}".format),
        "Efficiency": with_range(efficiencies, percent),
        "p50": latency(summary.latencies, 50),
        "p99": latency(summary.latencies, 99),
    }
    if result.is_paced and result.latency_at:
        load, paced = percent(result.latency_at), result.latencies(summary)
        cells |= {f"p{p} at {load}": latency(paced, p) for p in (50, 99)}
    cells |= {
        "Failed": f"{summary.failures:,}" if throughputs else NOTHING,
        "Valid rounds": f"{rounds}, {summary.void} void" if summary.void else rounds,
    }
    return Row(counted(summary.size, result.over), tuple(cells.items()), void=not throughputs)


def resource_row(summary: SizeSummary, over: str) -> Row:
    """Medians over the rounds."""
    cells = {
        **{
            f"{part.capitalize()} CPU": known(summary.cpu.get(part), "{:.2f}".format)
            for part in CPU_PARTS
        },
        "CPU budget": f"{summary.budget:.2f}" if summary.budget else NOTHING,
        "Throttled": known(summary.throttled, percent),
        "Busy places": known(summary.busy_share, percent),
        "In the queue": known(summary.queue, "{:,.1f}".format),
        "Store's PING": known(summary.store_latency, milliseconds),
        "Machine idle": known(summary.host_idle, percent),
    }
    return Row(counted(summary.size, over), tuple(cells.items()), void=False)


def known(value: float | None, write: Callable[[float], str]) -> str:
    return NOTHING if value is None else write(value)


def with_range(values: Sequence[float], write: Callable[[float], str]) -> str:
    """The median and, where values differ, their range: ``594 (590 to 601)``."""
    if not values:
        return NOTHING
    middle, low, high = (write(edge(values)) for edge in (median, min, max))
    return middle if low == high else f"{middle} ({low} to {high})"


def point_row(m: Measurement, over: str) -> Row:
    cells = {
        "Round": str(m.repeat) if m.repeat != PACED else "latency",
        "Users": f"{m.users:,}" if not m.scheduled else NOTHING,
        "Arrivals": f"{m.scheduled:,}" if m.scheduled else NOTHING,
        "Requests": f"{m.requests:,}",
        "Failed": f"{m.failures:,}",
        "Requests/s": f"{m.throughput:,.1f}",
        "p50": milliseconds(m.p50) if m.requests else NOTHING,
        "p99": milliseconds(m.p99) if m.requests else NOTHING,
        "In flight": f"{m.concurrency:,.1f}",
        "Warm-up": f"{m.warm_up:.0f} s",
        "Generator": f"{m.generator_busiest:.2f}",
    }
    return Row(counted(m.size, over), tuple(cells.items()), void=bool(m.void))


def law_terms(fit: Fit, over: str) -> tuple[tuple[str, str], ...]:
    """The coefficients and what they come to, as terms and words."""
    spare = fit.degrees_of_freedom
    if spare:
        check = f"{fit.observations} points, {counted(spare, 'sizes')} more than fix the curve"
    else:
        check = f"{fit.observations} points at three sizes, which fix the curve: nothing checks it"
    return (
        ("λ", f"{with_interval(fit, 'unit_throughput')} requests per second from one alone"),
        ("contention σ", with_interval(fit, "contention")),
        ("coherency κ", with_interval(fit, "coherency")),
        ("peak", peak(fit, over)),
        ("R²", f"{fit.r_squared:.4f}"),
        ("fitted to", check),
    )


def peak(fit: Fit, over: str) -> str:
    found = fit.stated_peak
    if found is None:
        known = counted(round(fit.known_up_to), over)
        return f"none up to {known}; beyond twice the sizes measured nobody knows"
    size = round(found.size)
    beyond = ", beyond what was measured" if size > fit.largest else ""
    doubt = "" if fit.peak_is_sure else "; not sure, as κ may be 0"
    return (
        f"{found.throughput:,.0f} requests per second at about {counted(size, over)}{beyond}{doubt}"
    )
