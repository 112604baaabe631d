"""The end of the terminal or of the service, treated as Ctrl-C: all leave by one clean-up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

ENDS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended_like_interrupted() -> Iterator[None]:
    """KeyboardInterrupt on SIGTERM and SIGHUP; a signal that is ignored, as by nohup, stays so."""
    changed = [sig for sig in ENDS if signal.getsignal(sig) is signal.SIG_DFL]
    for sig in changed:
        signal.signal(sig, signal.default_int_handler)
    try:
        yield
    finally:
        for sig in changed:
            signal.signal(sig, signal.SIG_DFL)
