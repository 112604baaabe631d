"""Customers' own pictures: read to the end, and answered with what arrived.

Nothing is kept. A shop that keeps pictures puts them where every node finds them.
"""

import hashlib
from dataclasses import dataclass
from typing import IO, Self

BLOCK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Receipt:
    """What arrived, so that the sender can tell whether it is what was sent."""

    length: int
    sha256: str

    @classmethod
    def of(cls, stream: IO[bytes]) -> Self:
        """Read a stream to its end, one block at a time."""
        digest = hashlib.sha256()
        length = 0
        while block := stream.read(BLOCK):
            digest.update(block)
            length += len(block)
        return cls(length, digest.hexdigest())
