from __future__ import annotations

from typing import Any

import pytest

from framework import Blueprint, Rule
from framework.exceptions import RoutingError


def view(request):
    return ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": ""}, "cannot be called ''"),
        ({"name": "a.b"}, "cannot be called 'a.b'"),
        ({"name": "a", "prefix": "a"}, "The prefix 'a' of blueprint 'a' must start with a slash"),
        ({"name": "a", "prefix": "/a/"}, "not end with one"),
        ({"name": "a", "urls": "a.urls", "rules": [Rule("/", view)]}, "both urls= and rules="),
        ({"name": "a", "subdomain": "a", "host": "b.org"}, "both subdomain= and host="),
    ],
)
def test_blueprint_that_makes_no_sense_says_why(arguments: Any, message: str) -> None:
    with pytest.raises(RoutingError, match=message):
        Blueprint(**arguments)


def test_blueprint_is_called_by_its_name() -> None:
    assert repr(Blueprint("cart")) == "<Blueprint 'cart'>"
