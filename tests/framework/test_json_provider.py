from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from markupsafe import Markup

from framework.json_provider import JSONProvider


@dataclass
class Item:
    name: str
    price: Decimal


class Widget:
    def __html__(self) -> str:
        return "<b>"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, None, "ä"]}, r'{"a":[1,null,"\u00e4"]}'),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), '"2026-01-02T03:00:00+00:00"'),
        (date(2026, 1, 2), '"2026-01-02"'),
        (time(3, 4), '"03:04:00"'),
        (Decimal("1.50"), '"1.50"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Item("pen", Decimal("2")), '{"name":"pen","price":"2"}'),
        (Widget(), '"<b>"'),
        (Markup("<i>"), '"<i>"'),
    ],
)
def test_values_are_written_as_json(value: object, text: str) -> None:
    assert JSONProvider().dumps(value) == text


@pytest.mark.parametrize("value", [object(), Item, {1, 2}])
def test_other_values_are_refused_with_advice(value: object) -> None:
    with pytest.raises(TypeError, match=r"cannot be written as JSON. Convert it first"):
        JSONProvider().dumps(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_json_is_not_written(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        JSONProvider().dumps(value)


def test_value_that_contains_itself_is_not_written_and_the_next_one_is() -> None:
    provider = JSONProvider()
    value: list[object] = []
    value.append({"again": value})
    for _ in range(2):
        with pytest.raises(ValueError, match="refers to itself, or is nested too deeply"):
            provider.dumps(value)
    assert provider.dumps([[], []]) == "[[],[]]"


def test_error_in_between_leaves_nothing_behind() -> None:
    provider = JSONProvider()
    value = [object()]
    for _ in range(2):
        with pytest.raises(TypeError, match="cannot be written as JSON"):
            provider.dumps(value)


make_encoder: Any = json.encoder.c_make_encoder  # type: ignore[attr-defined]


def refusing(markers: object, *rest: Any) -> Any:
    if markers is None:
        raise TypeError("takes other arguments now")
    return make_encoder(markers, *rest)


def differing(markers: object, *rest: Any) -> Any:
    return (lambda *args: ("other",)) if markers is None else make_encoder(markers, *rest)


@pytest.mark.parametrize("made", [None, refusing, differing])
def test_encoder_that_has_changed_inside_is_used_as_documented(
    monkeypatch: pytest.MonkeyPatch, made: object
) -> None:
    monkeypatch.setattr(json.encoder, "c_make_encoder", made)
    provider = JSONProvider()
    assert provider.dumps({"a": [date(2026, 1, 2), "ä"]}) == r'{"a":["2026-01-02","\u00e4"]}'
    with pytest.raises(ValueError, match="JSON"):
        provider.dumps(float("nan"))


@pytest.mark.parametrize("value", ["text", 1, None, True, 1.5, 10**30, [], {1: {None: 2}}, (1,)])
def test_text_is_that_of_the_standard_library(value: object) -> None:
    expected = json.dumps(value, separators=(",", ":"))
    assert JSONProvider().dumps(value) == expected


def test_text_is_read_and_what_is_not_json_is_a_value_error() -> None:
    provider = JSONProvider()
    assert provider.loads(b'{"a":1}') == {"a": 1}
    for text in ("{", b"\xff", "[" * 100_000, "9" * 5000):
        with pytest.raises(ValueError, match=r".+"):
            provider.loads(text)


def test_default_can_be_extended() -> None:
    class Provider(JSONProvider):
        def default(self, value):
            return sorted(value) if isinstance(value, set) else super().default(value)

    assert Provider().dumps([{2, 1}, date(2026, 1, 2)]) == '[[1,2],"2026-01-02"]'


@pytest.mark.parametrize("text", ['{"a": NaN}', "[Infinity]", b"-Infinity"])
def test_what_is_no_number_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="is not JSON"):
        JSONProvider().loads(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-le"])
def test_bytes_are_decoded_by_their_first_characters(encoding: str) -> None:
    assert JSONProvider().loads('{"ä": "€"}'.encode(encoding)) == {"ä": "€"}


def test_half_a_character_survives() -> None:
    provider = JSONProvider()
    assert provider.loads(provider.dumps(provider.loads(r'"\ud800"'))) == "\ud800"
