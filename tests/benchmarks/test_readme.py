"""Figures get into the benchmarks' README without anybody copying them."""

from __future__ import annotations

import pytest

from benchmarks import readme


def test_figures_take_the_place_of_earlier_ones() -> None:
    begin, end = readme.marks("core")
    old = f"# Title\n\n{begin}\nold\n{end}\n## Next\n"
    new = readme.put("core", "new\n", old)
    assert new == f"# Title\n\n{begin}\nnew\n\n{end}\n## Next\n"
    assert readme.put("core", "old\n", new).count("old") == 1
    with pytest.raises(ValueError, match="needs the lines"):
        readme.put("core", "new", "# Title\n")


@pytest.mark.parametrize("benchmark", ["core", "serving", "database"])
def test_there_is_a_place_for_the_figures(benchmark: str) -> None:
    assert "\nnew\n" in readme.put(benchmark, "new\n", readme.README.read_text())
