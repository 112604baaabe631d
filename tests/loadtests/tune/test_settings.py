"""Settings of a search, from the table [loadtests] and the command line."""

from pathlib import Path

import pytest

from loadtests.errors import LoadTestError
from loadtests.tune.settings import tune_settings


def test_traffic_and_limits_are_those_of_the_table(tmp_path: Path) -> None:
    table = {"suite": "journey", "max_p99": "300ms", "max_errors": 2, "rounds": 5}
    found = tune_settings(table, {}, tmp_path)
    assert found.manner.suite.name == "journey.py"
    assert (found.max_p99, found.manner.max_errors) == (0.3, 2)
    assert (found.max_time, found.manner.duration, found.manner.users_per_slot) == (600, 3, 1)


def test_the_command_line_comes_first(tmp_path: Path) -> None:
    options = {
        "suite": "front",
        "max_p99": "200ms",
        "max_time": "2m",
        "duration": "1s",
        "warm_up": "20s",
        "users_per_slot": "1.5",
        "load_generators": "2",
    }
    found = tune_settings({"suite": "journey", "max_p99": "1s"}, options, tmp_path)
    assert found.manner.suite.name == "front.py"
    assert (found.max_p99, found.max_time) == (0.2, 120)
    manner = found.manner
    assert (manner.duration, manner.warm_up, manner.users_per_slot) == (1, 20, 1.5)
    assert manner.max_warm_up == 20
    assert manner.load_generators == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_time": "soon"}, "--max-time is 'soon'"),
        ({"duration": "0"}, "--duration is '0'"),
        ({"users_per_slot": "-1"}, "--users-per-slot is '-1'"),
        ({"max_p99": "fast"}, "--max-p99 is 'fast'"),
        ({"suite": "nothing"}, "There is no suite 'nothing'"),
    ],
)
def test_a_wrong_value_is_named(options: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(LoadTestError, match=message):
        tune_settings({}, options, tmp_path)


def test_an_unknown_key_of_the_table_is_refused_here_too(tmp_path: Path) -> None:
    with pytest.raises(LoadTestError, match=r"loadtests\.sweet"):
        tune_settings({"sweet": "front"}, {}, tmp_path)
