from __future__ import annotations

from typing import Any

import pytest

from framework import Rule
from framework.exceptions import RoutingError


def view(request, **values):
    return {"endpoint": request.endpoint, **values}


def test_methods_as_text_are_refused() -> None:
    with pytest.raises(RoutingError, match=r"methods=\['POST'\]"):
        Rule("/", view, methods="POST")


@pytest.mark.parametrize("methods", [[], [b"GET"], ["GET", None], 3])
def test_methods_that_are_no_texts_are_refused(methods: Any) -> None:
    with pytest.raises(RoutingError, match=r"The methods of '/a' are .*\['GET', 'POST'\]"):
        Rule("/a", view, methods=methods)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs either a view or redirect_to=, and has neither"),
        ({"view": view, "redirect_to": "view"}, "and has both"),
        ({"view": view, "subdomain": "a", "host": "b.org"}, "both subdomain= and host="),
    ],
)
def test_rule_that_makes_no_sense_says_why(options: Any, message: str) -> None:
    with pytest.raises(RoutingError, match=f"The rule '/a' .*{message}"):
        Rule("/a", **options)
