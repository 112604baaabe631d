from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from framework import Rule
from framework.exceptions import ImportPathError
from framework.routing.rules import Endpoint
from framework.testing import TestClient
from framework.views import ViewLoader

if TYPE_CHECKING:
    from conftest import MakeApp, WritePackage


def test_view_is_imported_by_the_first_request_in_debug_mode_and_kept(
    make_app: MakeApp, write_package: WritePackage
) -> None:
    name = write_package({"views.py": "def show(request):\n    return 'shown'\n"})
    app = make_app(Rule("/", f"{name}.views:show"), debug=True)
    app.start_worker()
    assert f"{name}.views" not in sys.modules
    assert TestClient(app).get("/").text == "shown"
    del sys.modules[f"{name}.views"]
    assert TestClient(app).get("/").text == "shown"
    assert f"{name}.views" not in sys.modules


def test_view_is_imported_at_start_in_production(
    make_app: MakeApp, write_package: WritePackage
) -> None:
    name = write_package({"views.py": "def show(request):\n    return 'shown'\n"})
    make_app(Rule("/", f"{name}.views:show")).start_worker()
    assert f"{name}.views" in sys.modules


def test_missing_view_names_the_endpoint_and_the_import_path(write_package: WritePackage) -> None:
    name = write_package({"views.py": "def show(request): ...\n"})
    with pytest.raises(ImportPathError, match=rf"endpoint 'cart\.show'.*'{name}\.views:shwo'"):
        ViewLoader().load(Endpoint("cart.show", f"{name}.views:shwo"))


def test_view_that_cannot_be_called_is_refused(write_package: WritePackage) -> None:
    name = write_package({"views.py": "show = 3\n"})
    with pytest.raises(ImportPathError, match=r"The view of endpoint 'show' is 3 \(import path"):
        ViewLoader().load(Endpoint("show", f"{name}.views:show"))


def test_view_that_is_given_and_cannot_be_called_has_no_import_path() -> None:
    target: Any = 3
    with pytest.raises(ImportPathError, match=r"'show' is 3, which cannot be called. A view is a"):
        ViewLoader().load(Endpoint("show", target))


def test_typo_inside_a_view_module_is_raised_as_itself(
    make_app: MakeApp, write_package: WritePackage
) -> None:
    name = write_package({"views.py": "import jsno\ndef show(request): ...\n"})
    with pytest.raises(ModuleNotFoundError, match="No module named 'jsno'"):
        make_app(Rule("/", f"{name}.views:show")).start_worker()


async def asynchronous(request):
    return ""


def test_view_that_is_an_async_def_is_refused_before_the_first_request(make_app: MakeApp) -> None:
    view: Any = asynchronous
    with pytest.raises(ImportPathError, match="endpoint 'asynchronous' is an 'async def'"):
        make_app(Rule("/", view)).start_worker()
