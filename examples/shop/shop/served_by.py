"""Which node and which worker is answering."""

import os
from dataclasses import dataclass
from typing import Any, Self

from framework import Request


@dataclass(frozen=True, slots=True)
class ServedBy:
    """Where an answer comes from."""

    node: str
    slot: str
    """The worker's entry at the balancer, counted from 1 on each node."""
    pid: int

    @classmethod
    def this_worker(cls) -> Self:
        """Return where this runs. Ask anew each time: workers are forked after the import."""
        return cls(
            node=os.environ.get("TWOFOLD_NODE", "local"),
            slot=os.environ.get("TWOFOLD_SLOT", "1"),
            pid=os.getpid(),
        )


def template_names(request: Request) -> dict[str, Any]:
    """Give every template ``served_by``, for the footer."""
    return {"served_by": ServedBy.this_worker()}
