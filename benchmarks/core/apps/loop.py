"""An app that does nothing: what it takes is the time of the loop around every other app."""

from __future__ import annotations

from typing import Any

ANSWER = [b"Hello, world"]
HEADERS: list[tuple[str, str]] = []


def make(scenario: str) -> Any:
    """Return the WSGI app."""

    def nothing(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", HEADERS)
        return ANSWER

    return nothing
