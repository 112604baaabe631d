"""What Alembic tells while it works, for people who wait."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOGGER = "alembic"
TOLD = ("Running", "Detected")
# Of the sequence behind each serial column of PostgreSQL, which is no difference.
NOT_TOLD = "Detected sequence named"


class Narrator(logging.Handler):
    """Passes on which revisions run and what differs; keeps what was told."""

    def __init__(self, report: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if line.startswith(TOLD) and not line.startswith(NOT_TOLD):
            self.lines.append(line)
            self._report(line)


@contextmanager
def narrated(report: Callable[[str], None]) -> Iterator[Narrator]:
    """Report what Alembic tells in the block, and have nobody else write it."""
    logger = logging.getLogger(LOGGER)
    level, propagate = logger.level, logger.propagate
    narrator = Narrator(report)
    logger.addHandler(narrator)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield narrator
    finally:
        logger.removeHandler(narrator)
        logger.setLevel(level)
        logger.propagate = propagate
