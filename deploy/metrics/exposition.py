"""The text format that Prometheus reads, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@dataclass(frozen=True, slots=True)
class Family:
    """A metric, and what tells its samples apart."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a histogram has counted."""

    bounds: tuple[float, ...]
    """Upper ends of the buckets; one more bucket has what is beyond."""
    counts: tuple[int, ...]
    """Of each bucket by itself."""
    sum: float


Value = float | Distribution
Labels = tuple[str, ...]
Samples = Mapping[Labels, Value]
"""Values by those of the labels."""


def exposition(families: Iterable[tuple[Family, Samples]]) -> str:
    """The page."""
    return "".join(f"{line}\n" for family, samples in families for line in _lines(family, samples))


def _lines(family: Family, samples: Samples) -> Iterator[str]:
    yield f"# HELP {family.name} {_help(family.help)}"
    yield f"# TYPE {family.name} {family.type}"
    for values, value in sorted(samples.items()):
        labels = dict(zip(family.labels, values, strict=True))
        if isinstance(value, Distribution):
            yield from _histogram(family.name, labels, value)
        else:
            yield f"{family.name}{_labels(labels)} {_number(value)}"


def _histogram(name: str, labels: dict[str, str], value: Distribution) -> Iterator[str]:
    ends = [*map(_number, value.bounds), "+Inf"]
    for end, count in zip(ends, accumulate(value.counts), strict=True):
        yield f"{name}_bucket{_labels({**labels, 'le': end})} {count}"
    yield f"{name}_sum{_labels(labels)} {_number(value.sum)}"
    yield f"{name}_count{_labels(labels)} {sum(value.counts)}"


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{value.translate(ESCAPES)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _number(value: float) -> str:
    return repr(value)
