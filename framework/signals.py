"""Signals for those who watch an app from outside (blinker); without receivers nothing is sent.

The sender is always the app. Receivers get ``request`` and what the comment on a signal names.
"""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

request_started = _signals.signal("request-started")
"""Sent before the URL is matched."""

request_finished = _signals.signal("request-finished")
"""Sent with ``response`` when it is complete, before its first byte leaves."""

request_exception = _signals.signal("request-exception")
"""Sent with ``error`` for an exception that no error handler took."""

template_rendered = _signals.signal("template-rendered")
"""Sent with ``template`` (the name) and ``context`` after each rendering."""
