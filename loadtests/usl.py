"""The Universal Scalability Law: the curve that throughput follows as a system grows.

    X(N) = λN / (1 + σ(N - 1) + κN(N - 1))

N. J. Gunther, *Guerrilla Capacity Planning*, Springer 2007, section 4.4; N is the number of nodes,
each given the same load. There the law is relative to one node, C(N) = X(N)/X(1); λ makes it
absolute, as in equation 3 of B. Schwartz, *Practical Scalability Analysis with the Universal
Scalability Law*, 2015.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Self

from loadtests.intervals import Interval

if TYPE_CHECKING:
    from collections.abc import Mapping

PARAMETERS = 3
EXTRAPOLATION = 2
"""A peak beyond so many times the largest measured size is not stated: the law is a guess there."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """95 % intervals of the coefficients, by the bootstrap."""

    unit_throughput: Interval
    contention: Interval
    coherency: Interval

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{name: Interval(**ends) for name, ends in data.items()})


@dataclass(frozen=True, slots=True)
class Peak:
    """Where throughput is highest, and what it is there in requests per second."""

    size: float
    throughput: float


@dataclass(frozen=True, slots=True)
class Fit:
    """The law with its three coefficients, and how well it describes the observations."""

    unit_throughput: float
    """λ: what one node does alone, in requests per second."""
    contention: float
    """σ: the share of the work that queues for something all nodes share. 0 is none, 1 is all."""
    coherency: float
    """κ: what each pair of nodes loses by waiting for one another, as a share of the work."""
    residuals: tuple[float, ...]
    """Observed minus fitted throughput, in the order of the observations."""
    r_squared: float
    """Share of the variance that the curve explains; high for almost any growing curve."""
    observations: int
    degrees_of_freedom: int
    """Distinct sizes beyond the three that fix the curve. At 0 nothing is left to check it."""
    largest: float
    """The largest size among the observations."""
    intervals: Intervals | None = None
    """None for three observations, which leave nothing to tell their spread from."""

    def throughput(self, size: float) -> float:
        """X(N), in requests per second."""
        slowdown = 1 + self.contention * (size - 1) + self.coherency * size * (size - 1)
        return self.unit_throughput * size / slowdown

    @property
    def peak_concurrency(self) -> float:
        """The size after which throughput falls: N* = √((1 - σ)/κ); infinite without coherency.

        Gunther 2007, equation 4.33, without its rounding down to whole nodes.
        """
        if not self.coherency:
            return math.inf
        return max(1.0, math.sqrt((1 - self.contention) / self.coherency))

    @property
    def peak_throughput(self) -> float:
        """The most the system ever does, in requests per second.

        Without coherency the law is Amdahl's, and the curve nears its ceiling λ/σ without ever
        turning (Gunther 2007, remark 5.1). Without contention either, there is no limit.
        """
        if self.coherency:
            return self.throughput(self.peak_concurrency)
        return self.unit_throughput / self.contention if self.contention else math.inf

    @property
    def known_up_to(self) -> float:
        """The size beyond which nothing is stated."""
        return EXTRAPOLATION * self.largest

    @property
    def stated_peak(self) -> Peak | None:
        """The peak, if it lies where the law is known."""
        if self.peak_concurrency > self.known_up_to:
            return None
        return Peak(self.peak_concurrency, self.peak_throughput)

    @property
    def peak_is_sure(self) -> bool:
        """Whether there is a peak at all: the interval of coherency leaves 0 out."""
        return self.intervals is not None and 0.0 not in self.intervals.coherency

    def to_json(self) -> dict[str, Any]:
        """A JSON object; ``peak`` and ``known_up_to`` follow from the rest, for readers."""
        return {
            **asdict(self),
            "residuals": list(self.residuals),
            "peak": asdict(self.stated_peak) if self.stated_peak else None,
            "known_up_to": self.known_up_to,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        known = {field.name: data[field.name] for field in fields(cls)}
        known["residuals"] = tuple(data["residuals"])
        if data["intervals"]:
            known["intervals"] = Intervals.from_json(data["intervals"])
        return cls(**known)
