"""The time before each line of a log."""

import re
from datetime import UTC, datetime

STAMPED = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (.*)", re.DOTALL)


def stamp(seconds: float | None = None) -> str:
    """That of now, or of so many seconds since the epoch: UTC, in the order of the alphabet."""
    time = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def split(line: str) -> tuple[str, str]:
    """The stamp and the text; the stamp is empty if there is none."""
    found = STAMPED.fullmatch(line)
    return (found[1], found[2]) if found else ("", line)
