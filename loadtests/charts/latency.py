"""Latency: by size, and as the share of requests that were answered in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtests.charts.sketch import Key, Sketch, listed
from loadtests.drawing import BLUE, MUTED, PURPLE, TEAL, categories, label, scale
from loadtests.page import latency_load
from loadtests.wording import counted, milliseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from loadtests.measurement import Histogram
    from loadtests.result import ScalingResult
    from loadtests.summary import SizeSummary

PERCENTILES = (1, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9)
TICKS = {50: "50 %", 90: "90 %", 99: "99 %", 99.9: "99.9 %"}
LEAST_BEYOND = 5
"""Requests slower than a percentile, without which it is chance."""
CURVES = (("muted", MUTED), ("teal", TEAL), ("blue", BLUE), ("purple", PURPLE))


def latency_sketch(result: ScalingResult, summaries: Sequence[SizeSummary]) -> Sketch | None:
    shown = [s for s in summaries if result.latencies(s).count]
    if not shown:
        return None
    p50, p99 = ([result.latencies(s).percentile(p) * 1000 for s in shown] for p in (50, 99))

    def draw(axes: Axes) -> None:
        for values, colour, marker in ((p50, BLUE, "o"), (p99, PURPLE, "s")):
            axes.plot(values, color=colour, marker=marker)
            for place, value in enumerate(values):
                has_room_below = values is p50 and value > 0.15 * max(p99)
                text = f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"
                offset = (0, -18 if has_room_below else 8)
                label(axes, text, place, value, offset, centred=True)
        axes.set_ylim(0, max(p99) * 1.2)
        axes.set_ylabel("milliseconds")
        scale(axes, "{:,.4g}".format)
        categories(axes, [s.size for s in shown], result.over)

    return Sketch(
        name="latency",
        title="Latency",
        description="p50 and p99 latency: "
        + listed(
            shown,
            result.over,
            lambda s: " and ".join(
                milliseconds(result.latencies(s).percentile(p)) for p in (50, 99)
            ),
        ),
        draw=draw,
        legend=[Key("p99", "purple", "line"), Key("p50", "blue", "line")],
        note=f"Half of all requests were answered within p50, 99 of 100 within p99. "
        f"{latency_load(result)}",
    )


def percentiles_sketch(result: ScalingResult, summaries: Sequence[SizeSummary]) -> Sketch | None:
    """One curve a size, of at most as many sizes as there are colours."""
    shown = spread_out([s for s in summaries if result.latencies(s).count], len(CURVES))
    if not shown:
        return None
    curves = [
        (s, *curve(result.latencies(s)), *CURVES[-len(shown) :][i]) for i, s in enumerate(shown)
    ]

    def draw(axes: Axes) -> None:
        for _, percentiles, values, _, colour in curves:
            axes.plot([rarity(p) for p in percentiles], values, color=colour)
        axes.set_xscale("log")
        axes.set_xticks([rarity(p) for p in TICKS], list(TICKS.values()))
        axes.minorticks_off()
        axes.set_xlim(1, rarity(99.95))
        axes.set_ylim(0, max(max(values) for _, _, values, *_ in curves) * 1.1)
        axes.set_xlabel("of the requests")
        axes.set_ylabel("milliseconds")
        scale(axes, "{:,.4g}".format)

    return Sketch(
        name="percentiles",
        title="Who waited how long",
        description="Latency within which 90 and 99 % were answered: "
        + listed(
            shown,
            result.over,
            lambda s: " and ".join(
                milliseconds(result.latencies(s).percentile(p)) for p in (90, 99)
            ),
        ),
        draw=draw,
        legend=[Key(counted(s.size, result.over), name, "line") for s, _, _, name, _ in curves],
        note="How many requests were answered within a time, with more room for the slow ones. "
        "Curves that lie on each other mean that growth costs no latency.",
    )


def curve(latencies: Histogram) -> tuple[list[float], list[float]]:
    """Percentiles that enough requests lie beyond, and their latencies in milliseconds."""
    enough = [p for p in PERCENTILES if latencies.count * (100 - p) / 100 >= LEAST_BEYOND] or [50]
    return list(enough), [latencies.percentile(p) * 1000 for p in enough]


def rarity(percentile: float) -> float:
    """One request of how many is slower: 100 for p99."""
    return 100 / (100 - percentile)


def spread_out(summaries: Sequence[SizeSummary], most: int) -> list[SizeSummary]:
    """At most so many of them, the first and the last included, evenly between."""
    if len(summaries) <= most:
        return list(summaries)
    return [summaries[round(i * (len(summaries) - 1) / (most - 1))] for i in range(most)]
