"""What a search says: known best settings are found, ties are called ties, limits are kept."""

import json
from typing import Any

import pytest

from loadtests.tune.candidates import Candidate
from loadtests.tune.halving import Search
from loadtests.tune.outcome import conclude
from loadtests.tune.trial import Failure
from tests.loadtests.tune.searches import MIB, search, settings, trial, truth

SEARCHES = 100


def outcomes(throughputs: list[float], **conditions: Any):
    return [
        conclude(search(truth(throughputs), seed=seed, **conditions)) for seed in range(SEARCHES)
    ]


@pytest.mark.parametrize("count", [2, 4, 14])
def test_among_equals_at_most_5_of_100_searches_name_a_winner(count: int) -> None:
    found = outcomes([100.0] * count)
    assert sum(each.kind != "tie" for each in found) <= 0.05 * SEARCHES


def test_among_equals_at_most_5_of_100_searches_call_any_slower() -> None:
    found = outcomes([100.0] * 14)
    wrong = sum(any(each.place == "slower" for each in one.standings) for one in found)
    assert wrong <= 0.05 * SEARCHES


@pytest.mark.parametrize(("lead", "noise"), [(1.1, 0.03), (1.05, 0.01), (1.3, 0.08)])
def test_a_best_setting_that_is_clearly_ahead_is_found_in_95_of_100_searches(
    lead: float, noise: float
) -> None:
    throughputs = [100.0] * 14
    throughputs[8] *= lead
    best = settings(14)[8]
    found = outcomes(throughputs, noise=noise, drift=0.1)
    assert sum(each.kind == "win" and each.recommended == best for each in found) >= 95
    assert not any(each.kind == "win" and each.recommended != best for each in found)


def test_a_lead_within_the_noise_is_a_tie() -> None:
    found = outcomes([100.0, 101.0, 100.0, 100.0], noise=0.03)
    assert sum(each.kind == "tie" for each in found) >= 95


def test_the_gain_is_told_against_the_present_setting() -> None:
    found = outcomes([50.0, 100.0, 60.0], noise=0.02)
    chosen = [next(s for s in each.standings if s.place == "best") for each in found]
    held = sum(s.gain_interval is not None and 2.0 in s.gain_interval for s in chosen)
    assert held >= 0.95 * SEARCHES
    assert "times what the present setting, 2 workers with 1 thread, does" in found[0].sentence


def test_the_present_setting_may_be_the_best() -> None:
    [one, *_] = outcomes([150.0, 100.0, 90.0], noise=0.01)
    assert (one.kind, one.recommended) == ("kept", one.present)
    assert "The present setting, 2 workers with 1 thread, is faster" in one.sentence


def two_rounds(*throughputs: float, memory: tuple[int, ...], max_p99: float | None = None):
    """A search after two rounds of settings that are 1 % apart between rounds."""
    chosen = settings(len(throughputs))
    found = Search(chosen, max_p99)
    for round in (1, 2):
        for each, throughput, size in zip(chosen, throughputs, memory, strict=True):
            of_round = throughput * (1.01 if (round + each.concurrency) % 2 else 0.99)
            found.add(trial(each, round, of_round, memory=size * MIB))
    return found


def test_of_ties_the_one_with_the_least_memory_is_recommended_and_why() -> None:
    outcome = conclude(two_rounds(100, 100.5, 100, memory=(100, 150, 80)))
    assert outcome.kind == "tie"
    assert outcome.recommended == settings(3)[2]
    assert "needs the least memory (80 MiB, the next 100 MiB)" in outcome.sentence
    assert "It is not proven faster than the present setting" in outcome.sentence


def test_of_ties_with_equal_memory_the_present_setting_stays() -> None:
    search = two_rounds(100, 100.5, 100, memory=(101, 100, 102))
    search.candidates = [search.candidates[2], *search.candidates[:2]]
    outcome = conclude(search)
    assert outcome.recommended == settings(3)[2] == outcome.present
    assert "so keep it" in outcome.sentence


def test_of_ties_with_equal_memory_the_fewest_processes_decide() -> None:
    present, few = Candidate("processes", 8, 1), Candidate("threads", 2, 8)
    found = Search([present, few])
    for round in (1, 2):
        found.add(trial(present, round, 100 + round))
        found.add(trial(few, round, 103 - round))
    outcome = conclude(found)
    assert outcome.recommended == few
    assert "needs no more memory than any other and the fewest processes (2)" in outcome.sentence


def test_ties_ahead_of_the_present_setting_tell_their_gain() -> None:
    outcome = conclude(two_rounds(50, 100.5, 100, memory=(80, 150, 100)))
    assert (outcome.kind, outcome.recommended) == ("tie", settings(3)[2])
    assert "It serves 2.0" in outcome.sentence


def test_a_p99_whose_interval_reaches_over_the_limit_is_said_with_the_interval() -> None:
    [present] = settings(1)
    found = Search([present], max_p99=0.2)
    found.add(trial(present, 1, 100, p99=0.1, requests=990))
    found.trials[0].latencies.record(0.3, 10)
    [standing] = conclude(found).standings
    assert (standing.place, standing.reason) == ("unsure", "p99 is 100 ms to 300 ms, limit 200 ms")


def test_memory_that_is_not_known_decides_nothing() -> None:
    chosen = settings(2)
    found = Search(chosen)
    for round in (1, 2):
        for each in chosen:
            found.add(trial(each, round, 100 + round * each.concurrency, memory=None))
    assert conclude(found).recommended == found.present


def test_a_faster_setting_over_the_limit_is_not_recommended() -> None:
    slow, fast, present = settings(3)[1], settings(3)[2], settings(3)[0]
    found = Search([present, slow, fast], max_p99=0.2)
    for round in (1, 2, 3):
        found.add(trial(present, round, 100 + round))
        found.add(trial(slow, round, 50 + round))
        if round == 1:
            found.add(trial(fast, round, 500, p99=0.9))
    outcome = conclude(found)
    assert outcome.recommended == present
    places = {each.candidate: each.place for each in outcome.standings}
    assert places == {present: "best", slow: "slower", fast: "p99"}


def test_a_latency_that_is_not_surely_within_the_limit_is_not_recommended() -> None:
    present, other = settings(2)
    found = Search([present, other], max_p99=0.2)
    for round in (1, 2):
        found.add(trial(present, round, 100 + round, requests=40))
        found.add(trial(other, round, 200, requests=40))
    outcome = conclude(found)
    assert (outcome.kind, outcome.recommended, outcome.exit_code) == ("none", None, 1)
    assert "2 settings may keep the p99 limit" in outcome.sentence
    assert "too few requests (80) to know the p99" in outcome.standings[0].reason


def test_what_could_not_be_measured_is_said_with_the_answer() -> None:
    found = two_rounds(100, 200, memory=(100, 100))
    lost = settings(3)[2]
    found.candidates = [*found.candidates, lost]
    found.failures[lost] = Failure(lost, "void", "the machine was at its limit")
    outcome = conclude(found)
    assert outcome.kind == "win"
    assert "1 setting could not be measured and may be faster or slower" in outcome.sentence


def test_nothing_measured_is_no_recommendation() -> None:
    found = Search(settings(2))
    for each in settings(2):
        found.add(Failure(each, "void", "the machine was at its limit"))
    outcome = conclude(found)
    assert (outcome.kind, outcome.exit_code) == ("none", 1)
    assert "could not be measured" in outcome.sentence
    assert "--cpus-per-node" in outcome.sentence


def test_a_setting_that_nothing_could_be_compared_with_is_no_winner() -> None:
    present, other = settings(2)
    found = Search([present, other])
    for round in (1, 2):
        found.add(trial(other, round, 100 + round))
        found.add(Failure(present, "void", "the machine was at its limit"))
    outcome = conclude(found)
    assert (outcome.kind, outcome.recommended) == ("only", other)
    assert outcome.sentence.startswith("Only 2 workers with 2 threads was measured")
    assert "could not be compared with it" in outcome.sentence


def test_settings_that_all_fail_keep_no_limits() -> None:
    found = Search(settings(2))
    for each in settings(2):
        found.add(Failure(each, "errors", "every request failed"))
    outcome = conclude(found)
    assert outcome.sentence == "Nothing to recommend: no setting keeps the limits."


def test_an_interrupted_search_says_what_is_known() -> None:
    """One round tells no interval, so whoever was measured is tied."""
    found = Search(settings(5))
    for each in settings(3):
        found.add(trial(each, 1, 100 * each.concurrency))
    outcome = conclude(found)
    assert outcome.kind == "tie"
    assert [each.place for each in outcome.standings].count("tied") == 3
    assert [each.reason for each in outcome.standings].count("not measured") == 2
    nothing = conclude(Search(settings(5)))
    assert (nothing.kind, nothing.exit_code) == ("none", 1)
    assert nothing.sentence == (
        "Nothing to recommend: nothing was measured yet. Give it more time (--max-time)."
    )


def test_those_dropped_without_proof_are_not_called_slower() -> None:
    places: list[str] = []
    for outcome in outcomes([100.0] * 14):
        places += [each.place for each in outcome.standings]
    assert places.count("behind") > 5 * SEARCHES
    assert "before it was proven that they are slower" in outcome.sentence


def test_the_outcome_is_json() -> None:
    outcome = conclude(two_rounds(100, 200, memory=(100, 100)))
    written = json.loads(json.dumps(outcome.to_json(), allow_nan=False))
    assert written["recommended"] == {"profile": "threads", "workers": 2, "threads": 2}
    first = outcome.standings[0]
    assert written["settings"][0]["gain"] == first.gain
    assert written["settings"][0]["gain_interval"].keys() == {"low", "high"}
