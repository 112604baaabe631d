"""A run that is under way: its options, what it has measured, and when it has to stop."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..progress import tell
from .figures import Figures, Memory, Visit, save

if TYPE_CHECKING:
    import argparse


class TimeIsUp(Exception):
    """The run has had the time it was given; what it has measured is kept."""


@dataclass
class Run:
    """Measures step by step, and keeps each step as soon as it is done."""

    options: argparse.Namespace
    figures: Figures
    started: float = field(default_factory=time.monotonic)

    def begin(self, text: str) -> None:
        """Say what comes next; :class:`TimeIsUp` if there is no time for it."""
        limit = self.options.stop_after
        if limit and time.monotonic() - self.started > limit:
            raise TimeIsUp
        self.figures.load_averages.append(os.getloadavg()[0])
        tell(text)

    def keep(self, *found: Visit | Memory) -> None:
        """Add what was measured, in the file as well."""
        self.figures.visits += [item for item in found if isinstance(item, Visit)]
        self.figures.memory += [item for item in found if isinstance(item, Memory)]
        if self.options.save:
            save(self.figures, self.options.save)
