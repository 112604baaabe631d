"""Puts the figures of a run into the README, between two comments, so that nobody copies them."""

from __future__ import annotations

from pathlib import Path

README = Path(__file__).with_name("README.md")


def marks(benchmark: str) -> tuple[str, str]:
    """Return the lines before and after the figures of a benchmark."""
    begin = f"<!-- {benchmark}: figures, written by python -m benchmarks.{benchmark} --readme -->\n"
    return begin, f"<!-- {benchmark}: end of figures -->\n"


def put(benchmark: str, text: str, readme: str) -> str:
    """Return ``readme`` with ``text`` in place of the figures of an earlier run."""
    first, last = marks(benchmark)
    before, begin, rest = readme.partition(first)
    _earlier, end, after = rest.partition(last)
    if not (begin and end):
        raise ValueError(f"{README} needs the lines {first.strip()!r} and {last.strip()!r}.")
    return f"{before}{begin}\n{text}\n{end}{after}"


def write(benchmark: str, text: str) -> None:
    """Put the figures of a run into the README itself."""
    README.write_text(put(benchmark, text, README.read_text()))
