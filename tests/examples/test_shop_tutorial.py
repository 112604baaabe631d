"""What the tutorial quotes of the shop stands in the shop."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial" / "big-app.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"<!-- in (\S+) -->\n```[a-z+]+\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize(("file", "code"), QUOTED)
def test_what_is_quoted_is_in_the_file(file: str, code: str) -> None:
    folder = ROOT if file.startswith("tests/") else ROOT / "examples" / "shop"

    assert code in (folder / file).read_text(encoding="utf-8")


def test_every_piece_of_code_says_where_it_is_from() -> None:
    blocks = re.findall(r"^```(\w+)", PAGE, flags=re.MULTILINE)

    assert len(QUOTED) == sum(block != "console" for block in blocks)
