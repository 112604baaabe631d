"""The pages: every link leads somewhere, and every page can be found."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    page
    for folder in [ROOT, *(ROOT / name for name in ("benchmarks", "docs", "examples"))]
    for page in (folder.glob("*.md") if folder == ROOT else folder.rglob("*.md"))
)
CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def text(page: Path) -> str:
    """The page without its blocks of code."""
    return CODE.sub("", page.read_text(encoding="utf-8"))


@cache
def anchors(page: Path) -> set[str]:
    """What links to the headings of a page end with, by the rule of GitHub."""
    headings = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text(page))]
    return {heading.strip().replace(" ", "-") for heading in headings}


def links(page: Path) -> list[tuple[Path, str]]:
    """Where the links of a page lead to in this repository: a file or folder, and an anchor."""
    found = [link for link in LINK.findall(text(page)) if not re.match(r"[a-z]+:", link)]
    parts = [link.partition("#") for link in found]
    return [((page.parent / path).resolve() if path else page, part) for path, _, part in parts]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in links(page):
        assert target.exists(), f"there is no {target}"
        assert not anchor or anchor in anchors(target), f"{target} has no heading #{anchor}"


def test_every_page_is_in_the_index() -> None:
    index = DOCS / "README.md"
    listed = {target for target, _ in links(index)}

    assert {page for page in DOCS.rglob("*.md") if page != index} - listed == set()
