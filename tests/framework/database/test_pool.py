"""The queue of idle connections: who gets one, and who waits how long."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import TimeoutError
from sqlalchemy.util.queue import Empty, Full

from framework.database import Database
from framework.database.pool import IdleConnections, LightPool


def test_last_one_put_back_is_the_next_one_taken() -> None:
    idle = IdleConnections(3)
    for number in (1, 2, 3):
        idle.put(number)
    assert idle.full()
    assert [idle.get(), idle.get_nowait(), idle.get()] == [3, 2, 1]
    assert idle.empty()
    assert idle.qsize() == 0


def test_nothing_is_taken_from_an_empty_one() -> None:
    idle = IdleConnections(1)
    with pytest.raises(Empty):
        idle.get(block=False)
    begin = time.monotonic()
    with pytest.raises(Empty):
        idle.get(timeout=0.05)
    assert time.monotonic() - begin >= 0.05


def test_more_than_the_pool_has_are_refused() -> None:
    idle = IdleConnections(1)
    idle.put_nowait("one")
    with pytest.raises(Full):
        idle.put_nowait("two")


def test_who_waits_gets_what_is_put_back() -> None:
    idle = IdleConnections(2)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(idle.get())) for _ in range(2)]
    for thread in threads:
        thread.start()
    while idle._waiting < 2:
        time.sleep(0.001)
    idle.put("first")
    idle.put("second")
    for thread in threads:
        thread.join(60)
    assert sorted(found) == ["first", "second"]
    assert idle._waiting == 0


def test_no_wake_up_is_lost_and_nobody_shares() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    idle = IdleConnections(2)
    idle.put("first")
    idle.put("second")
    in_use: list[Any] = []
    shared: list[Any] = []

    def work() -> None:
        for _ in range(300):
            item = idle.get(timeout=60)
            if item in in_use:
                shared.append(item)
            in_use.append(item)
            time.sleep(0)
            in_use.remove(item)
            idle.put(item)

    threads = [threading.Thread(target=work) for _ in range(8)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(before)
    assert not any(thread.is_alive() for thread in threads)
    assert shared == []
    assert idle.qsize() == 2


def test_engines_have_it_and_keep_it_when_they_are_disposed_of() -> None:
    database = Database("sqlite://")
    pool: Any = database.engine.pool
    assert isinstance(pool._pool, IdleConnections)
    database.close()
    assert isinstance(database.engine.pool, LightPool)
    database.close()


def test_pool_counts_its_connections_and_times_out() -> None:
    engine = create_engine(
        "sqlite://", poolclass=LightPool, pool_size=1, max_overflow=0, pool_timeout=0.05
    )
    pool: Any = engine.pool
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
        assert pool.checkedout() == 1
        with pytest.raises(TimeoutError, match="QueuePool limit of size 1"):
            engine.connect()
    assert (pool.checkedout(), pool.checkedin()) == (0, 1)
    engine.dispose()
