"""JSON as the app reads and writes it."""

from __future__ import annotations

import dataclasses
import json
import sys
from datetime import date, time
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def prepared(encoder: json.JSONEncoder) -> Callable[[Any, int], Sequence[str]]:
    """Return what writes a value in parts: the encoder's part in C, made once and not each time.

    How that is made is not documented, so its result is looked at; at worst nothing is gained. The
    second argument of the result is the level of indentation, and without meaning here.
    """
    try:
        encode: Any = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
            *(None, encoder.default, json.encoder.encode_basestring_ascii, None),
            *(encoder.key_separator, encoder.item_separator),
            *(encoder.sort_keys, encoder.skipkeys, encoder.allow_nan),
        )
        if "".join(encode({"ä": [1, None]}, 0)) == encoder.encode({"ä": [1, None]}):
            return encode  # type: ignore[no-any-return]
    except (AttributeError, TypeError):
        pass
    return lambda value, _: [encoder.encode(value)]


class JSONProvider:
    """Encode and decode with the standard library.

    Beyond JSON's own types it writes dates and times in ISO 8601, ``Decimal`` and ``UUID`` as
    text, lazy texts as they read, dataclasses as objects, and markup as its HTML. NaN and infinity
    are not JSON: they raise ``ValueError`` both ways. What is not ASCII is escaped, for JSON can
    hold halves of characters, which no encoding can. Override :meth:`default` for further types, or
    replace both verbs: a provider on orjson is faster, but writes NaN as ``null``, refuses whole
    numbers beyond 64 bits and halves of characters, and does not escape what is not ASCII.
    """

    def __init__(self) -> None:
        self._encode = prepared(
            json.JSONEncoder(default=self.default, allow_nan=False, separators=(",", ":"))
        )
        self._decode = json.JSONDecoder(parse_constant=_refuse).decode

    def dumps(self, value: Any) -> str | bytes:
        """Return ``value`` as JSON, bytes in UTF-8; ``ValueError`` if it cannot be expressed."""
        try:
            return "".join(self._encode(value, 0))
        except RecursionError:
            raise ValueError(
                "The value refers to itself, or is nested too deeply to be written as JSON."
            ) from None

    def loads(self, text: str | bytes) -> Any:
        """Return the value in ``text``; ``ValueError`` if it is not JSON."""
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text), "surrogatepass")
        try:
            return self._decode(text)
        except RecursionError:
            raise ValueError("The JSON is nested too deeply.") from None

    def default(self, value: Any) -> Any:
        """Return what JSON can express in place of ``value``."""
        from decimal import Decimal  # takes a while to import, and most apps do without

        if isinstance(value, date | time):
            return value.isoformat()
        if isinstance(value, Decimal | UUID):
            return str(value)
        # Who has lazy texts has imported Babel; nobody else has to.
        babel = sys.modules.get("babel.support")
        if babel is not None and isinstance(value, babel.LazyProxy):
            return str(value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        if callable(as_html := getattr(value, "__html__", None)):
            return str(as_html())
        raise TypeError(
            f"A value of type {type(value).__name__} cannot be written as JSON. Convert it first,"
            " or override JSONProvider.default."
        )


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON.")
