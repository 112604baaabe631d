"""What the comparison on PostgreSQL computes and prints, and that its peers answer the same."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest

from benchmarks.database import answers, blocks, tables
from benchmarks.database.figures import PEERS, Figures, interval
from benchmarks.database.models import MOST, fill, next_number
from benchmarks.tables import as_json

if TYPE_CHECKING:
    from tests.postgres import PostgresDatabase


def some_figures() -> Figures:
    """Six rounds: of three blocks, the last of which was slow for all, and of one block."""
    return Figures(
        scenarios=["one row", "fortunes"],
        times={
            ("bare", "one row"): [[300.0, 310.0, 900.0]] * 5 + [[303.0, 303.0, 303.0]],
            ("twofold", "one row"): [[320.0, 330.0, 940.0]] * 5 + [[333.0, 333.0, 333.0]],
            ("flask", "one row"): [[500.0, 510.0, 1200.0]] * 5 + [[503.0, 503.0, 503.0]],
            ("bare", "fortunes"): [[400.0]] * 6,
            ("twofold", "fortunes"): [[390.0 + 15 * number] for number in range(6)],
            ("flask", "fortunes"): [[600.0]] * 6,
        },
        counts={
            ("bare", "one row"): (1_000_000, 1_000_000),
            ("twofold", "one row"): (1_100_000, 1_100_000),
            ("flask", "one row"): (1_398_000, 1_402_000),
        },
    )


def test_report_shows_our_part_as_a_share_of_flasks() -> None:
    text = tables.report(some_figures(), "On some machine.")
    for line in (
        "On some machine.",
        "|  | time (middle round; 95%) | at most 0.2 | instructions |",
        "| one row | 0.10 (0.10..0.15) | yes | 0.25 |",
        "| fortunes | 0.14 (-0.05..0.33) | not shown | - |",
        "| one row | 310 ±1% | 330 ±0% | 510 ±1% |",
        "| one row | 1,000 | 1,100 | 1,400 |",
        "two counts differ by 0.29% at most.",
        "| one row | one row by its key, as JSON |",
    ):
        assert line in text
    assert as_json(some_figures())["times"]["bare / fortunes"] == [[400.0]] * 6


def test_share_is_endless_where_flask_takes_nothing() -> None:
    times = {("bare", "x"): [[2.0]] * 6, ("twofold", "x"): [[3.0]] * 6, ("flask", "x"): [[2.0]] * 6}
    assert tables.goals(Figures(["x"], times)).endswith("| x | inf (inf..inf) | **no** | - |")


@pytest.mark.parametrize(
    ("count", "expected"), [(1, (-inf, inf)), (5, (-inf, inf)), (6, (1, 6)), (12, (3, 10))]
)
def test_interval_leaves_out_what_the_number_of_rounds_allows(
    count: int, expected: tuple[float, float]
) -> None:
    # Values as in the tables of order statistics: with 12, the 3rd and the 10th hold 96.1 %.
    values = [float(value) for value in range(count, 0, -1)]
    assert interval(values) == expected


@pytest.mark.integration
def test_blocks_of_all_peers_are_measured(postgres: PostgresDatabase) -> None:
    fill(postgres.url)
    times = blocks.measure("updates", postgres.url, 2)
    assert [len(times[peer]) for peer in PEERS] == [2, 2, 2]
    assert all(time > 0 for peer in PEERS for time in times[peer])
    # Asked once to see that it answers, four times to warm up, and once in the first block.
    with postgres.connect() as connection:
        row = connection.execute("SELECT number FROM world WHERE id = 1").fetchone()
    number = 7919 % MOST + 1
    for _ in range(len(PEERS) * (1 + 4 + 1)):
        number = next_number(number)
    assert row == (number,)


def test_peer_that_ends_ends_the_run(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"benchmarks.database.measure .* ended before its time"):
        blocks.measure("one row", "postgresql://127.0.0.1:1/none", 1)
    assert "connection" in capfd.readouterr().err


@pytest.mark.integration
def test_peers_answer_the_same(postgres: PostgresDatabase) -> None:
    answers.compare(postgres.url)
    # The last scenario, of the last peer.
    with postgres.connect() as connection:
        row = connection.execute("SELECT number FROM world WHERE id = 5").fetchone()
    assert row == (next_number(5 * 7919 % MOST + 1),)


def test_answers_that_differ_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "of_peer", lambda peer, url: {"one row": [peer]})
    with pytest.raises(SystemExit, match="twofold answers otherwise than bare: one row"):
        answers.compare("postgresql://localhost/shop")
