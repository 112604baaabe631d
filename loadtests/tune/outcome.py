"""What a search says: the setting to use, and what became of every other one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loadtests.percentiles import p99_interval
from loadtests.tune import sentences
from loadtests.tune.ranking import Ranking
from loadtests.tune.standing import COMPARED, ORDER, Kind, Place, Standing, cheapest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.tune.candidates import Candidate
    from loadtests.tune.halving import Search


@dataclass(frozen=True, slots=True)
class Outcome:
    """The whole answer of a search."""

    kind: Kind
    recommended: Candidate | None
    present: Candidate
    sentence: str
    standings: tuple[Standing, ...]
    """The fastest finalists first, those with problems last."""

    @property
    def exit_code(self) -> int:
        return 0 if self.recommended else 1

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "recommended": self.recommended and dict(self.recommended.settings),
            "present": dict(self.present.settings),
            "sentence": self.sentence,
            "settings": [standing.to_json() for standing in self.standings],
        }


def conclude(search: Search) -> Outcome:
    """What the trials of a search say, whether it came to its end or not."""
    ranking = Ranking(search.trials) if search.trials else None
    fit = [each for each in search.able if ranking and sure_of_p99(search, each)]
    leader = ranking.fastest_first(fit)[0] if ranking and fit else None
    found = [standing(search, ranking, each, leader) for each in search.candidates]
    standings = sorted(found, key=position)
    kind = kind_of(standings, leader, search.present)
    ties = [each for each in standings if each.place == "tied"]
    recommended = cheapest(ties, search.present) if kind == "tie" else leader
    return Outcome(
        kind=kind,
        recommended=recommended,
        present=search.present,
        sentence=sentences.answer(kind, standings, recommended, search.present),
        standings=tuple(standings),
    )


def kind_of(standings: Sequence[Standing], leader: Candidate | None, present: Candidate) -> Kind:
    if leader is None:
        return "none"
    compared = [each for each in standings if each.rounds and each.place in COMPARED]
    if len(compared) == 1:
        return "only"
    if sum(each.place == "tied" for each in standings) > 1:
        return "tie"
    return "kept" if leader == present else "win"


def standing(
    search: Search, ranking: Ranking | None, candidate: Candidate, leader: Candidate | None
) -> Standing:
    place, reason = place_of(search, ranking, candidate, leader)
    trials = [trial for trial in search.trials if trial.candidate == candidate]
    if ranking is None or not trials:
        return Standing(candidate, place, reason)
    base = search.present if search.has_measured(search.present) else None
    return Standing(
        candidate,
        place,
        reason,
        rounds=len(trials),
        throughput=ranking.throughput(candidate),
        gain=ranking.ratio(candidate, base) if base else None,
        gain_interval=ranking.interval(candidate, base) if base else None,
        p99=search.latencies(candidate).percentile(99),
        memory=max((t.memory for t in trials if t.memory is not None), default=None),
    )


def place_of(
    search: Search, ranking: Ranking | None, candidate: Candidate, leader: Candidate | None
) -> tuple[Place, str]:
    if candidate in search.failures:
        failure = search.failures[candidate]
        return failure.problem, failure.reason
    if ranking is None or not search.has_measured(candidate):
        voids = search.voids.get(candidate)
        return ("void", voids[-1].reason) if voids else ("behind", "not measured")
    if not sure_of_p99(search, candidate):
        return "unsure", sentences.unsure_p99(search.latencies(candidate), search.max_p99 or 0.0)
    if leader is None or candidate == leader:
        return ("best" if is_proven_best(search, ranking, candidate) else "tied"), ""
    interval = ranking.interval(candidate, leader)
    if interval and interval.high < 1:
        return "slower", sentences.slower(interval)
    return ("tied" if candidate in search.left else "behind"), ""


def is_proven_best(search: Search, ranking: Ranking, candidate: Candidate) -> bool:
    """Whether every other finalist that keeps the limit is proven slower."""
    others = [each for each in search.able if each != candidate and sure_of_p99(search, each)]
    intervals = [ranking.interval(each, candidate) for each in others]
    return all(interval and interval.high < 1 for interval in intervals)


def sure_of_p99(search: Search, candidate: Candidate) -> bool:
    """Whether the candidate was measured and its p99 latency is surely within the limit."""
    latencies = search.latencies(candidate)
    limit = search.max_p99
    return bool(latencies.count) and (limit is None or p99_interval(latencies).high <= limit)


def position(standing: Standing) -> tuple[int, float]:
    place = ORDER.index(standing.place) if standing.place in ORDER else len(ORDER)
    return place, -(standing.throughput or 0.0)
