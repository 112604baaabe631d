"""Updates: functions that are applied to what is stored, again if another request was faster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .fields import decode_field, encode_field

if TYPE_CHECKING:
    from collections.abc import Callable

    from .fields import Codec

Stored = tuple[bytes, bytes] | None
"""A field and its bytes, if the key is there."""


class Step(NamedTuple):
    """One function, and what it is given where the key is missing."""

    function: Callable[[Any], Any]
    default: bytes | None = None


class Update:
    """Everything ``update_atomic`` was given for one key, and what it came to.

    :param stored: what the first function was applied to.
    """

    def __init__(self, codec: Codec, key: str, stored: Stored) -> None:
        self._codec = codec
        self._key = key
        self._steps: list[Step] = []
        self.stored = stored
        self.result = stored

    def add(self, function: Callable[[Any], Any], default: object = None) -> Any:
        """Apply one more function, and return its result as a copy of the caller's own."""
        # Encoded, for a default that the function changes in place has to be new each time.
        encoded = None if default is None else self._codec.encode(self._key, default)
        step = Step(function, encoded)
        self.result = self._apply(step, self.result)
        self._steps.append(step)
        return decode_field(self._codec, *self.result)

    def apply_to(self, stored: Stored) -> None:
        """Begin again with what is stored now."""
        result = stored
        for step in self._steps:
            result = self._apply(step, result)
        self.stored, self.result = stored, result

    def holds(self, field: bytes) -> bytes | None:
        """Return what will be stored in ``field``."""
        return self.result[1] if self.result is not None and self.result[0] == field else None

    def _apply(self, step: Step, stored: Stored) -> tuple[bytes, bytes]:
        if stored is not None:
            value = decode_field(self._codec, *stored)
        else:
            value = None if step.default is None else self._codec.decode(step.default)
        value = step.function(value)
        if value is None:
            raise TypeError(
                f"The function given to session.update_atomic({self._key!r}, …) returned None. "
                "It has to return the new value, also when it changed the old one in place."
            )
        return encode_field(self._codec, self._key, value)
