"""The terminal table, the JSON file and the HTML page, as files and as what they say."""

import html.parser
import io
import json
import os
import re
import stat
import threading
from functools import cache
from pathlib import Path

import pytest
from rich.console import Console

from loadtests.report import findings, render_html, terminal_table, write_html, write_json
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
)
from tests.loadtests.simulated import left_out as left_out_run
from tests.loadtests.simulated import void as void_run

RUN_NAMES = sorted(RUNS)
VOID_ELEMENTS = {"meta", "br", "hr", "img", "input", "link"}


@cache
def page_of(name: str) -> str:
    return render_html(RUNS[name]())


class Outline(html.parser.HTMLParser):
    """Checks that elements nest, and keeps the ids, the attributes and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID_ELEMENTS:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def printed(result: ScalingResult) -> str:
    console = Console(width=110, file=io.StringIO(), record=True)
    console.print(terminal_table(result))
    return console.export_text()


def test_the_table_has_a_line_for_each_size() -> None:
    lines = printed(near_linear()).splitlines()
    (last,) = [line for line in lines if "│     4 │" in line]
    assert re.split(r"\s*│\s*", last)[1:-1] == [
        "4",
        "602/s",
        "99.3 % (97.1 % to 101.7 %)",
        "74.1 ms",
        "176 ms",
        "0",
    ]
    text = printed(near_linear())
    assert "Scalability law, with 95 % intervals:" in text
    assert re.search(
        r"λ = 151\.0 \(14\S+ to 15\S+\) /s, σ = 0\.0016 \(0 to 0\.0\d+\), κ = 0 \(0 to", text
    )


def test_a_law_that_three_points_fix_has_no_intervals_in_the_table() -> None:
    points = [measurement(size, size * 100.0) for size in (1, 2, 4)]
    assert "Scalability law:" in printed(conclude(points))
    assert "λ = 100.0 /s, σ = 0, κ = 0" in printed(conclude(points))


def test_void_points_are_visible_in_the_table() -> None:
    assert "1 of 3" in printed(left_out_run())
    assert "Left out: round 2 at 2 nodes: node2 had to restart a worker while it was measured" in (
        findings(left_out_run())
    )
    text = printed(void_run())
    assert re.search(r"│ +4 │( +- │){5} 2 of 2 │", text)
    assert "void" not in printed(near_linear())


def test_limits_that_are_not_surely_kept_are_named_with_their_sizes() -> None:
    lines = findings(retrograde())
    assert "Limit missed: at most 0 failed requests at a point, at 8 workers." in lines
    assert "Limit missed: an efficiency of at least 90 %, at 2, 4, 6, 8 workers." in lines
    (line,) = [line for line in findings(undecided()) if line.startswith("Limit")]
    assert line == "Limit undecided: an efficiency of at least 90 %, at 4 nodes."


def test_the_bottleneck_and_the_end_of_the_run_are_named() -> None:
    assert findings(near_linear())[-1] == "Measured in 2 rounds, as asked."
    assert findings(near_linear())[-2].startswith("Bottleneck: waiting in the app. 95 % of the")


def test_the_table_says_under_which_load_latency_was_measured() -> None:
    assert "Latency at saturation" in printed(near_linear())
    assert "Latency at 70 % of each size's throughput" in printed(paced())
    (three,) = [line for line in printed(paced()).splitlines() if "│     3 │" in line]
    assert re.split(r"\s*│\s*", three)[4:6] == ["-", "-"]


def test_the_law_says_where_it_peaks_and_how_far_it_is_known() -> None:
    assert "peak: none up to 8 nodes; beyond twice the sizes measured" in printed(near_linear())
    assert "requests per second at about 15 nodes, beyond what was measured" in printed(contended())


def test_names_are_not_read_as_markup_of_the_terminal() -> None:
    assert "[red]shop[/red] [/]" in printed(conclude([], title="[red]shop[/red] [/]"))


def test_the_json_file_holds_the_whole_result(tmp_path: Path) -> None:
    result = retrograde()
    write_json(result, tmp_path / "reports" / "run.json")
    text = (tmp_path / "reports" / "run.json").read_text()
    assert ScalingResult.from_json(json.loads(text)) == result


@pytest.mark.parametrize("write", [write_json, write_html])
def test_a_file_is_replaced_whole_and_nothing_is_left_behind(tmp_path: Path, write) -> None:
    path = tmp_path / "report"
    path.write_text("before")
    inode = path.stat().st_ino
    write(near_linear(), path)
    assert path.stat().st_ino != inode
    assert [entry.name for entry in tmp_path.iterdir()] == ["report"]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_a_reader_never_finds_a_part_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    result = near_linear()
    write_json(result, path)
    done = threading.Event()

    def keep_writing() -> None:
        for _ in range(20):
            write_json(result, path)
        done.set()

    writer = threading.Thread(target=keep_writing)
    writer.start()
    while not done.is_set():
        json.loads(path.read_text())
    writer.join()


@pytest.mark.parametrize("name", RUN_NAMES)
def test_the_page_is_one_whole_file(name: str) -> None:
    page = page_of(name)
    outline = Outline(page)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert {"script", "link", "img", "iframe"}.isdisjoint(outline.tags)
    assert {"src", "srcset", "action", "onload", "onclick"}.isdisjoint(dict(outline.attributes))
    targets = [value for name, value in outline.attributes if name.endswith("href")]
    assert all(target.removeprefix("#") in outline.ids for target in targets)
    assert re.findall(r"https?:|url\((?!#)|@import|//[a-z]+\.", page) == []


@pytest.mark.parametrize("name", RUN_NAMES)
def test_the_page_says_the_verdict_and_how_to_run_it_again(name: str) -> None:
    result = RUNS[name]()
    text = Outline(page_of(name)).text
    assert result.verdict.sentence in text
    assert result.command in text
    verdict = result.verdict
    for words in (*verdict.found("missed"), *verdict.found("undecided"), *verdict.left_out):
        assert words[1:] in text
    assert result.ending.sentence in text
    if result.bottleneck:
        assert result.bottleneck.name in text
        assert result.bottleneck.evidence in text
    for name, value in result.conditions.items():
        assert name in text
        assert value in text


def test_names_and_errors_from_outside_are_text_and_not_html() -> None:
    hostile = "</style><script>alert(1)</script>{{ 7 * 7 }}"
    result = conclude(
        list(retrograde().measurements),
        title=hostile,
        command=hostile,
        conditions={hostile: hostile},
    )
    page = render_html(result)
    outline = Outline(page)
    assert outline.open == []
    assert "script" not in outline.tags
    assert "<b>" not in page
    assert outline.text.count(hostile) >= 4
    assert "<script>alert('x')</script>" in outline.text


def test_every_chart_has_a_name_and_a_description() -> None:
    page = page_of("near-linear")
    charts = re.findall(r'<svg [^>]*role="img"[^>]*>', page)
    assert len(charts) == 9
    assert page.count("<desc ") == 9


def test_every_table_cell_has_a_heading() -> None:
    page = page_of("retrograde")
    assert page.count('scope="col"') == 7 + 11 + 12 + 2
    assert page.count('scope="row"') == 5 + 5 + 15
    assert 'data-label=""' not in page


def test_the_same_result_gives_the_same_page() -> None:
    assert render_html(near_linear()) == page_of("near-linear")


def test_colours_have_enough_contrast_by_day_and_by_night() -> None:
    css = page_of("near-linear").partition("@media print")[0]
    day, night = (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    )
    for colours in (day, night):
        for name in ("text", "muted", "red"):
            assert contrast(colours[name], colours["surface"]) >= 4.5, name
            assert contrast(colours[name], colours["page"]) >= 4.5, name
        for name in ("good", "warn", "bad", "none"):
            assert contrast(colours[name], colours[f"{name}-back"]) >= 4.5, name
        for name in ("blue", "orange", "teal", "purple"):
            assert contrast(colours[name], colours["surface"]) >= 3, name


def contrast(first: str, second: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
