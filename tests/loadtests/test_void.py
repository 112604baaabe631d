"""A void point never has a part in a verdict: random runs, some of whose points are spoilt."""

import random
from dataclasses import replace

import pytest

from loadtests.measurement import Measurement
from tests.loadtests.simulated import conclude, law, simulate

WHY = "the machine was at its limit"


def random_run(dice: random.Random) -> list[Measurement]:
    """Near-linear, contended or retrograde, over three sizes or six, in one round or more."""
    curve = law(dice.uniform(20, 200), dice.choice([0.0, 0.02, 0.3]), dice.choice([0.0, 0.05]))
    sizes = dice.choice([(1, 2, 4), (1, 2, 3, 4, 6, 8)])
    return simulate(curve, sizes, rounds=dice.randint(1, 3), noise=0.02, seed=dice.randrange(9999))


def spoilt(m: Measurement, dice: random.Random) -> Measurement:
    """Void, with figures that would change any verdict."""
    requests = round(m.requests * dice.choice([0.05, 20]))
    return replace(m, requests=requests, failures=dice.choice([0, requests]), void=(WHY,))


@pytest.mark.parametrize("seed", range(25))
def test_a_size_with_void_points_only_leaves_no_verdict(seed: int) -> None:
    dice = random.Random(seed)
    run = random_run(dice)
    size = dice.choice(sorted({m.size for m in run}))
    result = conclude([spoilt(m, dice) if m.size == size else m for m in run])
    assert result.verdict.kind == "void"
    assert result.verdict.exit_code != 0
    assert result.verdict.sentence.startswith("No verdict")
    assert WHY in result.verdict.sentence


@pytest.mark.parametrize("seed", range(25))
def test_a_run_of_void_points_only_has_neither_verdict_nor_law(seed: int) -> None:
    dice = random.Random(seed)
    result = conclude([spoilt(m, dice) for m in random_run(dice)])
    assert result.verdict.kind == "void"
    assert result.verdict.exit_code != 0
    assert result.fit is None


@pytest.mark.parametrize("seed", range(25))
def test_what_a_void_point_measured_changes_nothing(seed: int) -> None:
    dice = random.Random(seed)
    run = random_run(dice)
    hit = dice.sample(range(len(run)), dice.randint(1, len(run) // 2))
    once, again = (
        conclude([spoilt(m, dice) if n in hit else m for n, m in enumerate(run)]) for _ in range(2)
    )
    assert again.verdict == once.verdict
    assert again.fit == once.fit
