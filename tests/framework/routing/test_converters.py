from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from werkzeug.routing import BaseConverter

from framework import Blueprint, Rule
from framework.exceptions import RoutingError

if TYPE_CHECKING:
    from conftest import MakeApp


def view(request, **values):
    return values


def test_unknown_converter_is_suggested_and_the_known_ones_are_named(make_app: MakeApp) -> None:
    with pytest.raises(RoutingError) as caught:
        _ = make_app(Rule("/<itn:x>", view)).url_map
    assert str(caught.value) == (
        "The rule '/<itn:x>' (endpoint 'view') cannot be used: there is no converter 'itn' for 'x'."
        " Did you mean 'int'? Known are any, default, float, int, path, string, uuid; add others as"
        " App.url_converters or Blueprint(converters=...)."
    )


def test_converter_with_a_broken_pattern_is_refused_at_once(make_app: MakeApp) -> None:
    class Broken(BaseConverter):
        regex = "[a-z"

    broken = Blueprint("b", converters={"broken": Broken}, rules=[Rule("/<broken:x>", view)])
    with pytest.raises(RoutingError, match=r"the regex '\[a-z' of Broken is broken: unterminated"):
        _ = make_app(broken).url_map
