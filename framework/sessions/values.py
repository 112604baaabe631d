"""SessionValues: the values of a session, and what a request read and wrote of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from .changes import COUNTER, MAX_COUNTER, VALUE, Changes
from .exceptions import SessionUnavailable
from .fields import Codec, both_forms, decode, decode_field, encode_field, is_immutable
from .updates import Stored, Update


class SessionValues(MutableMapping[str, Any]):
    """A mapping from str to values, each stored for itself and decoded when it is looked at.

    What the request read and what it wrote is kept apart, so that requests which write different
    keys never meet: a key that was read and then written (a change inside a list or dict included)
    is saved only if nobody changed it in between, a key that was written without looking is
    overwritten; ``incr`` and ``update_atomic`` build upon whatever is there when it is saved.
    """

    accessed = False
    unavailable = False
    """The store cannot be asked, and the app serves such visitors as anonymous: the session is
    empty, and to write to it is a 503. Only with the setting ``session_anonymous_fallback``."""

    def __init__(self, codec: Codec, fields: Mapping[bytes, bytes]) -> None:
        self._codec = codec
        self._start_from(fields)

    def _start_from(self, fields: Mapping[bytes, bytes]) -> None:
        self._fields = fields
        self._values: dict[str, Any] = {}
        self._read: set[str] = set()
        self._written: set[str] = set()
        self._removed: set[str] = set()
        self._increments: dict[str, int] = {}
        self._updates: dict[str, Update] = {}

    def _start_write(self) -> None:
        self.accessed = True
        if self.unavailable:
            raise SessionUnavailable("the session is read-only while its store cannot be reached")

    def __getitem__(self, key: str) -> Any:
        self._note_read(key)
        if key in self._values:
            return self._values[key]
        seen = None if key in self._removed else self._seen(key)
        if seen is None:
            raise KeyError(key)
        value = self._values[key] = decode_field(self._codec, *seen)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        self._start_write()
        if not isinstance(key, str):
            raise TypeError(f"session keys are str, not {key!r}")
        # Encoded again when saved, for it may change until then; here so that a value which
        # cannot be stored fails in the line that sets it.
        self._encode(key, value)
        self._values[key] = value
        self._written.add(key)
        self._removed.discard(key)
        self._increments.pop(key, None)
        self._updates.pop(key, None)

    def __delitem__(self, key: str) -> None:
        self._start_write()
        seen = self._seen(key) is not None
        if key not in self._values and (not seen or key in self._removed):
            raise KeyError(key)
        self._values.pop(key, None)
        self._written.discard(key)
        self._increments.pop(key, None)
        self._updates.pop(key, None)
        if self._stored(key) is not None:
            self._removed.add(key)

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        self._note_read(key)
        return key in self._values or (key not in self._removed and self._seen(key) is not None)

    def __iter__(self) -> Iterator[str]:
        self.accessed = True
        stored = [
            decode(lambda field: field[1:].decode(), field)
            for field in self._fields
            if field.startswith((VALUE, COUNTER))
        ]
        known = dict.fromkeys([*stored, *self._values, *self._updates])
        return iter([key for key in known if key not in self._removed])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def clear(self) -> None:
        """Remove every key this request can see, without looking at the values."""
        self._start_write()
        for key in list(self):
            del self[key]

    # What never conflicts

    def incr(self, key: str, by: int = 1) -> int:
        """Add to a whole number (0 if missing), exactly, whatever other requests add meanwhile.

        :returns: the number as this request sees it; others may have added in between.
        :raises TypeError: the key holds something else.
        """
        self._start_write()
        if type(by) is not int:
            raise TypeError(f"session.incr({key!r}) adds whole numbers, not {by!r}")
        value = self._number(key) + by
        if key in self._written or key in self._removed:
            self[key] = value
            return value
        if abs(value) > MAX_COUNTER:
            raise OverflowError(f"session.incr({key!r}) would pass ±2**53")
        if key in self._updates:
            self.update_atomic(key, lambda number: number + by, default=0)
            return value
        self._increments[key] = self._increments.get(key, 0) + by
        self._values[key] = value
        return value

    def update_atomic(
        self, key: str, function: Callable[[Any], Any], *, default: object = None
    ) -> Any:
        """Set ``key`` to ``function(value)``, where ``value`` is what is stored when it is saved.

        The function is called now, with what this request has loaded, and once more for each
        request that changed the key in between and was saved first. So it must do nothing but
        return the new value; an exception from it saves nothing. A missing key is given as
        ``default``. All of this request's other changes are saved in the same step.

        A key that this request has set, removed or changed in place already is updated on top of
        that, and is saved as any key that was set.

        :returns: the result as this request sees it; the stored one may differ.
        """
        self._start_write()
        if self._has_own_state(key):
            own = self._encode(key, self._values[key]) if key in self._values else None
            update = Update(self._codec, key, own)
            self[key] = value = update.add(function, default)
            return value
        update = self._updates.get(key) or self._new_update(key)
        value = update.add(function, default)
        self._updates[key] = update
        self._increments.pop(key, None)
        self._values.pop(key, None)
        return value

    def _new_update(self, key: str) -> Update:
        update = Update(self._codec, key, self._stored(key))
        if by := self._increments.get(key, 0):
            update.add(lambda number: number + by, default=0)
        return update

    def can_repeat(self, key: str | None) -> bool:
        """Whether a conflict about ``key`` is one that ``repeat_on`` settles."""
        return key in self._updates and not self._has_own_state(key)

    def repeat_on(self, fields: Mapping[bytes, bytes]) -> None:
        """Apply the functions of ``update_atomic`` to what is stored now."""
        for key, update in self._updates.items():
            if not self._has_own_state(key):
                self._values.pop(key, None)
                update.apply_to(self._stored(key, fields))

    # What has to be saved

    def changes(self) -> Changes:
        """What has to be written, with the bytes that have to be unchanged for it.

        :raises TypeError: a value was changed into something that cannot be stored.
        """
        sets: dict[bytes, bytes] = {}
        touched = set(self._removed)
        for key, value in self._values.items():
            if key not in self._written and (key in self._increments or is_immutable(value)):
                continue
            field, data = self._encode(key, value)
            update = self._updates.get(key)
            if (self._fields.get(field) if update is None else update.holds(field)) != data:
                sets[field] = data
                touched.add(key)
        guards = self._guards(touched & self._read)
        for key, update in self._updates.items():
            if key not in touched and update.result != update.stored and update.result is not None:
                guards.update(_guard(key, update.stored))
                sets.update([update.result])
        return Changes(
            guards=guards,
            sets=sets,
            deletes=tuple(field for key in sorted(self._removed) for field in both_forms(key)),
            increments={COUNTER + key.encode(): by for key, by in self._increments.items() if by},
        )

    def _guards(self, keys: set[str]) -> dict[bytes, bytes]:
        guards: dict[bytes, bytes] = {}
        for key in keys:
            guards.update(_guard(key, self._stored(key)))
        return guards

    def _has_own_state(self, key: str) -> bool:
        """Whether this request has set, removed or changed the key in place."""
        if key in self._written or key in self._removed:
            return True
        if key not in self._values or key in self._increments or is_immutable(self._values[key]):
            return False
        return self._encode(key, self._values[key]) != self._seen(key)

    def _note_read(self, key: str) -> None:
        self.accessed = True
        # What this request has set or removed itself tells it nothing about the stored session.
        if key not in self._written and key not in self._removed:
            self._read.add(key)

    def _number(self, key: str) -> int:
        """The whole number that ``key`` holds now, without counting as having been read."""
        value: Any = 0
        if key in self._values:
            value = self._values[key]
        elif key not in self._removed and (seen := self._seen(key)):
            value = decode_field(self._codec, *seen)
        if type(value) is not int or abs(value) > MAX_COUNTER:
            raise TypeError(f"session[{key!r}] is {value!r} and cannot be counted up")
        return value

    def _stored(self, key: str, fields: Mapping[bytes, bytes] | None = None) -> Stored:
        fields = self._fields if fields is None else fields
        for field in both_forms(key):
            data = fields.get(field)
            if data is not None:
                return field, data
        return None

    def _seen(self, key: str) -> Stored:
        """What is stored, or will be by an update."""
        return self._updates[key].result if key in self._updates else self._stored(key)

    def _encode(self, key: str, value: object) -> tuple[bytes, bytes]:
        return encode_field(self._codec, key, value)


def _guard(key: str, stored: Stored) -> dict[bytes, bytes]:
    """What has to be unchanged for a write that depends on ``key``."""
    return dict([stored]) if stored else dict.fromkeys(both_forms(key), b"")
