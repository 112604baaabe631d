from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from framework.testing import TestClient, make_request

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = Path(__file__).parents[2] / "examples" / "subclassing"


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.setenv("SECRET_KEY", "only for these tests")
    yield importlib.import_module("library").app
    for name in [name for name in sys.modules if name.partition(".")[0] == "library"]:
        del sys.modules[name]


def test_request_knows_its_page(app: Any) -> None:
    def books(query: str) -> Any:
        return TestClient(app).get(f"/books{query}").json

    assert books("") == {"page": 1, "books": ["Middlemarch", "Emma"]}
    assert books("?page=2&size=3") == {"page": 2, "books": ["Solaris", "Beloved"]}
    assert books("?page=9") == {"page": 9, "books": []}
    request: Any = make_request(app, "/books?page=3")
    assert request.page.number == 3


@pytest.mark.parametrize("query", ["page=0", "page=x", "page=²", "size=101", "page=" + "9" * 5000])
def test_page_that_cannot_be_is_400(app: Any, query: str) -> None:
    answer = TestClient(app).get(f"/books?{query}")
    assert answer.status_code == 400
    assert "is not a whole number from 1 to" in answer.text


@pytest.mark.parametrize(
    ("path", "method", "code"),
    [("/books/6", "GET", 404), ("/nowhere", "GET", 404), ("/books", "POST", 405)],
)
def test_error_is_json_whatever_the_client_accepts(
    app: Any, path: str, method: str, code: int
) -> None:
    answer = TestClient(app).open(path, method=method, headers={"Accept": "text/html"})
    assert answer.status_code == code
    assert answer.mimetype == "application/problem+json"
    assert f'"type":"https://library.example/errors/{code}"' in answer.text
    assert answer.headers.get("Allow") == ("GET, HEAD, OPTIONS" if code == 405 else None)


@pytest.mark.parametrize("path", ["/books", "/books/2", "/nowhere"])
def test_response_is_never_guessed_at(app: Any, path: str) -> None:
    assert TestClient(app).get(path).headers["X-Content-Type-Options"] == "nosniff"
