"""TimeBudget: what the commands of one request wait for Redis, all together."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from framework.redis_transport.budget import TimeBudget
from framework.redis_transport.exceptions import RedisUnavailable
from framework.redis_transport.transport import RedisTransport

pytestmark = pytest.mark.integration

NOTHING = b"budget:nothing"


def test_each_command_takes_what_it_waited(server: Any) -> None:
    transport = RedisTransport(server.url, timeout=20.0)
    budget = TimeBudget(50.0)
    with budget:
        transport.execute(b"BLPOP", NOTHING, b"0.2")
        assert budget.left <= 49.8
        before = budget.left
        transport.execute(b"PING")
        assert budget.left < before


def test_what_the_request_does_between_commands_is_free(server: Any) -> None:
    transport = RedisTransport(server.url, timeout=20.0)
    budget = TimeBudget(50.0)
    with budget:
        transport.execute(b"PING")
        before = budget.left
        time.sleep(0.05)
        assert budget.left == before


def test_the_last_command_waits_as_long_as_is_left_and_the_next_one_not_at_all(
    own_server: Any,
) -> None:
    transport = RedisTransport(own_server.url, timeout=60.0)
    transport.execute(b"PING")
    budget = TimeBudget(0.3)
    own_server.pause()
    with budget:
        with pytest.raises(RedisUnavailable, match="Timeout"):
            transport.execute(b"PING")
        assert budget.left <= 0
        with pytest.raises(RedisUnavailable, match="waited long enough"):
            transport.execute(b"PING")


def test_waiting_for_a_connection_counts(server: Any) -> None:
    transport = RedisTransport(server.url, timeout=60.0, max_connections=1)
    assert transport._target._slots.acquire(0)  # type: ignore[attr-defined]
    budget = TimeBudget(0.1)
    with budget, pytest.raises(RedisUnavailable, match="all 1 connections"):
        transport.execute(b"PING")
    assert budget.left <= 0


def test_commands_outside_of_it_cost_nothing(server: Any) -> None:
    transport = RedisTransport(server.url, timeout=20.0)
    outer, inner = TimeBudget(0.0), TimeBudget(50.0)
    with outer:
        with inner:
            assert transport.execute(b"PING") == b"PONG"
        with pytest.raises(RedisUnavailable, match="waited long enough"):
            transport.execute(b"PING")
        threads: list[Any] = []
        thread = threading.Thread(target=lambda: threads.append(transport.execute(b"PING")))
        thread.start()
        thread.join()
    assert threads == [b"PONG"]
    assert transport.execute(b"PING") == b"PONG"
    assert 0 < inner.left < 50.0
    assert repr(TimeBudget(0.25)) == "<TimeBudget 0.250 s left>"
