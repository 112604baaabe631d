"""What a subclass does in another way than the class it comes from."""

from __future__ import annotations


def overridden(cls: type, base: type, *others: type) -> set[str]:
    """Return the names of ``base`` or ``others`` that ``cls`` or a class above it defines anew."""
    above = set(base.__mro__)
    names = {name for parent in cls.__mro__ if parent not in above for name in vars(parent)}
    # The names that every class statement defines say nothing.
    usual = set(vars(_Nothing)) | {"__annotations__", "__parameters__", "__firstlineno__"}
    return {
        name for name in names - usual if any(hasattr(known, name) for known in (base, *others))
    }


class _Nothing:
    """A class with what every class has."""
