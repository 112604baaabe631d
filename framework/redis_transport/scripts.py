"""Script: a Lua script that runs inside Redis."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the name Redis knows it by.

    It may run twice for one call, when the first reply is lost, and has to be written for that.
    """

    source: bytes
    sha: bytes

    @classmethod
    def from_file(cls, path: Path) -> Script:
        source = path.read_bytes()
        # Redis names scripts by SHA-1; nothing is protected by it.
        return cls(source, hashlib.sha1(source, usedforsecurity=False).hexdigest().encode())
