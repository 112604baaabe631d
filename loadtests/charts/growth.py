"""How throughput grows: against the linear line, as efficiency, and how far the law is off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtests.charts.sketch import Key, Sketch, listed
from loadtests.drawing import (
    BLUE,
    MUTED,
    ORANGE,
    RED,
    TEAL,
    categories,
    dots,
    label,
    level,
    scale,
    whisker,
)
from loadtests.measurement import valid
from loadtests.wording import counted, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from loadtests.result import ScalingResult
    from loadtests.summary import SizeSummary

STEPS = 100
"""Of a drawn curve."""
OUTCOMES = {
    "void": (Key("void run, not judged", "muted", "dot"), MUTED),
    "kept": (Key("above", "teal", "dot"), TEAL),
    "missed": (Key("below", "orange", "dot"), ORANGE),
    "undecided": (Key("undecided", "blue", "dot"), BLUE),
}
"""Of the limit of efficiency, with how a size is drawn; the smallest one, a reference, has none."""


def throughput_sketch(result: ScalingResult, summaries: Sequence[SizeSummary]) -> Sketch:
    base = next((s for s in summaries if s.measurements), None)
    void = [m for m in result.measurements if m.void]
    limit = min(1.0, result.limits.min_efficiency)
    smallest, largest = (summaries[end].size for end in (0, -1)) if summaries else (1, 1)

    def draw(axes: Axes) -> None:
        if base:
            far, slope = largest * 1.05, base.throughput / base.size
            axes.plot([0, far], [0, slope * far], color=MUTED, dashes=(5, 4), lw=1.6)
            axes.fill_between(
                [0, far], [0, slope * far * limit], [0, slope * far], color=TEAL, alpha=0.14, lw=0
            )
        if result.fit:
            steps = [smallest + (largest - smallest) * i / STEPS for i in range(STEPS + 1)]
            axes.plot(steps, [result.fit.throughput(size) for size in steps], color=BLUE)
        for s in summaries:
            if base and s.efficiency and s.efficiency.interval:
                linear = base.throughput * s.size / base.size
                whisker(axes, s.size, s.efficiency.interval, linear)
            dots(axes, [s.size] * len(s.throughputs), s.throughputs, BLUE)
            if s.measurements:
                label(axes, f"{s.throughput:,.0f}", s.size, min(s.throughputs), (4, -17))
        axes.plot([m.size for m in void], [m.throughput for m in void], "x", color=RED, mew=2)
        axes.set_xlim(0, largest * 1.08)
        axes.set_ylim(bottom=0)
        axes.set_xticks([s.size for s in summaries])
        axes.set_xlabel(result.over)
        axes.set_ylabel("requests per second")
        scale(axes, "{:,.0f}".format)

    legend = [Key("one measurement", "blue", "dot")]
    if any(s.efficiency and s.efficiency.interval for s in summaries):
        legend.append(Key("95 % interval", "text", "whisker"))
    if base:
        legend.append(Key("linear growth", "muted", "dashed"))
        legend.append(Key(f"{percent(limit)} of it and more", "band", "box"))
    if result.fit:
        legend.append(Key("fitted law", "blue", "line"))
    if void:
        legend.append(Key("void, not used", "red", "cross"))
    return Sketch(
        name="throughput",
        title=f"Throughput by {result.over}",
        description="Requests per second: "
        + listed(
            summaries, result.over, lambda s: f"{s.throughput:,.0f}" if s.measurements else "void"
        ),
        draw=draw,
        legend=legend,
        note=(
            f"On the dashed line, twice the {result.over} do twice the work. Each dot is one round."
        ),
        also_wide=True,
    )


def efficiency_sketch(result: ScalingResult, summaries: Sequence[SizeSummary]) -> Sketch | None:
    shown = [(s.size, s.efficiency) for s in summaries if s.efficiency]
    if not shown:
        return None
    limit = result.limits.min_efficiency
    outcomes = {c.size: c.outcome for c in result.verdict.checks if c.limit == "efficiency"}
    lowest = min(e.interval.low if e.interval else e.median for _, e in shown)
    highest = max(e.interval.high if e.interval else e.median for _, e in shown)

    def draw(axes: Axes) -> None:
        level(axes, 1, MUTED)
        level(axes, limit, RED)
        for place, (_, e) in enumerate(shown):
            if e.interval:
                whisker(axes, place, e.interval)
            colour = OUTCOMES[outcomes[e.size]][1] if e.size in outcomes else MUTED
            dots(axes, [place], [e.median], colour, size=9)
            top = e.interval.high if e.interval else e.median
            label(axes, f"{int(e.median * 100 + 1e-6)} %", place, top, (0, 7), centred=True)
        axes.set_ylim(max(0.0, min(lowest, limit) - 0.1), max(1.1, highest + 0.08))
        scale(axes, lambda value: f"{value * 100:.0f} %")
        categories(axes, [size for size, _ in shown], result.over)

    legend = [Key(f"limit, {percent(limit)}", "red", "dashed")]
    legend += [key for outcome, (key, _) in OUTCOMES.items() if outcome in outcomes.values()]
    if any(e.interval for _, e in shown):
        legend.append(Key("95 % interval", "text", "whisker"))
    return Sketch(
        name="efficiency",
        title="Efficiency",
        description="Share of linear growth: "
        + ", ".join(f"{percent(e.median)} at {counted(size, result.over)}" for size, e in shown),
        draw=draw,
        legend=legend,
        note=(
            f"Throughput against that of {counted(shown[0][0], result.over)} in the same round, "
            f"for each of the {result.over}. The scale does not begin at 0."
        ),
    )


def residuals_sketch(result: ScalingResult, _: Sequence[SizeSummary]) -> Sketch | None:
    """Of the law, in per cent of what it says."""
    fit = result.fit
    if fit is None:
        return None
    sizes = [m.size for m in valid(result.measurements) if m.throughput]
    shares = [
        residual / fit.throughput(size) for size, residual in zip(sizes, fit.residuals, strict=True)
    ]
    distinct = sorted(set(sizes))
    farthest = max(map(abs, shares))

    def draw(axes: Axes) -> None:
        level(axes, 0, MUTED)
        dots(axes, [distinct.index(size) for size in sizes], shares, BLUE)
        reach = max(0.02, farthest * 1.3)
        axes.set_ylim(-reach, reach)
        scale(axes, lambda value: f"{value * 100:+.3g} %" if round(value, 9) else "0 %")
        categories(axes, distinct, result.over)

    return Sketch(
        name="residuals",
        title="What the law does not explain",
        description=f"Measured throughput differs from the fitted law by {percent(farthest)} at "
        "most",
        draw=draw,
        legend=[Key("one measurement", "blue", "dot"), Key("fitted law", "muted", "dashed")],
        note=(
            "Measured minus fitted throughput. A bow in the dots means that the law does not fit; "
            "dots all over are spread."
        ),
    )
