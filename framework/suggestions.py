"""What the writer of a wrong name may have meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest known name, or nothing."""
    import difflib  # only for a message

    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def is_misspelling(name: str, known: str) -> bool:
    """Whether one letter too many, missing, wrong or in its neighbour's place sets them apart.

    Short names say nothing: too many are one letter away from another word.
    """
    if name == known or len(known) < 5 or abs(len(name) - len(known)) > 1:
        return False
    start = 0
    while name[start : start + 1] == known[start : start + 1]:
        start += 1
    rest, known_rest = name[start:], known[start:]
    swapped = rest[:2] == known_rest[1::-1] and rest[2:] == known_rest[2:]
    return swapped or known_rest[1:] in {rest, rest[1:]} or known_rest == rest[1:]
