"""Drawings as inline SVG that follows the page's font, colours and width: all Matplotlib is here.

Colours are placeholders that become CSS variables, so the page decides what they are by day and by
night. One unit of a drawing is about one pixel on a phone.
"""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

    from loadtests.intervals import Interval

POINTS_PER_INCH = 72
NARROW = (340, 270)
WIDE = (760, 350)

TEXT, GRID, SURFACE = "#010101", "#020202", "#030303"
BLUE, ORANGE, TEAL, PURPLE, MUTED, RED = (
    "#040404",
    "#050505",
    "#060606",
    "#070707",
    "#080808",
    "#090909",
)
VARIABLES = {
    TEXT: "currentColor",
    GRID: "var(--grid)",
    SURFACE: "var(--surface)",
    BLUE: "var(--blue)",
    ORANGE: "var(--orange)",
    TEAL: "var(--teal)",
    PURPLE: "var(--purple)",
    MUTED: "var(--muted)",
    RED: "var(--red)",
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 14,
    "text.color": TEXT,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.labelcolor": TEXT,
    "axes.labelsize": 13,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 1,
    "lines.linewidth": 2,
    "lines.markersize": 7,
    "xtick.color": TEXT,
    "xtick.major.size": 0,
    "ytick.color": TEXT,
    "ytick.major.size": 0,
}


def scale(axes: Axes, write: Callable[[float], str]) -> None:
    """A vertical scale of a few round values, each written by `write`."""
    axes.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))


def categories(axes: Axes, sizes: Sequence[int], over: str) -> None:
    """Sizes side by side at equal distances."""
    axes.set_xticks(range(len(sizes)), [f"{size:,}" for size in sizes])
    axes.set_xlim(-0.6, len(sizes) - 0.4)
    axes.set_xlabel(over)


def whisker(axes: Axes, place: float, interval: Interval, unit: float = 1.0) -> None:
    """An interval as a line with an end on either side."""
    low, high = interval.low * unit, interval.high * unit
    axes.errorbar(
        [place],
        [(low + high) / 2],
        yerr=[(high - low) / 2],
        fmt="none",
        ecolor=TEXT,
        elinewidth=1.5,
        capsize=4,
        capthick=1.5,
    )


def dots(
    axes: Axes, places: Sequence[float], values: Sequence[float], colour: str, size: float = 7
) -> None:
    """Values as dots that stay apart where they touch."""
    axes.plot(places, values, "o", color=colour, ms=size, mec=SURFACE, mew=1)


def label(
    axes: Axes,
    text: str,
    place: float,
    value: float,
    offset: tuple[float, float],
    *,
    centred: bool = False,
) -> None:
    """A value written beside its mark, some points off."""
    axes.annotate(
        text,
        (place, value),
        offset,
        textcoords="offset points",
        ha="center" if centred else "left",
        fontsize=13,
    )


def level(axes: Axes, value: float, colour: str) -> None:
    """A dashed line across."""
    axes.axhline(value, color=colour, lw=1.6, dashes=(5, 4))


def stacks(axes: Axes, layers: Sequence[tuple[Sequence[float], str]]) -> None:
    """Bars of several layers, each with its heights and its colour, from the bottom up."""
    places = range(len(layers[0][0]))
    bottoms = [0.0] * len(places)
    for heights, colour in layers:
        axes.bar(places, heights, 0.62, bottoms, color=colour)
        bottoms = [below + here for below, here in zip(bottoms, heights, strict=True)]


def drawn(
    name: str,
    title: str,
    description: str,
    size: tuple[int, int],
    draw: Callable[[Axes], None],
) -> str:
    """The SVG element of a chart; the same figures give the same text."""
    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        width, height = size
        figure = Figure((width / POINTS_PER_INCH, height / POINTS_PER_INCH), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing)
    return for_page(buffer.getvalue(), name, title, description)


def for_page(document: str, name: str, title: str, description: str) -> str:
    """An SVG document as an element of a page: named, in the page's colours, at any width."""
    element = document[document.index("<svg") :]
    element = element.replace("xlink:href", "href")
    element = re.sub(r"<style.*?</style>", "", element, flags=re.DOTALL)
    element = re.sub(r" font-family: [^;]*;", "", element)
    # Several charts on a page must not share ids.
    element = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", element)
    for placeholder, variable in VARIABLES.items():
        element = element.replace(placeholder, variable)
    box = re.search(r'viewBox="[^"]*"', element)
    assert box  # noqa: S101  Matplotlib writes one.
    body = element[element.index(">") + 1 :]
    kind = ' class="wide"' if name.endswith("-wide") else ""
    return (
        f'<svg {box[0]}{kind} role="img" aria-labelledby="{name}-title {name}-description">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-description">{escape(description)}</desc>{body}'
    )
