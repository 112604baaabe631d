"""The limits as JUnit XML: valid, one case a limit and size, and only what is sure is a failure."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema

from loadtests.junit import render_junit, write_junit
from loadtests.result import ScalingResult
from tests.loadtests.simulated import (
    RUNS,
    conclude,
    contended,
    measurement,
    near_linear,
    paced,
    retrograde,
    undecided,
    void,
)

SCHEMA = xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))


def suite_of(result: ScalingResult) -> ElementTree.Element:
    suite = ElementTree.fromstring(render_junit(result)).find("testsuite")
    assert suite is not None
    return suite


def complaints(result: ScalingResult) -> dict[str, tuple[str, str]]:
    """The kind and type of each case that did not pass, by its name."""
    return {
        case.attrib["name"]: (outcome.tag, outcome.attrib["type"])
        for case in suite_of(result).iter("testcase")
        for outcome in case
    }


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_every_run_is_valid_by_the_schema_and_counts_right(run) -> None:
    SCHEMA.validate(render_junit(run()))
    suite = suite_of(run())
    counted = {"tests": "testcase", "failures": "testcase/failure", "errors": "testcase/error"}
    for counter, path in counted.items():
        assert int(suite.attrib[counter]) == len(suite.findall(path))


def test_the_schema_refuses_what_is_not_junit() -> None:
    spoilt = render_junit(near_linear()).replace("<testcase", '<testcase mood="good"')
    assert not SCHEMA.is_valid(spoilt)


def test_each_limit_at_each_size_is_a_case() -> None:
    names = [case.attrib["name"] for case in suite_of(near_linear()).iter("testcase")]
    assert names == [
        "throughput does not fall",
        *(f"{size} nodes: an efficiency of at least 90 %" for size in (2, 4)),
        "1 node: at most 0 failed requests at a point",
        *(f"{size} nodes: at most 0 failed requests at a point" for size in (2, 4)),
    ]
    assert complaints(near_linear()) == {}


def test_a_missed_limit_is_a_failure_with_what_was_found() -> None:
    found = complaints(contended())
    assert found["8 nodes: an efficiency of at least 90 %"] == ("failure", "missed")
    assert "1 node: a p99 latency of at most 200 ms" not in found
    assert "below the limit of 90 %" in render_junit(contended())


def test_what_is_void_or_undecided_is_an_error_and_no_failure() -> None:
    assert set(complaints(void()).values()) == {("error", "void")}
    assert len(complaints(void())) == 1 + 2 + 3
    assert set(complaints(undecided()).values()) == {("error", "undecided")}
    assert complaints(paced())["3 nodes: a p99 latency of at most 150 ms"] == ("error", "void")


def test_falling_throughput_is_a_failure_of_its_own() -> None:
    assert complaints(retrograde())["throughput does not fall"] == ("failure", "retrograde")


def test_text_from_outside_stays_text(tmp_path: Path) -> None:
    hostile = 'a<b>"\x00\x1b[31m]]>&amp;'
    write_junit(conclude([measurement()], title=hostile, command=hostile), tmp_path / "a.xml")
    SCHEMA.validate(tmp_path / "a.xml")
    suite = ElementTree.parse(tmp_path / "a.xml").find("testsuite")
    assert suite is not None
    assert suite.attrib["name"].endswith('a<b>"\ufffd\ufffd[31m]]>&amp;')
