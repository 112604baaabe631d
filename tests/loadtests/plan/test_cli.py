"""`twofold plan` from outside: a saved run in, text or JSON and an exit code out."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from loadtests.plan.cli import plan
from loadtests.report import write_json
from tests.loadtests.plan.runs import paced, run
from tests.loadtests.simulated import law, void


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "result.json"
    write_json(run(law(100, 0.01), **paced(0.12)), path)
    return path


@pytest.fixture
def call(saved: Path) -> Callable[..., Result]:
    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(plan, [str(saved), *arguments])

    return invoke


def test_a_plan_is_told_with_what_it_assumes(call: Callable[..., Result]) -> None:
    result = call("--rps", "300", "--p99", "200ms", "--spare", "1")
    assert result.exit_code == 0, result.output
    assert "6: 5 carry the load, 1 to spare" in result.stdout
    assert "up to 120 ms" in result.stdout
    assert "Assumed:\n- every node is like those measured" in result.stdout


def test_a_plan_for_programs(call: Callable[..., Result]) -> None:
    result = call("--rps", "300", "--p99", "200ms", "--spare", "1", "--json")
    found = json.loads(result.stdout)
    assert (found["nodes"], found["carriers"], found["workers"]) == (6, 5, 2)
    assert found["least_throughput"] * found["utilisation"] >= 300
    assert found["connections"] == {
        "each_worker": 4,
        "each_node": 8,
        "steady": 48,
        "rolling": 56,
    }
    assert len(found["assumed"]) == 6
    again = call("--rps", "300", "--p99", "200ms", "--spare", "1", "--json")
    assert again.stdout == result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--rps", "5000"], 1, "It measured up to 4 nodes"),
        (["--rps", "100", "--p99", "100ms"], 1, "More nodes do not make a request faster"),
        (["--rps", "many"], 2, "--rps is 'many'"),
        (["--rps", "-5"], 2, "--rps is '-5'"),
        (["--rps", "100", "--p99", "0"], 2, "--p99 is '0'"),
        (["--rps", "100", "--spare", "-1"], 2, "--spare is '-1'"),
        ([], 2, "--rps"),
    ],
)
def test_what_cannot_be_planned_is_one_message(
    arguments: list[str], code: int, message: str, call: Callable[..., Result]
) -> None:
    result = call(*arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stdout == ""


def test_a_void_run_gives_no_plan(call: Callable[..., Result], saved: Path) -> None:
    write_json(void(), saved)
    result = call("--rps", "10")
    assert result.exit_code == 2
    assert "This run is void" in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": 2}', "holds no scaling result"),
        ("[]", "holds no scaling result"),
        ("not json", "holds no scaling result"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_result_is_one_message(
    text: str | None, message: str, call: Callable[..., Result], saved: Path
) -> None:
    saved.unlink()
    if text is not None:
        saved.write_text(text)
    result = call("--rps", "10")
    assert result.exit_code == 2
    assert message in result.stderr
