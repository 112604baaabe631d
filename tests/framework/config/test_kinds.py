from __future__ import annotations

from typing import Any

import pytest

from framework.config.kinds import kind_of


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (float, 3, "3.0"),
        (int, 3, "3"),
        (bool, True, "True"),
        (str, "a", "'a'"),
        (tuple[str, ...], ["a"], "('a',)"),
        (int | None, None, "None"),
    ],
)
def test_value_becomes_the_declared_type(annotation: Any, value: object, expected: str) -> None:
    assert repr(kind_of("size", annotation).from_object(value)) == expected


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (float, True),
        (float, float("nan")),
        (float, "3"),
        (int, 3.0),
        (int, False),
        (bool, 1),
        (str, b"a"),
        (tuple[str, ...], "a"),
        (tuple[str, ...], [1]),
        (int, None),
    ],
)
def test_value_of_another_type_is_refused(annotation: Any, value: object) -> None:
    with pytest.raises(ValueError, match=" is not "):
        kind_of("size", annotation).from_object(value)
