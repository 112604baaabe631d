"""The least throughput that is planned with, against systems whose law is known."""

import pytest

from loadtests.plan.prediction import Prediction
from tests.loadtests.plan.runs import run
from tests.loadtests.simulated import conclude, law, measurement

RUNS = 100


@pytest.mark.parametrize(
    ("curve", "sizes", "rounds", "noise"),
    [
        (law(150, 0.0, 0.0), (1, 2, 4), 2, 0.01),
        (law(150, 0.05, 0.0), (1, 2, 3, 4), 2, 0.03),
        (law(150, 0.02, 0.0005), (1, 2, 3, 4, 6, 8), 2, 0.01),
        (law(150, 0.1, 0.005), (1, 2, 3, 4, 6, 8), 1, 0.01),
    ],
)
def test_the_least_is_not_more_than_the_truth_in_95_of_100_runs(
    curve, sizes: tuple[int, ...], rounds: int, noise: float
) -> None:
    predictions = [Prediction(run(curve, sizes, rounds, noise, seed)) for seed in range(RUNS)]
    largest = max(sizes)
    for size in (largest, 2 * largest):
        held = sum(prediction.least(size) <= curve.throughput(size) for prediction in predictions)
        assert held >= 0.95 * RUNS


def test_less_noise_leaves_more_to_plan_with() -> None:
    curve = law(100, 0.02)
    noisy, quiet = (Prediction(run(curve, noise=noise)).least(8) for noise in (0.05, 0.005))
    assert noisy < quiet < curve.throughput(8)
    assert quiet > 0.9 * curve.throughput(8)


def test_the_same_run_gives_the_same_figures() -> None:
    saved = run(law(100, 0.02))
    assert Prediction(saved).least(7) == Prediction(saved).least(7)


def test_a_run_without_spread_cannot_be_predicted_from() -> None:
    with pytest.raises(ValueError, match="no fit with intervals"):
        Prediction(conclude([measurement(1, 100), measurement(2, 200), measurement(4, 390)]))


def test_a_run_of_two_sizes_has_no_law_to_predict_from() -> None:
    with pytest.raises(ValueError, match="no fit"):
        Prediction(conclude([measurement(1, 100), measurement(2, 200)]))
