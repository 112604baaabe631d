"""A finished scaling run: what was measured, what it says, and what it was measured on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from loadtests import regression
from loadtests.bottleneck import Bottleneck, find_bottleneck
from loadtests.limits import Limits
from loadtests.measurement import Histogram, Measurement, valid
from loadtests.repetition import Ending
from loadtests.summary import SizeSummary, summarize_sizes
from loadtests.usl import PARAMETERS, Fit
from loadtests.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FORMAT = 3
"""Of the JSON file; a change that an older reader cannot understand counts it up."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What one node was, or the one node whose workers were compared."""

    profile: str
    workers: int | None
    """Workers of each node; None where these were compared."""
    concurrency: int
    """Requests a worker serves at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingResult:
    """Everything that a report shows. Equal to itself after a round trip through JSON."""

    title: str
    over: Literal["nodes", "workers"]
    planned: tuple[int, ...]
    """The sizes that were to be measured."""
    setup: Setup
    measurements: tuple[Measurement, ...]
    paced: tuple[Measurement, ...]
    """Points with scheduled arrivals at the share `latency_at` of their size's throughput."""
    latency_at: float | None
    limits: Limits
    fit: Fit | None
    """None with fewer than three valid sizes, which do not fix the curve."""
    bottleneck: Bottleneck | None
    """None with nothing measured."""
    verdict: Verdict
    conditions: Mapping[str, str]
    command: str
    """How to run it again."""
    started: str
    """ISO 8601."""
    ending: Ending

    @classmethod
    def conclude(
        cls,
        *,
        title: str,
        over: Literal["nodes", "workers"],
        planned: Sequence[int],
        setup: Setup,
        measurements: Sequence[Measurement],
        paced: Sequence[Measurement] = (),
        latency_at: float | None = None,
        limits: Limits,
        conditions: Mapping[str, str],
        command: str,
        started: str,
        ending: Ending,
    ) -> Self:
        """Fit the law to the valid measurements and judge them."""
        fit = fit_measurements(measurements)
        return cls(
            title=title,
            over=over,
            planned=tuple(planned),
            setup=setup,
            measurements=tuple(measurements),
            paced=tuple(paced),
            latency_at=latency_at,
            limits=limits,
            fit=fit,
            bottleneck=find_bottleneck(measurements, over=over) if measurements else None,
            verdict=judge(measurements, fit, limits, over=over, sizes=planned, paced=paced),
            conditions=conditions,
            command=command,
            started=started,
            ending=ending,
        )

    def sizes(self) -> list[SizeSummary]:
        """A summary of each size that was measured, in ascending order."""
        return summarize_sizes(self.measurements, self.paced)

    def latencies(self, summary: SizeSummary) -> Histogram:
        """Of a size at the stated load, if latency was measured at one, else at saturation."""
        if not self.is_paced:
            return summary.latencies
        return summary.paced.latencies if summary.paced else Histogram()

    @property
    def is_paced(self) -> bool:
        """Whether any latency was measured below saturation."""
        return bool(valid(self.paced))

    def to_json(self) -> dict[str, Any]:
        """A JSON object; ``figures`` repeats what can be computed from the rest, for readers."""
        return {
            "format": FORMAT,
            "title": self.title,
            "over": self.over,
            "planned": list(self.planned),
            "setup": asdict(self.setup),
            "started": self.started,
            "ending": asdict(self.ending),
            "command": self.command,
            "conditions": dict(self.conditions),
            "limits": asdict(self.limits),
            "verdict": self.verdict.to_json(),
            "bottleneck": self.bottleneck.to_json() if self.bottleneck else None,
            "figures": [summary.to_json() for summary in self.sizes()],
            "fit": self.fit.to_json() if self.fit else None,
            "latency_at": self.latency_at,
            "measurements": [measurement.to_json() for measurement in self.measurements],
            "paced": [measurement.to_json() for measurement in self.paced],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The result that `to_json` gave. Raises ValueError for another format."""
        if data.get("format") != FORMAT:
            raise ValueError(
                f"this is not a scaling result of format {FORMAT}, but {data.get('format')!r}; "
                "run `twofold verify --json` again"
            )
        return cls(
            title=data["title"],
            over=data["over"],
            planned=tuple(data["planned"]),
            setup=Setup(**data["setup"]),
            measurements=tuple(Measurement.from_json(item) for item in data["measurements"]),
            paced=tuple(Measurement.from_json(item) for item in data["paced"]),
            latency_at=data["latency_at"],
            limits=Limits(**data["limits"]),
            fit=Fit.from_json(data["fit"]) if data["fit"] else None,
            bottleneck=Bottleneck.from_json(data["bottleneck"]) if data["bottleneck"] else None,
            verdict=Verdict.from_json(data["verdict"]),
            conditions=data["conditions"],
            command=data["command"],
            started=data["started"],
            ending=Ending(**data["ending"]),
        )


def fit_measurements(measurements: Sequence[Measurement]) -> Fit | None:
    """The law fitted to the valid measurements, or None if these are of fewer than three sizes.

    Each weighs by 1/T², because the spread of a throughput grows with it: otherwise the largest
    size would decide alone.
    """
    usable = [m for m in valid(measurements) if m.throughput]
    if len({m.size for m in usable}) < PARAMETERS:
        return None
    throughputs = [m.throughput for m in usable]
    return regression.fit([m.size for m in usable], throughputs, [1 / x**2 for x in throughputs])
