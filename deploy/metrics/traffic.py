"""Counts of requests, from the lines that the balancer writes about them.

HAProxy's own counters begin again at 0 whenever it is started again or reloaded, and forget a slot
when its node goes. What is counted here is its lines, whichever HAProxy wrote them: that never goes
back.
"""

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock

from ..logs.requests import COUNTED
from .exposition import Distribution

# Milliseconds; in seconds they are the buckets that Prometheus' own clients have.
BOUNDS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)

NOT_ANSWERED = b"-1"
QUEUE_TIMEOUT = b"sQ"
ABORTED = (b"C", b"c")


@dataclass(slots=True)
class Histogram:
    """Of times in whole milliseconds, each cut down from what it was.

    What was cut down to 4 took less than 5, so it lies within the bucket that ends at 5, and what
    was cut down to 5 does not.
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    sum: int = 0

    def add(self, milliseconds: int) -> None:
        self.counts[bisect_right(BOUNDS, milliseconds)] += 1
        self.sum += milliseconds

    def distribution(self) -> Distribution:
        bounds = tuple(bound / 1000 for bound in BOUNDS)
        return Distribution(bounds, tuple(self.counts), self.sum / 1000)


@dataclass(slots=True)
class Traffic:
    """What has been counted since the deployment was started; one thread adds at a time."""

    requests: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By node, slot and status."""
    response_bytes: Counter[tuple[str, str]] = field(default_factory=Counter)
    durations: dict[str, Histogram] = field(default_factory=dict)
    """By node, of those that were answered."""
    queue: Histogram = field(default_factory=Histogram)
    retries: int = 0
    queue_timeouts: int = 0
    aborted: int = 0
    lock: Lock = field(default_factory=Lock)

    def read(self, lines: bytes) -> None:
        """Count the requests of these lines; others may be among them."""
        with self.lock:
            for values in COUNTED.findall(lines):
                self._count(*values)

    def _count(
        self,
        status: bytes,
        node: bytes,
        slot: bytes,
        queue: bytes,
        total: bytes,
        retries: bytes,
        size: bytes,
        termination: bytes,
    ) -> None:
        name, number = node.decode(), slot.decode()
        self.requests[name, number, status.decode()] += 1
        self.response_bytes[name, number] += int(size)
        if status != NOT_ANSWERED:
            self.durations.setdefault(name, Histogram()).add(int(total))
        # -1: it never got as far as the queue.
        if queue[0] != ord("-"):
            self.queue.add(int(queue))
        self.retries += int(retries)
        self.queue_timeouts += termination == QUEUE_TIMEOUT
        self.aborted += termination.startswith(ABORTED)
