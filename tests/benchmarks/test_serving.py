"""What the comparison of servers computes and prints, and that its parts still run."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.serving import figures, load, memory, tables, times
from benchmarks.serving.figures import Figures, Memory, Visit, Way
from benchmarks.serving.goals import goals
from benchmarks.serving.run import Run, TimeIsUp
from benchmarks.serving.running import serve
from benchmarks.serving.servers import OURS, STOCK
from benchmarks.valkey import Valkey

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from benchmarks.serving.running import Running

EIGHT = Way("hello", 8, close=False)
VISIT = Visit("twofold threads", *EIGHT, 0, 10_000, 1.0, 0.2, 0.004, 0.5, "")
MEMORY = Memory("twofold threads", False, 1, 10.0, 18.0, 10.5, 18.5, 100_000, 1.5)
OPTIONS = argparse.Namespace(
    server_core=0, load_core=0, seconds=1, requests=1, save=None, stop_after=None
)


def some_figures() -> Figures:
    def visits(server: str, cpu: float, way: Way = EIGHT, **others: Any) -> list[Visit]:
        first = replace(VISIT, server=server, cpu=cpu, **way._asdict(), **others)
        return [first, replace(first, round=1, cpu=1.5 * cpu)]

    new, cart = Way("hello", 8, close=True), Way("cart", 8, close=False)
    return Figures(
        {},
        [
            *visits("twofold threads", 0.2),
            *visits("gunicorn gthread", 0.8, busy=0.99),
            *visits("twofold threads", 0.4, new),
            *visits("gunicorn gthread", 1.0, new),
            *visits("Twofold on twofold threads", 0.5, cart),
            *visits("Flask on gunicorn gthread", 1.0, cart, errors="Non-2xx responses: 2"),
        ],
        [
            MEMORY,
            replace(MEMORY, server="gunicorn gthread", start=9.5, end=8.0, connection=None),
            replace(MEMORY, workers=memory.WORKERS, start=28.0),
            replace(MEMORY, workers=memory.WORKERS, preload=True, start=25.0),
        ],
    )


def test_report_shows_every_figure_with_its_range() -> None:
    text = tables.report(some_figures(), "On some machine.")
    for line in (
        "On some machine.",
        "|  | hello, 8 kept | hello, 8 new |",
        "| twofold threads | 25 (20..30) | 50 (40..60) |",
        "| twofold threads / gunicorn gthread | 0.25 (0.25..0.25) | 0.40 (0.40..0.40) |",
        "| twofold threads | 10,000 (4.0) | 10,000 (4.0) |",
        "| gunicorn gthread | ≥ 10,000 (4.0) | 10,000 (4.0) |",
        "| Twofold on twofold threads / Flask on gunicorn gthread | 0.50 (0.50..0.50) |",
        "| twofold threads | 10.0 | 10.5 | 100,000 | 1.5 |",
        "| gunicorn gthread | 9.5 | 8.0 | 100,000 | - |",
        "| twofold threads | 28.0 | 25.0 | 10.5 | 10.5 | 18.5 | 18.5 |",
        "Flask on gunicorn gthread, cart, 8 kept: Non-2xx responses: 2.",
    ):
        assert line in text


def test_goals_are_judged_by_the_worst_figure_and_left_out_without_one() -> None:
    found = {goal.text: (goal.measured, goal.reached) for goal in goals(some_figures())}
    assert found == {
        "hello, threads, 8 connections: at most 0.30x gunicorn gthread": (
            "0.25x kept, 0.40x new",
            False,
        ),
        "cart page, all profiles: at most 0.20x Flask on gunicorn": ("0.50x to 0.50x", False),
        "hello, a worker of threads: at most 2 MiB above gunicorn gthread's": (
            "+0.5 MiB at start, +2.5 MiB at the end",
            False,
        ),
        "an idle connection of threads: at most 20 KiB": ("1.5 KiB", True),
    }
    assert goals(Figures({})) == []


def test_saved_run_goes_on_where_it_ended(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    settings = {"rounds": 2, "connections": [8]}
    run = Run(argparse.Namespace(save=file, stop_after=None), figures.resume(settings, file))
    run.keep(VISIT, MEMORY)
    again = figures.resume(settings, file)
    assert again == Figures(settings, [VISIT], [MEMORY])
    assert again.has(EIGHT, 0)
    assert not again.has(EIGHT, 1)
    with pytest.raises(SystemExit, match=r"run with other settings \(rounds\)"):
        figures.resume({**settings, "rounds": 3}, file)


def test_run_ends_between_two_steps_when_its_time_is_up() -> None:
    run = Run(argparse.Namespace(save=None, stop_after=0.001), Figures({}), started=0.0)
    with pytest.raises(TimeIsUp):
        run.begin("another step")


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_both_shops_send_the_same_bytes_and_others_are_refused() -> None:
    with Valkey() as store:

        def shop(name: str, app: str) -> AbstractContextManager[Running]:
            server = STOCK["threads"]
            return serve(server, app, "/hello", name=name, core=0, redis_url=store.url)

        with shop("ours", times.TWOFOLD_SHOP) as ours, shop("theirs", times.FLASK_SHOP) as theirs:
            times.fill_carts([ours, theirs], "/cart/")
            times.check_answers([ours, theirs], times.SHOP_PAGES)
            assert b"Pairs of" in ours.ask("/cart/").body
            theirs.cookie = ""
            with pytest.raises(SystemExit, match="cart: theirs does not answer as ours does"):
                times.check_answers([ours, theirs], times.SHOP_PAGES)


@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.parametrize("close", [False, True], ids=["kept", "new"])
@pytest.mark.parametrize("client", [load.put_load, None], ids=["any client", "own client"])
def test_load_is_measured(close: bool, client: object, monkeypatch: pytest.MonkeyPatch) -> None:
    if client is None:
        monkeypatch.setattr("shutil.which", lambda name: None)
    with serve(OURS["threads"], times.HELLO_APP, "/", core=0) as server:
        found = times.visit(Run(OPTIONS, Figures({})), server, Way("hello", 4, close), "/", 0)
    assert found.requests > 0
    assert found.cpu > 0
    assert 0 < found.p99 <= found.seconds
    assert found.errors == ""


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_memory_of_a_worker_and_of_a_connection_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "CONNECTIONS", 100)
    with serve(OURS["threads"], times.HELLO_APP, "/", core=0) as server:
        found = memory.measure(Run(OPTIONS, Figures({})), server, keeps_many=True)
    assert 1 < found.start < found.start_all
    assert found.end > 1
    assert found.requests >= OPTIONS.requests
    assert found.connection is not None
