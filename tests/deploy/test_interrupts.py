import signal

import pytest

from deploy.interrupts import ended_like_interrupted


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP])
def test_an_end_is_an_interrupt_and_signals_are_as_before_afterwards(sig: signal.Signals) -> None:
    before = signal.getsignal(sig)
    with pytest.raises(KeyboardInterrupt), ended_like_interrupted():
        signal.raise_signal(sig)
    assert signal.getsignal(sig) is before


def test_a_terminal_that_ends_is_ignored_under_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_like_interrupted():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
