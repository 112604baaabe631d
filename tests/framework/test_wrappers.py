from __future__ import annotations

import gc
import io
import logging
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from framework import App, Request, Response, Rule
from framework.testing import TestClient, make_request

if TYPE_CHECKING:
    from conftest import MakeApp


def read(request):
    """Touch every way of reading a body."""
    if request.is_json:
        return {"json": request.get_json()}
    return {
        "form": request.form.to_dict(),
        "files": sorted(request.files),
        "data": len(request.data),
    }


def make_reader(make_app: MakeApp, **config: Any) -> TestClient:
    return TestClient(make_app(Rule("/", read, methods=["POST"]), **config))


def test_request_reads_forms_files_and_json(make_app: MakeApp) -> None:
    client = make_reader(make_app)
    assert client.post("/", json=[1]).json == {"json": [1]}
    answer = client.post("/", data={"a": "1", "f": (io.BytesIO(b"x"), "f.txt")})
    assert answer.json == {"form": {"a": "1"}, "files": ["f"], "data": 0}


@pytest.mark.parametrize(
    "body",
    [
        {"data": b"x" * 101},
        {"data": {"a": "x" * 101}},
        {"json": "x" * 101},
        {"data": {"f": (io.BytesIO(b"x" * 101), "f")}},
    ],
)
def test_body_over_the_limit_is_413(make_app: MakeApp, body: Any) -> None:
    assert make_reader(make_app, max_content_length=100).post("/", **body).status_code == 413


def test_form_field_and_part_limits_are_413(make_app: MakeApp) -> None:
    multipart = {"content_type": "multipart/form-data"}
    client = make_reader(make_app, max_form_memory_size=10)
    assert client.post("/", data={"a": "x" * 11}, **multipart).status_code == 413
    client = make_reader(make_app, max_form_parts=2)
    assert client.post("/", data={"a": "1", "b": "2"}, **multipart).status_code == 200
    assert client.post("/", data={"a": "1", "b": "2", "c": "3"}, **multipart).status_code == 413


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[" * 100_000, b""])
def test_malformed_json_is_400(make_app: MakeApp, data: bytes) -> None:
    answer = make_reader(make_app).post("/", data=data, content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"\xff=%zz&&==", "application/x-www-form-urlencoded"),
        (b"garbage", "multipart/form-data; boundary=b"),
        (b"garbage", "multipart/form-data"),
        (b"--b\r\n\r\n", "multipart/form-data; boundary=b"),
    ],
)
def test_malformed_form_is_never_a_500(make_app: MakeApp, data: bytes, content_type: str) -> None:
    answer = make_reader(make_app).post("/", data=data, content_type=content_type)
    assert answer.status_code in {200, 400}


def test_state_belongs_to_one_request(make_app: MakeApp) -> None:
    app = make_app()
    first, second = make_request(app), make_request(app)
    first.state.user = "ada"
    assert first.state.user == "ada"
    assert not hasattr(second.state, "user")


@pytest.mark.parametrize(
    ("target", "values", "status", "location"),
    [
        ("item", {"item_id": 3}, 303, "/items/3"),
        ("item", {"item_id": 3, "_code": 301, "_anchor": "x"}, 301, "/items/3#x"),
        ("/plain", {}, 303, "/plain"),
        ("https://example.org/ä", {"_code": 307}, 307, "https://example.org/%C3%A4"),
    ],
)
def test_redirect_leads_to_an_endpoint_or_a_url(
    make_app: MakeApp, target: str, values: Any, status: int, location: str
) -> None:
    app = make_app(
        Rule("/", lambda request: request.redirect(target, **values), endpoint="go"),
        Rule("/items/<int:item_id>", lambda request, item_id: "", endpoint="item"),
    )
    answer = TestClient(app).get("/")
    assert (answer.status_code, answer.headers["Location"]) == (status, location)


@pytest.mark.parametrize(
    ("target", "status", "location"),
    [
        ("http://[", 400, None),
        ("//a:99999999/", 400, None),
        ("/a\r\nX-Forged: 1", 303, "/aX-Forged:%201"),
    ],
)
def test_redirect_to_a_malformed_url_is_400_and_forges_no_header(
    make_app: MakeApp, target: str, status: int, location: str | None
) -> None:
    app = make_app(Rule("/", lambda request: request.redirect(target), endpoint="go"))
    answer = TestClient(app).get("/")
    assert (answer.status_code, answer.headers.get("Location")) == (status, location)
    assert "X-Forged" not in answer.headers


def test_request_and_response_classes_can_be_subclassed(make_app: MakeApp) -> None:
    class ShopRequest(Request):
        @property
        def visitor(self) -> str:
            return self.headers.get("X-Visitor", "nobody")

    class TextResponse(Response):
        default_mimetype = "text/plain"

    class ShopApp(App):
        request_class = ShopRequest
        response_class = TextResponse

    app = make_app(Rule("/", lambda request: request.visitor, endpoint="v"), app_class=ShopApp)
    answer = TestClient(app).get("/", headers={"X-Visitor": "ada"})
    assert (answer.text, answer.mimetype) == ("ada", "text/plain")


@pytest.mark.parametrize("path", ["/", "/fail", "/nowhere"])
def test_requests_do_not_wait_for_the_garbage_collector(make_app: MakeApp, path: str) -> None:
    references = []

    def view(request):
        request.url_for("view")
        return request.path

    def fail(request):
        raise ZeroDivisionError

    app = make_app(Rule("/", view), Rule("/fail", fail))
    app.after_request(lambda request, response: references.append(weakref.ref(request)))
    environ = make_request(app, path).environ
    app.start_worker()
    logging.disable(logging.ERROR)
    gc.disable()
    try:
        app({**environ}, lambda status, headers, exc_info=None: print)
        assert references[0]() is None
    finally:
        gc.enable()
        logging.disable(logging.NOTSET)
