"""Drawings fit into a page: its colours, its font, ids of their own, nothing from outside."""

import re
from xml.etree import ElementTree

import pytest

from loadtests.drawing import NARROW, VARIABLES, categories, drawn, scale

TITLE, DESCRIPTION = "Growth & <shrinking>", 'rises from "1" to <4>'


def draw(axes) -> None:
    axes.plot([0, 1, 2], [10, 20, 40], "o", color="#040404")
    axes.annotate("forty", (2, 40))
    scale(axes, "{:.0f} req".format)
    categories(axes, [1, 2, 4], "nodes")


@pytest.fixture(scope="module")
def svg() -> str:
    return drawn("growth", TITLE, DESCRIPTION, NARROW, draw)


def test_a_drawing_is_one_well_formed_element(svg: str) -> None:
    root = ElementTree.fromstring(svg)
    assert root.tag == "svg"
    assert root.get("viewBox") == "0 0 340 270"
    assert root.get("width") is None


def test_a_drawing_is_named_and_described(svg: str) -> None:
    root = ElementTree.fromstring(svg)
    title, desc = root.findall("title") + root.findall("desc")
    assert (title.text, desc.text) == (TITLE, DESCRIPTION)
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert root.get("role") == "img"


def test_colours_are_the_page_s(svg: str) -> None:
    assert re.findall("#[0-9a-f]{6}", svg) == []
    assert "currentColor" in svg
    assert all(variable in svg for variable in ("var(--grid)", "var(--blue)"))


def test_text_is_text_in_the_page_s_font(svg: str) -> None:
    texts = [text.text for text in ElementTree.fromstring(svg).iter("text")]
    assert {"forty", "40 req", "nodes", "4"} <= set(texts)
    assert "font-family" not in svg


def test_nothing_comes_from_outside(svg: str) -> None:
    assert "http" not in svg
    assert "<style" not in svg


def test_ids_are_the_drawing_s_own_and_every_reference_has_one(svg: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', svg)
    assert len(ids) == len(set(ids))
    assert all(name.startswith("growth-") for name in ids)
    references = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg)
    assert {first or second for first, second in references} <= set(ids)
    assert references


def test_the_same_figures_give_the_same_text(svg: str) -> None:
    assert drawn("growth", TITLE, DESCRIPTION, NARROW, draw) == svg


def test_placeholders_are_told_apart_from_each_other() -> None:
    assert len(set(VARIABLES.values())) == len(VARIABLES)
