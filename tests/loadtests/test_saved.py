"""`twofold report` and `twofold compare` on files of saved runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from loadtests.report import render_html, write_json
from loadtests.saved import compare_runs, show
from tests.loadtests.simulated import conclude, contended, interrupted, law, simulate


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    write_json(contended(), tmp_path / "run.json")
    return tmp_path / "run.json"


def call(command: click.Command, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_a_saved_run_gives_the_same_page_as_the_run_itself(saved: Path, tmp_path: Path) -> None:
    page, junit = tmp_path / "again.html", tmp_path / "junit.xml"
    result = call(show, saved, "--html", page, "--junit", junit)
    assert result.exit_code == 0, result.output
    assert page.read_text(encoding="utf-8") == render_html(contended())
    assert junit.read_text(encoding="utf-8").startswith("<?xml")
    assert contended().verdict.sentence in result.output


def test_a_pipe_that_is_not_read_to_its_end_costs_no_file(saved: Path, tmp_path: Path) -> None:
    page, junit = tmp_path / "again.html", tmp_path / "junit.xml"
    command = [sys.executable, "-c", "from loadtests.saved import show; show()"]
    options = [str(saved), "--html", str(page), "--junit", str(junit)]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        subprocess.run([*command, *options], stdout=nobody, check=False)
    assert page.read_text(encoding="utf-8") == render_html(contended())
    assert junit.exists()


def test_a_run_that_broke_off_is_shown_without_a_verdict(tmp_path: Path) -> None:
    write_json(interrupted(), tmp_path / "part.json")
    result = call(show, tmp_path / "part.json")
    assert result.exit_code == 0
    assert "The run was interrupted after 2 points." in result.output
    assert "No verdict: nothing was measured at 4 nodes." in result.output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        ("no json", "holds no scaling result"),
        ("[1]", "holds no scaling result"),
        ("{}", "not a scaling result of format"),
        (json.dumps({"format": 3}), "holds no scaling result: 'title'"),
    ],
)
def test_a_file_that_is_no_run_is_one_message_and_exit_2(
    content: str | None, message: str, saved: Path, tmp_path: Path
) -> None:
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_text(content)
    for result in (call(show, path), call(compare_runs, saved, path)):
        assert result.exit_code == 2
        assert result.stderr.startswith(f"Error: {path}")
        assert message in result.stderr


def test_a_report_that_cannot_be_written_is_refused(saved: Path) -> None:
    result = call(show, saved, "--html", "/proc/nothing/here.html")
    assert result.exit_code == 2
    assert "/proc/nothing" in result.stderr


def test_a_saved_run_is_not_overwritten_by_its_report(saved: Path) -> None:
    figures = saved.read_text(encoding="utf-8")
    result = call(show, saved, "--html", saved)
    assert result.exit_code == 2
    assert "run.json is named twice" in result.stderr
    assert saved.read_text(encoding="utf-8") == figures


def test_two_runs_are_compared_and_worse_is_exit_1(saved: Path, tmp_path: Path) -> None:
    better = tmp_path / "better.json"
    points = simulate(law(148.0, 0.01), (1, 2, 3, 4, 6, 8), rounds=3)
    write_json(conclude(points, conditions={**contended().conditions, "suite": "other"}), better)
    improved = call(compare_runs, saved, better)
    assert improved.exit_code == 0, improved.output
    assert "Not the same: suite was front, is other" in improved.output
    assert "better" in improved.output
    spoilt = call(compare_runs, better, saved)
    assert spoilt.exit_code == 1
    assert "worse" in spoilt.output


def test_both_are_commands_of_twofold() -> None:
    from deploy.cli import main

    with click.Context(main) as context:
        assert main.get_command(context, "report") is show
        assert main.get_command(context, "compare") is compare_runs
