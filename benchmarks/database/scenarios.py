"""What is asked of every peer: paths that take turns, and what makes an answer right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..core.scenarios import Scenario as Request
from .models import WORLDS

TEMPLATES = Path(__file__).parent / "templates"
TEMPLATE = "fortunes.html"

ROWS = 20
"""How many rows a page lists or updates."""

TURNS = 50
"""How many requests there are of a kind before the first one is sent again."""


@dataclass(frozen=True)
class Scenario:
    """One kind of request."""

    name: str
    what: str
    """What it is, in words."""
    path: str
    """With ``{}`` for the id of the first row."""
    expected: bytes
    """Part of every answer."""

    def requests(self) -> list[Request]:
        """Return the requests in the order in which they are sent."""
        step = WORLDS // TURNS
        return [
            Request(self.name, self.what, self.path.format(1 + turn * step), self.expected)
            for turn in range(TURNS)
        ]


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("one row", "one row by its key, as JSON", "/row/{}", b'{"id":'),
        Scenario("20 rows", f"{ROWS} rows by one query, as JSON", "/rows/{}", b'[{"id":'),
        Scenario(
            "fortunes",
            "all rows of a small table and one more, sorted, as a page that is escaped",
            "/fortunes",
            b"&lt;script&gt;",
        ),
        Scenario(
            "updates",
            f"{ROWS} rows by one query, each changed and written, as JSON",
            "/updates/{}",
            b'[{"id":',
        ),
    )
}
