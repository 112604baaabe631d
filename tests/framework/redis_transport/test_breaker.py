"""The breaker: opens after five failures in a row and lets one call a pause through."""

from __future__ import annotations

import logging

import pytest

from framework.redis_transport.breaker import Breaker
from framework.redis_transport.exceptions import RedisUnavailable


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def tripped(clock: Clock) -> Breaker:
    breaker = Breaker("Redis", clock=clock)
    for _ in range(5):
        breaker.check()
        breaker.failed(OSError("refused"))
    return breaker


def test_four_failures_are_not_enough_and_a_success_forgets_them() -> None:
    breaker = Breaker("Redis", clock=Clock())
    for _ in range(3):
        for _ in range(4):
            breaker.failed(OSError())
        breaker.check()
        breaker.succeeded()


def test_after_five_failures_it_answers_at_once() -> None:
    breaker = tripped(Clock())
    with pytest.raises(RedisUnavailable, match="failed 5 times in a row: refused"):
        breaker.check()


def test_after_a_pause_one_call_may_try_and_the_others_wait() -> None:
    clock = Clock()
    breaker = tripped(clock)
    clock.now = 0.11
    breaker.check()
    with pytest.raises(RedisUnavailable):
        breaker.check()
    breaker.succeeded()
    breaker.check()


def test_the_pause_grows_up_to_half_a_second() -> None:
    clock = Clock()
    breaker = tripped(clock)
    pauses = []
    for _ in range(5):
        begun = clock.now
        while True:
            try:
                breaker.check()
                break
            except RedisUnavailable:
                clock.now += 0.01
        pauses.append(round(clock.now - begun, 1))
        breaker.failed(OSError())
    assert pauses == [0.1, 0.2, 0.4, 0.5, 0.5]


def test_a_try_that_never_reports_is_not_the_last_one() -> None:
    clock = Clock()
    breaker = tripped(clock)
    clock.now = 0.2
    breaker.check()
    clock.now = 0.8
    breaker.check()


def test_going_away_and_coming_back_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    breaker = tripped(clock)
    breaker.failed(OSError())
    breaker.succeeded()
    breaker.succeeded()
    assert [record.getMessage() for record in caplog.records] == [
        "Redis is unavailable: refused",
        "Redis is available again",
    ]
