"""Liveness and readiness, for balancers and orchestrators.

``/livez`` says whether the process should go on living, ``/readyz`` whether it may get traffic.
Both are answered ahead of trusted hosts, hooks and sessions: they ask the worker, not the site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from .worker import WorkerState

LIVENESS_PATH = "/livez"
READINESS_PATH = "/readyz"
PATHS = frozenset({LIVENESS_PATH, READINESS_PATH})


def livez() -> Response:
    """Answer 200: a process that can say so is alive."""
    return _answer("alive", 200)


def readyz(state: WorkerState) -> Response:
    """Answer 200 if the worker is ready, else 503, with the state as text."""
    return _answer(state, 200 if state.is_ready else 503)


def _answer(word: str, status: int) -> Response:
    return Response(
        f"{word}\n", status, mimetype="text/plain", headers={"Cache-Control": "no-store"}
    )
