"""TimeBudget: how long one request may wait for Redis, all its commands together."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextvars import Token


class TimeBudget:
    """Seconds of waiting that are left to a request.

    Commands that are sent inside ``with budget:`` take what they wait for Redis from it, the time
    to get a connection included. What the request does between them is not counted.
    """

    __slots__ = ("_token", "left")

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def __enter__(self) -> None:
        self._token: Token[TimeBudget | None] = current_budget.set(self)

    def __exit__(self, *exc_info: object) -> None:
        current_budget.reset(self._token)

    def __repr__(self) -> str:
        return f"<TimeBudget {self.left:.3f} s left>"


current_budget: ContextVar[TimeBudget | None] = ContextVar("time budget", default=None)
