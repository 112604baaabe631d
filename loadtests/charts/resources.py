"""Where the load went: requests in flight, the slots' shares, and processor time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtests.charts.sketch import Key, Sketch, listed
from loadtests.drawing import (
    BLUE,
    MUTED,
    ORANGE,
    PURPLE,
    RED,
    SURFACE,
    TEAL,
    categories,
    level,
    scale,
    stacks,
)
from loadtests.validity import MAX_GENERATOR_CORES
from loadtests.wording import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from loadtests.result import ScalingResult
    from loadtests.summary import SizeSummary

PARTS = (
    ("nodes", "blue", BLUE),
    ("balancer", "orange", ORANGE),
    ("store", "teal", TEAL),
    ("generator", "purple", PURPLE),
)


def in_flight_sketch(result: ScalingResult, summaries: Sequence[SizeSummary]) -> Sketch | None:
    shown = [s for s in summaries if s.served is not None and s.queue is not None]
    if not shown:
        return None
    served, queued = [s.served or 0.0 for s in shown], [s.queue or 0.0 for s in shown]

    def draw(axes: Axes) -> None:
        stacks(axes, [(served, BLUE), (queued, ORANGE)])
        for place, s in enumerate(shown):
            axes.hlines(s.places, place - 0.42, place + 0.42, color=RED, lw=2)
        axes.set_ylabel("requests")
        scale(axes, "{:,.4g}".format)
        categories(axes, [s.size for s in shown], result.over)

    return Sketch(
        name="in-flight",
        title="Requests in flight",
        description="Served and waiting in the balancer: "
        + listed(shown, result.over, lambda s: f"{s.served:,.1f} and {s.queue:,.1f}"),
        draw=draw,
        legend=[
            Key("waiting in the balancer", "orange", "box"),
            Key("being served", "blue", "box"),
            Key("places", "red", "line"),
        ],
        note="Requests on average. Bars below the line of places mean idle workers, much orange "
        "means more users than places.",
    )


def shares_sketch(result: ScalingResult, summaries: Sequence[SizeSummary]) -> Sketch | None:
    shown = [s for s in summaries if s.slot_shares]
    if not shown:
        return None

    def draw(axes: Axes) -> None:
        level(axes, 1, MUTED)
        for place, s in enumerate(shown):
            shares = sorted(s.slot_shares.values())
            spread = [place + 0.5 * (i + 0.5) / len(shares) - 0.25 for i in range(len(shares))]
            axes.plot(spread, shares, "o", color=TEAL, ms=6, mec=SURFACE, mew=0.8)
        extremes = [share for s in shown for share in s.slot_shares.values()]
        axes.set_ylim(min(0.75, min(extremes) - 0.05), max(1.25, max(extremes) + 0.05))
        scale(axes, lambda value: f"{value * 100:.0f} %")
        categories(axes, [s.size for s in shown], result.over)

    return Sketch(
        name="shares",
        title="Is work shared fairly?",
        description="Least and most of an even share that a worker got: "
        + listed(
            shown,
            result.over,
            lambda s: " to ".join(percent(edge(s.slot_shares.values())) for edge in (min, max)),
        ),
        draw=draw,
        legend=[Key("one worker", "teal", "dot"), Key("even share", "muted", "dashed")],
        note="Requests each worker got, against an even share. Workers far below it stand idle "
        "while others queue.",
    )


def processor_sketch(result: ScalingResult, summaries: Sequence[SizeSummary]) -> Sketch | None:
    shown = [s for s in summaries if s.cpu]
    if not shown:
        return None
    parts = [part for part in PARTS if any(part[0] in s.cpu for s in shown)]

    def draw(axes: Axes) -> None:
        stacks(axes, [([s.cpu.get(name, 0.0) for s in shown], colour) for name, _, colour in parts])
        for place, s in enumerate(shown):
            if s.budget:
                axes.hlines(s.budget, place - 0.42, place + 0.42, color=RED, lw=2)
        axes.set_ylabel("cores")
        scale(axes, "{:,.3g}".format)
        categories(axes, [s.size for s in shown], result.over)

    legend = [Key(name, variable, "box") for name, variable, _ in parts]
    if any(s.budget for s in shown):
        legend.append(Key("budget of the nodes", "red", "line"))
    return Sketch(
        name="processor",
        title="Processor use",
        description="Cores used: "
        + listed(
            shown,
            result.over,
            lambda s: ", ".join(f"{name} {s.cpu.get(name, 0.0):.2f}" for name, *_ in parts),
        ),
        draw=draw,
        legend=legend,
        note="All parts on one machine share its cores. A process of the load generator may use "
        f"{MAX_GENERATOR_CORES:g} of the one core it has; beyond that a point is void.",
    )
