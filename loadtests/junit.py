"""The limits of a scaling run as JUnit XML, which build servers show as tests.

A test case for each limit at each size, and one for throughput that must not fall. A limit that is
surely missed is a failure; what is void or undecided could not be tested, which is an error. The
format has no standard; this is the part of it that Ant, Jenkins and GitLab agree on.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from loadtests.output import write_whole
from loadtests.report import findings
from loadtests.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from loadtests.limits import Check
    from loadtests.result import ScalingResult
    from loadtests.verdict import Verdict

ELEMENTS = {"missed": "failure", "undecided": "error", "void": "error"}
UNPRINTABLE = {code: "\N{REPLACEMENT CHARACTER}" for code in range(32) if chr(code) not in "\t\n\r"}
"""XML 1.0 has no way to write these, and an error message may hold any."""


def write_junit(result: ScalingResult, path: Path) -> None:
    write_whole(path, render_junit(result))


def render_junit(result: ScalingResult) -> str:
    cases = [growth_case(result.verdict), *limit_cases(result.verdict.checks, result.over)]
    # A byte order mark or a time zone is not part of the format: the time is UTC.
    started = datetime.fromisoformat(result.started).replace(tzinfo=None)
    suite = ElementTree.Element(
        "testsuite",
        name=printable(f"twofold verify: {result.title}"),
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
        skipped="0",
        time=f"{sum(m.warm_up + m.duration for m in result.measurements):.3f}",
        timestamp=started.isoformat(timespec="seconds"),
    )
    suite.append(properties(result))
    suite.extend(cases)
    output = ElementTree.SubElement(suite, "system-out")
    output.text = printable("\n".join([result.verdict.sentence, *findings(result)]))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def properties(result: ScalingResult) -> ElementTree.Element:
    element = ElementTree.Element("properties")
    values = {"verdict": result.verdict.kind, "command": result.command, **result.conditions}
    for name, value in values.items():
        ElementTree.SubElement(element, "property", name=printable(name), value=printable(value))
    return element


def growth_case(verdict: Verdict) -> ElementTree.Element:
    case = test_case("growth", "throughput does not fall")
    if verdict.kind in ("retrograde", "void"):
        element = "failure" if verdict.kind == "retrograde" else "error"
        complain(case, element, verdict.kind, verdict.sentence)
    return case


def limit_cases(checks: Iterable[Check], over: str) -> Iterable[ElementTree.Element]:
    for check in checks:
        case = test_case(check.limit, f"{counted(check.size, over)}: {check.demand}")
        if check.outcome in ELEMENTS:
            complain(case, ELEMENTS[check.outcome], check.outcome, check.message)
        yield case


def test_case(group: str, name: str) -> ElementTree.Element:
    return ElementTree.Element("testcase", classname=f"twofold.verify.{group}", name=name, time="0")


def complain(case: ElementTree.Element, element: str, kind: str, message: str) -> None:
    text = printable(message)
    ElementTree.SubElement(case, element, type=kind, message=text).text = text


def printable(text: str) -> str:
    return text.translate(UNPRINTABLE)
