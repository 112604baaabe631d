"""Server-Timing: tells the browser's developer tools where the time of a request went.

    timing = ServerTiming(slow=0.5)
    timing.init_app(app)

    def item(request, item_id):
        with measure(request, "catalogue"):
            item = look_up(item_id)

The answer then carries ``Server-Timing: catalogue;dur=41.3, total;dur=48.0`` (milliseconds). Times
tell strangers about the inside of an app, so they leave it in debug mode only, unless ``public``.

An extension needs nothing but the app it is given: no framework is imported here.
"""

from __future__ import annotations

import logging
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ServerTiming", "measure"]

logger = logging.getLogger(__name__)

NAME = "server_timing"
TOKEN = re.compile(r"[A-Za-z0-9_-]+")


class ServerTiming:
    """Measures requests; one object may serve several apps.

    :param slow: seconds; a request that takes longer is logged. ``None``: none is.
    :param public: send the header in production too.
    """

    def __init__(self, *, slow: float | None = None, public: bool = False) -> None:
        self.slow = slow
        self.public = public

    def init_app(self, app: Any) -> None:
        """Attach this to ``app``, in the module that creates it."""
        if NAME in app.extensions:
            raise RuntimeError(f"{app!r} has {NAME} already; call init_app once for each app.")
        app.extensions[NAME] = self
        app.before_request(self.start)
        app.after_request(self.finish)

    def start(self, request: Any) -> None:
        request.state.server_timing = {}
        request.state.server_timing_start = time.perf_counter()

    def finish(self, request: Any, response: Any) -> None:
        start = getattr(request.state, "server_timing_start", None)
        if start is None:  # no URL matched, so nothing was measured
            return
        total = time.perf_counter() - start
        if self.slow is not None and total > self.slow:
            logger.warning("%s %s took %.3f s", request.method, request.path, total)
        if self.public or request.app.config.debug:
            durations = {**request.state.server_timing, "total": total}
            for name, seconds in durations.items():
                response.headers.add("Server-Timing", f"{name};dur={seconds * 1000:.1f}")


@contextmanager
def measure(request: Any, name: str) -> Iterator[None]:
    """Add the time of a block to what is told as ``name``."""
    if not TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} cannot be sent: use letters, digits, '-' and '_'.")
    start = time.perf_counter()
    try:
        yield
    finally:
        durations = getattr(request.state, "server_timing", None)
        if durations is not None:
            durations[name] = durations.get(name, 0.0) + time.perf_counter() - start
