"""Settings of `twofold verify` from the command line and the table [loadtests]."""

import math

import pytest

from loadtests.errors import LoadTestError
from loadtests.settings import VerifySettings, load_settings


def test_defaults_hold_where_nothing_is_given() -> None:
    assert load_settings({}, {"nodes": None}) == VerifySettings()


def test_the_command_line_comes_before_the_table() -> None:
    settings = load_settings({"rounds": 3, "duration": 5}, {"rounds": "4", "warm_up": None})
    assert settings.rounds == 4
    assert settings.duration == 5.0


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("200ms", 0.2), ("10s", 10.0), ("1.5m", 90.0), ("2min", 120.0), ("1h", 3600.0), (7, 7.0)],
)
def test_durations_are_read_with_their_unit(written: object, seconds: float) -> None:
    assert math.isclose(load_settings({"max_p99": written}, {}).max_p99 or 0, seconds)


def test_sizes_are_read_from_text_and_from_an_array_and_sorted() -> None:
    assert load_settings({}, {"nodes": "4, 1,2"}).nodes == (1, 2, 4)
    assert load_settings({"workers": [2, 1]}, {}).workers == (1, 2)


@pytest.mark.parametrize(
    ("sizes", "problem"),
    [
        ("0,1", "too small"),
        ("-1,2", "whole numbers"),
        ("1,2.5", "whole numbers"),
        ("1,,2", "whole numbers"),
        ("one,two", "whole numbers"),
        ("1,2,2", "once"),
        ("4", "at least two"),
        ("", "whole numbers"),
        ("1,²", "whole numbers"),
        ("1," + "9" * 5000, "whole numbers"),
        ([1, True], "whole numbers"),
    ],
)
def test_sizes_that_make_no_scaling_run_are_refused(sizes: object, problem: str) -> None:
    with pytest.raises(LoadTestError, match=r"--nodes is .*" + problem):
        load_settings({}, {"nodes": sizes})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("duration", "0"),
        ("duration", "10 parsecs"),
        ("duration", "-3s"),
        ("duration", "nan"),
        ("warm_up", True),
        ("rounds", 0),
        ("rounds", "many"),
        ("users_per_slot", 0),
        ("users_per_slot", 1),
        ("users_per_slot", "0.5"),
        ("users_per_slot", "inf"),
        ("min_efficiency", "x"),
        ("max_errors", -1),
        ("precision", 0),
        ("precision", 1),
        ("latency_at", "1.5"),
        ("max_time", "0s"),
        ("seed", -1),
        ("load_generators", 0),
        ("suite", ""),
        ("suite", 3),
    ],
)
def test_an_ill_formed_value_is_refused_with_its_place(key: str, value: object) -> None:
    with pytest.raises(LoadTestError, match=rf"^loadtests\.{key} in twofold\.toml is .*: write"):
        load_settings({key: value}, {})


def test_an_unknown_key_is_refused_with_a_suggestion() -> None:
    with pytest.raises(LoadTestError, match=r"loadtests\.sute.*Did you mean 'suite'\?"):
        load_settings({"sute": "journey"}, {})


def test_an_unknown_key_without_a_near_one_lists_the_known_ones() -> None:
    with pytest.raises(LoadTestError, match="Known keys: suite, nodes"):
        load_settings({"zzz": 1}, {})


def test_nodes_and_workers_cannot_both_vary() -> None:
    with pytest.raises(LoadTestError, match="--nodes and --workers"):
        load_settings({}, {"nodes": "1,2", "workers": "1,2"})
    with pytest.raises(LoadTestError, match="Keep one"):
        load_settings({"nodes": [1, 2], "workers": [1, 2]}, {})


def test_a_number_of_rounds_and_a_precision_exclude_each_other() -> None:
    with pytest.raises(LoadTestError, match="--rounds and --precision were both given"):
        load_settings({}, {"rounds": "3", "precision": "0.02"})
    settings = load_settings({"rounds": 3}, {"precision": "0.02"})
    assert (settings.rounds, settings.precision) == (None, 0.02)
    assert load_settings({"precision": 0.02}, {"rounds": "3"}).rounds == 3


def test_workers_on_the_command_line_replace_nodes_in_the_table() -> None:
    settings = load_settings({"nodes": [1, 2]}, {"workers": "1,3"})
    assert settings.nodes is None
    assert settings.workers == (1, 3)
