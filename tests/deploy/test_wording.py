import pytest

from deploy.wording import counted, times


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 nodes"), (1, "1 node"), (2, "2 nodes"), (1500, "1,500 nodes"), (1.0, "1 node")],
)
def test_one_is_told_in_the_singular(count: float, told: str) -> None:
    assert counted(count, "nodes") == told


def test_a_part_of_one_is_told_in_the_plural() -> None:
    assert counted(0.5, "CPUs") == "0.5 CPUs"


@pytest.mark.parametrize(("count", "told"), [(1, "once"), (3, "3 times")])
def test_one_time_is_once(count: int, told: str) -> None:
    assert times(count) == told
