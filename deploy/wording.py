"""How numbers are told to people."""


def counted(count: float, what: str) -> str:
    """Such as ``4 nodes``, ``1 worker`` or ``0.5 CPUs``; `what` is the plural, with its s."""
    number = f"{count:,}" if isinstance(count, int) else f"{count:g}"
    return f"{number} {what.removesuffix('s') if count == 1 else what}"


def times(count: int) -> str:
    """Such as ``once`` or ``3 times``."""
    return "once" if count == 1 else f"{count:,} times"
