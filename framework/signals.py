"""Signals for those who watch an app from outside (blinker); without receivers nothing is sent.

The sender is always the app. Receivers get ``request`` and what the comment on a signal names. What
one of ``request_started`` or ``template_rendered`` raises is an exception of the request; of the
others it is logged, and the answer goes out as it is.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from blinker import Namespace

if TYPE_CHECKING:
    from blinker import NamedSignal

    from .app import App

logger = logging.getLogger(__name__)

_signals = Namespace()

request_started = _signals.signal("request-started")
"""Sent before the URL is matched."""

request_finished = _signals.signal("request-finished")
"""Sent with ``response`` when it is complete, before its first byte leaves."""

request_exception = _signals.signal("request-exception")
"""Sent with ``error`` for an exception that no error handler took."""

template_rendered = _signals.signal("template-rendered")
"""Sent with ``template`` (the name) and ``context`` after each rendering."""


def tell(signal: NamedSignal, app: App, **values: Any) -> None:
    """Send a signal about what can no longer be changed: an exception in a receiver is logged."""
    try:
        signal.send(app, **values)
    except Exception:
        logger.exception("A receiver of the signal %r failed", signal.name)
