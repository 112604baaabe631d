"""Which workers start and stop, as a function of those that live."""

from dataclasses import dataclass

import pytest

from deploy.gunicorn.slots import mismatch, next_change


@dataclass
class Worker:
    age: int
    slot: int
    booted: bool = True
    stopping: bool = False
    outdated: bool = False


def started(workers: list[Worker], slots: int = 2) -> list[int]:
    return next_change(workers, slots).start


def stopped(workers: list[Worker], slots: int = 2) -> list[int]:
    """Their ages."""
    return [worker.age for worker in next_change(workers, slots).stop]


def test_every_slot_gets_a_worker_at_once() -> None:
    assert started([], 3) == [0, 1, 2]
    assert started([Worker(1, 1, booted=False)], 3) == [0, 2]


def test_one_worker_a_slot_is_left_alone() -> None:
    workers = [Worker(1, 0), Worker(2, 1)]
    assert started(workers) == []
    assert stopped(workers) == []


@pytest.mark.parametrize("dead", [0, 1, 2])
def test_a_replacement_takes_the_slot_of_the_dead(dead: int) -> None:
    living = [Worker(age, slot) for age, slot in enumerate((0, 1, 2)) if slot != dead]
    assert started(living, 3) == [dead]


def test_a_worker_that_stops_does_not_count() -> None:
    workers = [Worker(1, 0, stopping=True), Worker(2, 1)]
    assert started(workers) == [0]
    assert stopped(workers) == []


def test_an_outdated_worker_goes_on_until_its_successor_has_booted() -> None:
    old, other, new = Worker(1, 0, outdated=True), Worker(2, 1), Worker(3, 0, booted=False)
    assert started([old, other]) == [0]
    assert stopped([old, other]) == []
    assert started([old, other, new]) == []
    assert stopped([old, other, new]) == []
    new.booted = True
    assert started([old, other, new]) == []
    assert stopped([old, other, new]) == [1]


def test_successors_boot_one_at_a_time_the_oldest_workers_first() -> None:
    workers = [Worker(2, 0, outdated=True), Worker(1, 1, outdated=True)]
    assert started(workers) == [1]
    workers.append(Worker(3, 1, booted=False))
    assert started(workers) == []
    workers[-1].booted = True
    assert stopped(workers) == [1]
    assert started(workers) == [0]


def test_an_empty_slot_does_not_wait_for_a_successor_that_boots() -> None:
    workers = [Worker(1, 0, outdated=True), Worker(3, 0, booted=False)]
    assert started(workers) == [1]


def test_a_successor_waits_for_a_slot_that_was_empty() -> None:
    assert started([Worker(1, 0, outdated=True)]) == [1]


def test_a_worker_that_is_outdated_before_it_has_booted_makes_room_for_another() -> None:
    workers = [Worker(1, 0, outdated=True), Worker(2, 1), Worker(3, 0, booted=False, outdated=True)]
    assert stopped(workers) == [3]
    assert started(workers) == [0]


def test_no_slots_need_no_workers() -> None:
    assert started([Worker(1, 0, stopping=True)], 0) == []


def test_one_worker_an_address_is_no_mismatch() -> None:
    assert mismatch(2, 2, shared=False, reuse_port=False) is None


@pytest.mark.parametrize(
    ("workers", "reuse_port", "word"),
    [(3, False, "3 workers, but"), (1, False, "1 worker, but"), (2, True, "reuse_port")],
)
def test_settings_that_would_leave_a_slot_without_worker_are_named(
    workers: int, reuse_port: bool, word: str
) -> None:
    problem = mismatch(workers, 2, shared=False, reuse_port=reuse_port)
    assert problem is not None
    assert word in problem
