"""Writing a setting into twofold.toml, with everything else in it left as it is."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from deploy.settings import FILE_NAME
from loadtests.errors import LoadTestError

if TYPE_CHECKING:
    from pathlib import Path

    from loadtests.tune.candidates import Candidate

NEW_FILE_MODE = 0o644


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """twofold.toml as it was read before the search."""

    path: Path
    before: str | None
    """None if there was no such file."""

    @classmethod
    def read(cls, directory: Path) -> Self:
        # A link stays a link, and what it leads to is written.
        path = (directory / FILE_NAME).resolve()
        return cls(path, read_text(path))

    def edited(self, candidate: Candidate, app: str) -> str:
        """The text with the candidate's keys; comments, order and all other keys stay."""
        import tomlkit

        document = tomlkit.parse(self.before or "")
        if self.before is None:
            document["app"] = app
        for key, value in candidate.settings.items():
            document[key] = value
        return tomlkit.dumps(document)

    def diff(self, text: str) -> str:
        """What `write` would change, as a unified diff; empty if nothing."""
        lines = difflib.unified_diff(
            (self.before or "").splitlines(keepends=True),
            text.splitlines(keepends=True),
            FILE_NAME,
            f"{FILE_NAME} (tuned)",
        )
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)

    def write(self, text: str) -> None:
        """Replace the file in one step. Whoever edited it meanwhile keeps the edit."""
        if read_text(self.path) != self.before:
            raise LoadTestError(
                f"{self.path} was changed while the search ran, so it is not written. "
                "Make the change above by hand."
            )
        try:
            self._replace(text)
        except OSError as error:
            raise LoadTestError(
                f"{self.path} cannot be written: {error}. Make the change above by hand."
            ) from None

    def _replace(self, text: str) -> None:
        """With the rights that the file has: it may hold what is nobody else's business."""
        mode = self.path.stat().st_mode & 0o777 if self.path.exists() else NEW_FILE_MODE
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)


def read_text(path: Path) -> str | None:
    try:
        # As it is, line ends included: what is not edited must not change.
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
