"""What a run has measured, kept in a file while it goes on, and what follows from it."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Way(NamedTuple):
    """What is asked of a server, and how."""

    page: str
    connections: int
    close: bool
    """A new connection for each request."""

    def __str__(self) -> str:
        kind = "new" if self.close else "kept"
        return f"{self.page}, {self.connections} {kind}"


@dataclass(frozen=True)
class Visit:
    """Some seconds of load on one server."""

    server: str
    page: str
    connections: int
    close: bool
    round: int
    requests: int
    seconds: float
    cpu: float
    """Seconds of the processor that all processes of the server had meanwhile."""
    p99: float
    busy: float
    """Part of its core that the client had."""
    errors: str


@dataclass(frozen=True)
class Memory:
    """MiB (PSS) of a server before and after many requests."""

    server: str
    preload: bool
    workers: int
    start: float
    """Of a worker, in the mean of all."""
    start_all: float
    """Of all processes together."""
    end: float
    end_all: float
    requests: int
    connection: float | None
    """KiB that an idle connection adds."""


@dataclass
class Figures:
    """Everything that was measured so far, under these settings."""

    settings: dict[str, Any]
    visits: list[Visit] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    load_averages: list[float] = field(default_factory=list)
    """Of the machine, at each step; the run by itself makes some 2."""

    def has(self, way: Way, number: int) -> bool:
        """Whether that round of it is done."""
        return any((_way(visit), visit.round) == (way, number) for visit in self.visits)

    def memory_of(self, server: str, *, preload: bool = False, workers: int = 1) -> Memory | None:
        wanted = (server, preload, workers)
        return next(
            (of for of in self.memory if (of.server, of.preload, of.workers) == wanted), None
        )

    def of(self, server: str, way: Way) -> list[Visit]:
        """One visit a round."""
        found = [visit for visit in self.visits if visit.server == server and _way(visit) == way]
        return sorted(found, key=lambda visit: visit.round)

    def microseconds(self, server: str, way: Way) -> list[float]:
        """Processor time a request, one figure a round."""
        return [visit.cpu / visit.requests * 1e6 for visit in self.of(server, way)]

    def ratios(self, server: str, other: str, way: Way) -> list[float]:
        """How many times the other's processor time a request takes, one figure a round."""
        pairs = zip(self.microseconds(server, way), self.microseconds(other, way), strict=False)
        return [mine / its for mine, its in pairs]

    def ratio(self, server: str, other: str, way: Way) -> float | None:
        """The median of the rounds' ratios."""
        found = self.ratios(server, other, way)
        return statistics.median(found) if found else None

    def ways(self, *pages: str) -> list[Way]:
        """What was measured of these pages, kept connections first."""
        found = {_way(visit) for visit in self.visits if visit.page in pages}
        return sorted(found, key=lambda way: (pages.index(way.page), way.close, way.connections))

    def errors(self) -> list[str]:
        wrong = [visit for visit in self.visits if visit.errors]
        return sorted({f"{visit.server}, {_way(visit)}: {visit.errors}" for visit in wrong})


def _way(visit: Visit) -> Way:
    return Way(visit.page, visit.connections, visit.close)


def save(figures: Figures, file: Path) -> None:
    """Write them so that a run that ends here leaves the file as it was, or as it is now."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(json.dumps(asdict(figures), indent=1) + "\n")
    new.replace(file)


def resume(settings: dict[str, Any], file: Path | None) -> Figures:
    """Return the figures of an earlier run with the same settings, or none yet.

    ``SystemExit`` if the file is of a run with others.
    """
    if file is None or not file.exists():
        return Figures(settings)
    saved = json.loads(file.read_text())
    if saved["settings"] != settings:
        different = [name for name in settings if saved["settings"].get(name) != settings[name]]
        raise SystemExit(
            f"{file} is of a run with other settings ({', '.join(different)}): "
            "name another file, or give the same options again."
        )
    return Figures(
        settings,
        [Visit(**visit) for visit in saved["visits"]],
        [Memory(**memory) for memory in saved["memory"]],
        saved["load_averages"],
    )
