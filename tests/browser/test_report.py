"""The report in a real browser: on a phone, at a desk, at night and on paper; it loads nothing."""

from __future__ import annotations

import shutil
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from loadtests.report import render_html
from tests.loadtests.simulated import RUNS

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="neither chromium nor google-chrome is on PATH"),
]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PHONE, DESK, SHEET = 360, 1280, 688
"""Widths in CSS pixels; the last is an A4 sheet's, without its margins."""
MEDIA = {
    "phone": (PHONE, "screen", "light"),
    "phone at night": (PHONE, "screen", "dark"),
    "desk": (DESK, "screen", "light"),
    "desk at night": (DESK, "screen", "dark"),
    "paper": (SHEET, "print", "light"),
    "paper at night": (SHEET, "print", "dark"),
}

# The contrast ratio of WCAG 2.2, of every text on the page against what lies behind it.
WORST_CONTRAST = """() => {
  const luminance = ([r, g, b]) => [r, g, b]
    .map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const parse = colour => colour.match(/[0-9.]+/g).map(Number);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const [r, g, b, alpha = 1] = parse(getComputedStyle(element).backgroundColor);
      if (alpha === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let worst = [21, ""];
  while (walker.nextNode()) {
    const text = walker.currentNode, element = text.parentElement;
    if (!text.data.trim() || !element.getClientRects().length || !element.closest("main")) continue;
    if (element.closest("title, desc, style")) continue;
    const style = getComputedStyle(element);
    const ink = element.closest("svg") ? style.fill : style.color;
    const [light, dark] = [luminance(parse(ink)), luminance(behind(element))].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < worst[0]) worst = [ratio, text.data.trim()];
  }
  return worst;
}"""

# What reaches beyond the page's edge, or is cut off by the box that it is in.
OVERFLOWING = """() => [...document.querySelectorAll("main *:not(svg *)")]
  .filter(element => {
    if (getComputedStyle(element).position === "absolute") return false;
    const box = element.getBoundingClientRect();
    return box.width && (box.right > document.documentElement.clientWidth + 0.5 || box.left < -0.5);
  })
  .map(element => element.outerHTML.slice(0, 120))"""

TEXT_HEIGHTS = """() => [...document.querySelectorAll("figure svg text")]
  .map(text => text.getBoundingClientRect().height).filter(height => height)"""


@cache
def report_of(run: str) -> str:
    return render_html(RUNS[run]())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        # Containers, in which tests often run, forbid the browser a sandbox of its own.
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_report(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens the report of a run in a medium; the page's `requests` are all but the report."""
    opened = []

    def visit(run: str, medium: str) -> Any:
        width, media, scheme = MEDIA[medium]
        page = browser.new_page(viewport={"width": width, "height": 800})
        opened.append(page)
        page.requested = []
        page.emulate_media(media=media, color_scheme=scheme)
        page.on("request", lambda request: page.requested.append(request.url))
        page.set_content(report_of(run), wait_until="load")
        return page

    yield visit
    for page in opened:
        page.close()


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("run", ["paced", "retrograde", "void"])
def test_nothing_overflows_and_all_text_can_be_read(
    open_report: Callable[..., Any], run: str, medium: str
) -> None:
    page = open_report(run, medium)
    assert page.evaluate(OVERFLOWING) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= MEDIA[medium][0]
    contrast, text = page.evaluate(WORST_CONTRAST)
    assert contrast >= 4.5, text
    assert page.requested == []


@pytest.mark.parametrize("run", RUNS)
def test_every_report_fits_a_phone(open_report: Callable[..., Any], run: str) -> None:
    page = open_report(run, "phone")
    assert page.evaluate(OVERFLOWING) == []
    # A line is about 1.2 times as high as its font's size, which is 10 pixels here at least.
    assert min(page.evaluate(TEXT_HEIGHTS)) >= 12


@pytest.mark.parametrize("medium", MEDIA)
def test_each_chart_is_shown_once_in_every_medium(
    open_report: Callable[..., Any], medium: str
) -> None:
    page = open_report("contended", medium)
    shown = page.evaluate(
        """[...document.querySelectorAll("figure")].map(figure =>
        [...figure.querySelectorAll("svg")].filter(svg => svg.getClientRects().length).length)"""
    )
    assert shown == [1] * 8


def test_the_page_is_dark_at_night_and_white_on_paper(open_report: Callable[..., Any]) -> None:
    backgrounds = {
        medium: open_report("near-linear", medium).evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for medium in ("desk", "desk at night", "paper at night")
    }
    assert backgrounds == {
        "desk": "rgb(245, 246, 248)",
        "desk at night": "rgb(16, 19, 24)",
        "paper at night": "rgb(255, 255, 255)",
    }


def test_the_page_prints_with_the_verdict_and_the_first_chart_on_one_sheet(
    open_report: Callable[..., Any],
) -> None:
    page = open_report("near-linear", "paper")
    assert page.pdf(format="A4").startswith(b"%PDF")
    bottom = page.evaluate(
        """document.querySelector("figure.throughput").getBoundingClientRect().bottom"""
    )
    assert bottom <= 1017  # the height of an A4 sheet without its margins, in CSS pixels
