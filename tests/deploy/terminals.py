"""Commands that run in a terminal of their own, and what they print."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess


def lines_until(process: subprocess.Popen[str], word: str) -> list[str]:
    """What it prints, up to and with the first line that holds the word."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if word in line:
            return lines
    raise AssertionError(lines)
