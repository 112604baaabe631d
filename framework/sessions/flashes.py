"""Flashes: messages for the visitor's next page, each in a field of its own.

So two requests that flash at the same moment never meet.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from .changes import FLASH
from .fields import decode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .fields import Codec

MAX_FLASHES = 16


class Flash(NamedTuple):
    """A message for the visitor's next page."""

    category: str
    message: Any


class Flashes:
    """The messages in the stored ``fields``, and what a request does with them."""

    def __init__(self, codec: Codec, fields: Mapping[bytes, bytes]) -> None:
        self._codec = codec
        self._fields = fields
        self._stored = sorted(field for field in fields if field.startswith(FLASH))
        self._new: dict[bytes, Flash] = {}
        self._popped = False

    def add(self, message: object, category: str) -> None:
        # Sorted by the time they were made, then by their order in the request.
        order = (time.time_ns() // 1000, len(self._new), os.urandom(3).hex().encode())
        flash = Flash(str(category), message)
        try:
            self._codec.encode("flash", list(flash))
        except TypeError:
            flash = Flash(str(category), str(message))
            self._codec.encode("flash", list(flash))
        self._new[FLASH + b"%014x%02x%s" % order] = flash

    def all(self) -> list[Flash]:
        """Return all, oldest first."""
        stored = [] if self._popped else self._stored
        flashes = [decode(self._read, self._fields[field]) for field in stored]
        return [*flashes, *self._new.values()]

    def pop(self) -> list[Flash]:
        """Return all, oldest first, and forget them."""
        flashes = self.all()
        self._popped = True
        self._new = {}
        return flashes

    def changes(self) -> tuple[list[bytes], dict[bytes, bytes]]:
        """The stored messages to forget, and the new ones to keep: the last of both together."""
        still_wanted = [] if self._popped else self._stored
        last = [*still_wanted, *self._new][-MAX_FLASHES:]
        return (
            [field for field in self._stored if field not in last],
            {
                field: self._codec.encode("flash", list(flash))
                for field, flash in self._new.items()
                if field in last
            },
        )

    def _read(self, data: bytes) -> Any:
        return Flash(*self._codec.decode(data))
