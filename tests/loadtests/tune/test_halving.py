"""How a search divides its time, and whom it keeps."""

import pytest

from loadtests.tune.candidates import Candidate
from loadtests.tune.halving import (
    FINAL_ROUNDS,
    FINALISTS,
    MOST_ROUNDS,
    Search,
    fewest_measurements,
    how_many_fit,
    stages,
)
from loadtests.tune.trial import Failure
from tests.loadtests.tune.searches import search, settings, trial, truth


def void(candidate: Candidate) -> Failure:
    return Failure(candidate, "void", "the machine was at its limit")


def test_the_better_half_goes_on_until_a_few_are_left() -> None:
    assert stages(14) == [14, 7, 4]
    assert stages(32) == [32, 16, 8, 4]
    assert stages(5) == [5, 4]
    assert stages(3) == [3]


def test_each_stage_measures_once_and_the_finalists_three_times() -> None:
    """The present setting is measured beside the better half."""
    assert fewest_measurements(14) == 14 + (7 + 1) + 3 * (4 + 1)
    assert fewest_measurements(4) == 3 * 4


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8, 14, 31])
def test_a_search_with_the_fewest_measurements_gets_to_its_end(count: int) -> None:
    measurements = fewest_measurements(count)
    found = search(truth([100.0] * count), measurements=measurements)
    assert len(found.trials) <= measurements
    assert len(found.left) <= FINALISTS + 1
    rounds = [len([t for t in found.trials if t.candidate == each]) for each in found.left]
    assert min(rounds) >= FINAL_ROUNDS


def test_so_many_candidates_are_taken_as_there_is_time_for() -> None:
    assert fewest_measurements(how_many_fit(30, 54)) <= 54
    assert fewest_measurements(how_many_fit(30, 54) + 1) > 54
    assert how_many_fit(30, 10_000) == 30
    assert how_many_fit(30, 0) == 2


def test_the_slower_half_goes_out_but_never_the_present_setting() -> None:
    found = search(truth([50.0, *range(100, 113)]), noise=0.001)
    best = list(truth([50.0, *range(100, 113)]))[-FINALISTS:]
    assert set(found.left) == {found.present, *best}


def test_all_that_are_left_are_measured_in_every_round() -> None:
    found = search(truth([100.0] * 9))
    for number in range(1, found.rounds + 1):
        measured = [t.candidate for t in found.trials if t.round == number]
        assert len(set(measured)) == len(measured)
        assert set(found.left) <= set(measured)


def test_the_order_changes_from_round_to_round() -> None:
    found = Search(settings(4))
    orders = []
    for _ in range(4):
        orders.append(tuple(found.next_round(100)))
        for each in orders[-1]:
            found.add(trial(each, found.rounds, 100))
    assert len(set(orders)) > 1


def test_more_time_is_not_used_without_end() -> None:
    found = search(truth([100.0] * 3), measurements=10_000)
    assert found.rounds == MOST_ROUNDS


def test_no_time_is_no_round() -> None:
    assert Search(settings(3)).next_round(2) == []


def test_time_that_runs_short_goes_to_the_best() -> None:
    """After the first round there is time for one more of the finalists only."""
    found = Search(settings(8))
    for place, each in enumerate(found.next_round(100)):
        found.add(trial(each, 1, 100 + place))
    assert len(found.next_round(5)) <= FINALISTS + 1


def test_who_fails_is_not_measured_again() -> None:
    first, second, third = settings(3)
    found = Search([first, second, third])
    found.next_round(100)
    found.add(trial(first, 1, 100))
    found.add(Failure(second, "start", "it does not"))
    found.add(trial(third, 1, 100))
    assert set(found.next_round(100)) == {first, third}


def test_a_void_round_is_nobodys_failure() -> None:
    first, second = settings(2)
    found = Search([first, second])
    for round in (1, 2, 3, 4):
        found.next_round(100)
        found.add(trial(first, round, 100))
        found.add(void(second) if round > 1 else trial(second, round, 100))
    assert found.failures == {}
    assert set(found.next_round(100)) == {first, second}


def test_who_can_never_be_measured_is_given_up() -> None:
    first, second = settings(2)
    found = Search([first, second])
    found.next_round(100)
    found.add(void(first))
    assert set(found.next_round(100)) == {first, second}
    found.add(void(first))
    assert found.next_round(100) == [second]
    assert found.failures[first].problem == "void"


def test_the_present_setting_may_be_void_once_and_is_compared_to_afterwards() -> None:
    found = Search(settings(8))
    for each in found.next_round(16 + 15):
        found.add(void(each) if each == found.present else trial(each, 1, 100 + each.concurrency))
    assert found.present in found.next_round(16)
    assert len(found.left) == 5


def test_a_search_ends_when_nobody_is_left() -> None:
    found = Search(settings(2))
    for each in found.next_round(100):
        found.add(Failure(each, "errors", "all"))
    assert found.next_round(100) == []


def test_a_latency_surely_over_the_limit_is_out_and_one_that_may_be_is_not() -> None:
    fast, unsure, slow = settings(3)
    found = Search([fast, unsure, slow], max_p99=0.2)
    found.add(trial(fast, 1, 100, p99=0.1))
    found.add(trial(unsure, 1, 100, p99=0.3, requests=20))
    unclear = found.latencies(unsure)
    unclear.record(0.1, 979)
    found.add(trial(slow, 1, 100, p99=0.3))
    assert found.failures.keys() == {slow, unsure}
    assert found.failures[slow].reason == "p99 300 ms, over 200 ms"


def test_the_present_setting_is_compared_to_though_it_is_too_slow() -> None:
    present, other = settings(2)
    found = Search([present, other], max_p99=0.2)
    found.next_round(100)
    found.add(trial(present, 1, 100, p99=0.5))
    found.add(trial(other, 1, 120))
    assert set(found.next_round(100)) == {present, other}
    assert found.able == [other]


def test_a_search_ends_when_only_a_present_setting_that_is_too_slow_is_left() -> None:
    present, other = settings(2)
    found = Search([present, other], max_p99=0.2)
    found.next_round(100)
    found.add(trial(present, 1, 100, p99=0.5))
    found.add(Failure(other, "errors", "every request failed"))
    assert found.next_round(100) == []


def test_what_is_still_to_come_is_never_more_than_there_is_time_for() -> None:
    found = Search(settings(3))
    found.next_round(20)
    assert found.most_left(17) == 15
    assert found.most_left(4) == 4
