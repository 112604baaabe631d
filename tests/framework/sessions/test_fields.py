"""Fields: damaged ones make a session unavailable, and are never taken for something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from framework.sessions import Session, SessionUnavailable, codec

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("fields", "use"),
    [
        ({b"=a": b"\xc1"}, lambda session: session["a"]),
        ({b"=a": b""}, lambda session: session.get("a")),
        ({b"+n": b"many"}, lambda session: session["n"]),
        ({b"+n": b"many"}, lambda session: session.incr("n")),
        ({b"=\xff": b"\xc0"}, lambda session: list(session)),
        ({b"!1": b"\x91\xa1x"}, lambda session: session.pop_flashes()),
        ({b"!1": b"\xc1"}, lambda session: session.pop_flashes()),
        ({b"u": b"\xc1"}, lambda session: session.user_id),
        ({b"=a": b"\xd4\x7fx"}, lambda session: session.update_atomic("a", lambda value: 1)),
    ],
)
def test_damaged_bytes_are_a_503_wherever_they_are(
    fields: dict[bytes, bytes], use: Callable[[Session], Any]
) -> None:
    session = Session(codec, fields)
    with pytest.raises(SessionUnavailable, match="cannot be read") as unavailable:
        use(session)
    assert unavailable.value.code == 503
    assert not session.modified
