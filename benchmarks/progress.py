"""Says on stderr where a benchmark is."""

from __future__ import annotations

import sys


def tell(text: str) -> None:
    """Show it in place on a terminal, otherwise as a line; an empty text clears the place."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
    elif text:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
