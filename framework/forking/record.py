"""What a fork remembers of its origin, in a folder of its own: `.origin`.

record.json   package and version it came from, SHA-256 of each file as it came
base.zip      those files, which a three-way merge starts from
undo.zip      the fork as it was before its last update, if there was one
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .exceptions import ForkError
from .files import RECORD_FOLDER, Files, hashes, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .upstream import Upstream

FORMAT = 1
RECORD = f"{RECORD_FOLDER}/record.json"
BASE = f"{RECORD_FOLDER}/base.zip"
UNDO = f"{RECORD_FOLDER}/undo.zip"


@dataclass(frozen=True)
class Origin:
    """Where a fork came from."""

    package: str
    version: str
    base: Files
    """The files as they came from there."""
    updated: Mapping[str, str]
    """The fork's own hashes right after its last update; empty before the first one."""

    @property
    def title(self) -> str:
        return f"{self.package} {self.version}"


def origin_of(upstream: Upstream, updated: Mapping[str, str]) -> Origin:
    return Origin(upstream.package, upstream.version, upstream.files, updated)


def origin_files(origin: Origin) -> Files:
    """Return the files that hold the record."""
    record = {
        "format": FORMAT,
        "package": origin.package,
        "version": origin.version,
        "files": hashes(origin.base),
        "updated": dict(origin.updated),
    }
    text = json.dumps(record, indent=2) + "\n"
    return {RECORD: text.encode(), BASE: pack(origin.base)}


def read_origin(fork: Path) -> Origin:
    """Return a fork's origin.

    :raises ForkError: there is no record, it is of a later format, or it is damaged.
    """
    try:
        record = json.loads((fork / RECORD).read_bytes())
        base = (fork / BASE).read_bytes()
    except FileNotFoundError as error:
        raise ForkError(
            f"{fork} has no record of its origin: {error.filename} is missing. Without it nobody "
            "knows what was changed. Restore it from your version control."
        ) from None
    except (OSError, ValueError) as error:
        raise ForkError(f"{fork / RECORD} cannot be read: {error}.") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ForkError(
            f"{fork / RECORD} is not of format {FORMAT}, the one known here. "
            "A later version may have written it: use that one."
        )
    files = unpack(base)
    if hashes(files) != record["files"]:
        raise ForkError(
            f"{fork / BASE} does not hold what {fork / RECORD} says. "
            "Restore both from your version control."
        )
    return Origin(record["package"], record["version"], files, record["updated"])
