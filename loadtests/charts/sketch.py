"""What every chart consists of: a drawing, words for those who cannot see it, a key and a note."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadtests.drawing import NARROW, WIDE, drawn
from loadtests.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

    from loadtests.summary import SizeSummary


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend: what a mark in the chart stands for."""

    label: str
    colour: str
    """Name of the page's CSS variable."""
    mark: str
    """``line``, ``dashed``, ``dot``, ``cross``, ``whisker`` or ``box``."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing with what a page needs around it."""

    name: str
    title: str
    svg: str
    note: str
    legend: tuple[Key, ...] = ()
    wide_svg: str = ""
    """The same for wide pages, where there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """A chart before it is drawn."""

    name: str
    title: str
    description: str
    """The figures in words."""
    draw: Callable[[Axes], None]
    legend: Sequence[Key]
    note: str
    also_wide: bool = False

    def chart(self) -> Chart:
        wide = f"{self.name}-wide"
        return Chart(
            name=self.name,
            title=self.title,
            svg=drawn(self.name, self.title, self.description, NARROW, self.draw),
            wide_svg=drawn(wide, self.title, self.description, WIDE, self.draw)
            if self.also_wide
            else "",
            note=self.note,
            legend=tuple(self.legend),
        )


def listed(summaries: Sequence[SizeSummary], over: str, value: Callable[[SizeSummary], str]) -> str:
    """A figure of each size in words: ``151 at 1 node; 300 at 2 nodes``."""
    return "; ".join(f"{value(s)} at {counted(s.size, over)}" for s in summaries)
