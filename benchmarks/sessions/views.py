"""What every app answers at ``/<view>/<word>``: functions of the session and the word."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    View = Callable[[Any, str], str]

PROFILE = {
    "email": "ada.lovelace@example.org",
    "locale": "en_GB",
    "csrf": "f3Kq0pJrT2yVw8sLxZb1Qe7uHd5nMa9c",
    "cart": [{"item": 4711, "count": 2, "price": 19.5}, {"item": 815, "count": 1, "price": 4.25}],
    "seen_pages": ["/", "/items/4711", "/items/815", "/cart"],
}
"""What a session holds besides the user."""

NOBODY = "nobody"
visits = count()


def _no_gate() -> None:
    pass


gate: Callable[[], None] = _no_gate
"""Where requests wait for each other after they have loaded the session."""


def start(session: Any, word: str) -> str:
    session["user"] = word
    for key, value in PROFILE.items():
        session[key] = value
    return word


def read(session: Any, word: str) -> str:
    user: str = session.get("user", NOBODY)
    return user


def write(session: Any, word: str) -> str:
    user = read(session, word)
    # Another value each time: what is written already may be left unwritten.
    session["page"] = f"{word} {next(visits)}"
    return user


def read_late(session: Any, word: str) -> str:
    user = read(session, word)
    gate()
    return user


def write_late(session: Any, word: str) -> str:
    user = read(session, word)
    gate()
    session[f"late {word}"] = True
    return user


def count_late(session: Any, word: str) -> str:
    number = session.get("n", 0)
    gate()
    session["n"] = number + 1
    return "counted"


def late_keys(session: Any, word: str) -> str:
    return str(sum(key.startswith("late ") for key in list(session.keys())))


def number(session: Any, word: str) -> str:
    return str(session.get("n", 0))


VIEWS: dict[str, View] = {
    "start": start,
    "read": read,
    "write": write,
    "read_late": read_late,
    "write_late": write_late,
    "count_late": count_late,
    "late_keys": late_keys,
    "number": number,
}
