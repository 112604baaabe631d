"""HTTP as a view's author and a careless client meet it: conditions, ranges, methods, limits."""

from __future__ import annotations

import io
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.utils import send_file

from framework import App, Blueprint, Mount, Rule
from framework.testing import TestClient

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeApp

CHANGED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def report(request):
    """A page with validators, made conditional as Werkzeug has it."""
    response = request.app.response_class("0123456789")
    response.last_modified = CHANGED
    response.add_etag()
    return response.make_conditional(request, accept_ranges=True, complete_length=10)


@pytest.fixture
def client(make_app: MakeApp, tmp_path: Path) -> TestClient:
    (tmp_path / "file.bin").write_bytes(bytes(range(100)))

    def file(request):
        return send_file(tmp_path / "file.bin", request.environ)

    def stream(request):
        yield "a"
        yield "b"

    return TestClient(
        make_app(
            Rule("/report", report),
            Rule("/file", file),
            Rule("/stream", stream),
            Rule("/both", lambda request: request.method, endpoint="both", methods=["GET", "PUT"]),
            Rule("/post", lambda request: "made", endpoint="post", methods=["POST"]),
            Rule("/none", lambda request: None, endpoint="none"),
            Rule("/go", lambda request: request.redirect("post"), endpoint="go"),
        )
    )


# Conditional requests and ranges


def test_etag_and_last_modified_give_304_without_a_body(client: TestClient) -> None:
    first = client.get("/report")
    assert first.text == "0123456789"
    etag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    for headers in (
        {"If-None-Match": etag},
        {"If-None-Match": f'"other", {etag}'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": modified},
        {"If-Modified-Since": "Sat, 03 Jan 2026 00:00:00 GMT"},
    ):
        answer = client.get("/report", headers=headers)
        assert (answer.status_code, answer.data) == (304, b""), headers
        assert answer.headers["ETag"] == etag
        assert "Content-Type" not in answer.headers
    for headers in (
        {"If-None-Match": '"other"'},
        {"If-Modified-Since": "Thu, 01 Jan 2026 00:00:00 GMT"},
        {"If-Modified-Since": "not a date"},
        # The tag is the stronger of the two.
        {"If-None-Match": '"other"', "If-Modified-Since": modified},
    ):
        assert client.get("/report", headers=headers).status_code == 200, headers


def test_failed_precondition_is_412(client: TestClient) -> None:
    answer = client.get("/report", headers={"If-Match": '"other"'})
    assert answer.status_code == 412


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=0-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=x", 416, None, "bytes */10"),
        ("lines=1-2", 416, None, "bytes */10"),
    ],
)
def test_range_of_a_response(
    client: TestClient, asked: str, status: int, body: bytes | None, content_range: str | None
) -> None:
    answer = client.get("/report", headers={"Range": asked})
    assert (answer.status_code, answer.headers.get("Content-Range")) == (status, content_range)
    if body is not None:
        assert answer.data == body
        assert answer.headers["Content-Length"] == str(len(body))


def test_if_range_with_an_old_tag_gives_the_whole(client: TestClient) -> None:
    headers = {"Range": "bytes=2-4", "If-Range": '"old"'}
    assert client.get("/report", headers=headers).status_code == 200
    headers["If-Range"] = client.get("/report").headers["ETag"]
    assert client.get("/report", headers=headers).status_code == 206


def test_file_has_validators(client: TestClient) -> None:
    first = client.get("/file")
    assert first.data == bytes(range(100))
    assert first.headers["Content-Length"] == "100"
    answer = client.get("/file", headers={"If-None-Match": first.headers["ETag"]})
    assert (answer.status_code, answer.data) == (304, b"")


# Methods


@pytest.mark.parametrize("path", ["/report", "/file", "/stream", "/none", "/go"])
def test_head_has_the_headers_of_get_and_no_body(client: TestClient, path: str) -> None:
    get, head = client.get(path), client.head(path)
    assert head.status_code == get.status_code
    assert head.data == b""
    assert dict(head.headers) == dict(get.headers)


def test_head_of_a_stream_ends_the_request(make_app: MakeApp) -> None:
    ends: list[str] = []

    def stream(request):
        try:
            yield "a"
        finally:
            ends.append("stream")

    app = make_app(Rule("/", stream))
    app.teardown_request(lambda request, error: ends.append("request"))
    assert TestClient(app).head("/").data == b""
    assert ends[-1:] == ["request"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/both", "GET, HEAD, OPTIONS, PUT"), ("/post", "OPTIONS, POST"), ("/report", None)],
)
def test_options_and_405_tell_the_same_methods(
    client: TestClient, path: str, allowed: str | None
) -> None:
    options, wrong = client.options(path), client.delete(path)
    assert (options.status_code, options.data) == (200, b"")
    assert wrong.status_code == 405
    assert options.headers["Allow"] == wrong.headers["Allow"] == allowed or "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("method", ["FOO", "get", "PATCH", "TRACE", "CONNECT"])
def test_method_nobody_knows_is_405(client: TestClient, method: str) -> None:
    answer = run_wsgi_app(client.app, {**environ(path="/both"), "REQUEST_METHOD": method})
    # WSGI servers pass the method on as it came; Werkzeug reads it in capitals.
    assert answer[1].split()[0] == ("200" if method == "get" else "405")


def environ(path: str = "/", **options: Any) -> dict[str, Any]:
    return EnvironBuilder(path, base_url="https://localhost", **options).get_environ()


# Limits and malformed requests: 413 or 400, and never 500


def read(request):
    return {
        "form": request.form.to_dict(),
        "files": {name: len(file.read()) for name, file in request.files.items()},
        "json": repr(request.get_json()) if request.is_json else None,
        "data": len(request.get_data()),
    }


def reader(make_app: MakeApp, **config: Any) -> App:
    return make_app(Rule("/", read, methods=["POST"]), **config)


def post(app: App, body: bytes, **changes: str | None) -> int:
    """Send a body with exactly these headers, as no client of good manners would."""
    built = environ(method="POST", input_stream=io.BytesIO(body))
    built["CONTENT_LENGTH"] = str(len(body))
    for name, value in changes.items():
        built.pop(name, None)
        if value is not None:
            built[name] = value
    _, status, _ = run_wsgi_app(app, built, buffered=True)
    return int(status.split()[0])


MULTIPART = "multipart/form-data; boundary=b"


def part(name: str, value: bytes, extra: str = "") -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'
    return head.encode() + value + b"\r\n"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/x-www-form-urlencoded", MULTIPART, "text/plain", None],
)
@pytest.mark.parametrize("size", [100, 101])
def test_body_over_the_limit_is_413_whatever_it_is(
    make_app: MakeApp, content_type: str | None, size: int
) -> None:
    app = reader(make_app, max_content_length=100)
    if content_type == MULTIPART:
        empty = len(part("a", b"") + b"--b--\r\n")
        body = part("a", b"x" * (size - empty)) + b"--b--\r\n"
    elif content_type == "application/json":
        body = b'"' + b"x" * (size - 2) + b'"'
    else:
        body = b"x" * size
    assert len(body) == size
    assert post(app, body, CONTENT_TYPE=content_type) == (200 if size == 100 else 413)


@pytest.mark.parametrize(
    ("limit", "fits", "too_much"),
    [
        ({"max_form_parts": 2}, part("a", b"1") * 2, part("a", b"1") * 3),
        ({"max_form_parts": 2}, part("a", b"1", '; filename="f"') * 2, part("a", b"1") * 3),
        (
            {"max_form_memory_size": 100_000},
            part("a", b"x" * 90_000) + part("b", b"x" * 300_000, '; filename="f"'),
            part("a", b"x" * 100_001),
        ),
    ],
)
def test_form_over_a_limit_is_413(
    make_app: MakeApp, limit: Any, fits: bytes, too_much: bytes
) -> None:
    app = reader(make_app, **limit)
    assert post(app, fits + b"--b--\r\n", CONTENT_TYPE=MULTIPART) == 200
    assert post(app, too_much + b"--b--\r\n", CONTENT_TYPE=MULTIPART) == 413


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("limit", "fits", "too_much"),
    [
        ({"max_form_parts": 2}, b"a=1&b=2", b"a=1&b=2&c=3"),
        ({"max_form_memory_size": 10}, b"a=1234567&b=1234567", b"a=1&b=123456789"),
    ],
)
def test_urlencoded_form_over_a_limit_is_413(
    make_app: MakeApp, limit: Any, fits: bytes, too_much: bytes, chunked: bool
) -> None:
    app = reader(make_app, **limit)
    options: dict[str, Any] = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}
    if chunked:
        options |= {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    assert post(app, fits, **options) == 200
    assert post(app, too_much, **options) == 413


@pytest.mark.parametrize("length", ["-1", "x", "1.5", "", "+5", " 5 ", "9" * 30, "²"])
def test_bad_content_length_is_never_a_500(make_app: MakeApp, length: str) -> None:
    for content_type in ("application/json", "text/plain", MULTIPART):
        status = post(
            reader(make_app), b'{"a":1}', CONTENT_LENGTH=length, CONTENT_TYPE=content_type
        )
        assert status in {200, 400, 411, 413}, (content_type, status)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"a": 1}'),
        ("application/x-www-form-urlencoded", b"a=1"),
        (MULTIPART, part("a", b"1") + b"--b--\r\n"),
        ("text/plain", b"text"),
    ],
)
def test_body_that_is_cut_off_is_400(make_app: MakeApp, content_type: str, body: bytes) -> None:
    status = post(
        reader(make_app), body, CONTENT_LENGTH=str(len(body) + 5), CONTENT_TYPE=content_type
    )
    assert status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"garbage",
        b"--b",
        b"--b\r\n",
        b"--b--",
        b"--b\r\n\r\n",
        part("a", b"1"),
        part("a", b"1")[:-2] + b"--b--",
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
        b"--b\r\nContent-Disposition: \xff\xfe; name=\x00\r\n\r\nx\r\n--b--\r\n",
        b"--b\r\nno colon\r\n\r\nx\r\n--b--\r\n",
        b"--b\r\n: empty\r\n\r\nx\r\n--b--\r\n",
        part('a"\r\nContent-Length: x\r\nX: "', b"x") + b"--b--\r\n",
        part("a", b"x", "; filename*=x''%ff") + b"--b--\r\n",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=no'
        b"\r\n\r\n\xff\r\n--b--\r\n",
        b"--b\r\n" + b"X: y\r\n" * 5000 + b"\r\nx\r\n--b--\r\n",
        b"--b\r\n" + b"X" * 100_000,
    ],
)
@pytest.mark.parametrize(
    "content_type", [MULTIPART, "multipart/form-data", "multipart/form-data; boundary="]
)
def test_malformed_multipart_is_never_a_500(
    make_app: MakeApp, content_type: str, body: bytes
) -> None:
    assert post(reader(make_app), body, CONTENT_TYPE=content_type) in {200, 400, 413}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"NaN", "application/json; charset=none"),
        (b"[" * 100_000, "application/json"),
        (b"1" * 5000, "application/json"),
        (b'"\\ud800"', "application/json"),
        (b"\xef\xbb\xbf{}", "application/json"),
    ],
)
def test_bad_json_is_never_a_500(make_app: MakeApp, body: bytes, content_type: str) -> None:
    assert post(reader(make_app), body, CONTENT_TYPE=content_type) in {200, 400}


@pytest.mark.parametrize(
    "changes",
    [
        {"HTTP_COOKIE": "a=\xff; =; ;;; \x00=1; session=x"},
        {"HTTP_ACCEPT": "*/*;q=x, text/html;q=,;,"},
        {"HTTP_IF_NONE_MATCH": 'W/"'},
        {"HTTP_IF_MODIFIED_SINCE": "yesterday"},
        {"HTTP_RANGE": "bytes=9-1,--"},
        {"HTTP_AUTHORIZATION": "Basic ===="},
        {"HTTP_AUTHORIZATION": "Basic \xff"},
        {"HTTP_HOST": "a b"},
        {"PATH_INFO": "/\xff\x00"},
        {"PATH_INFO": ""},
        {"QUERY_STRING": "%ff&=&&a=%zz"},
        {"QUERY_STRING": "\xff=\xe9"},
    ],
)
def test_odd_header_is_never_a_500(make_app: MakeApp, changes: dict[str, str]) -> None:
    def touch(request, path=""):
        request.session.get("a")
        return [
            request.cookies.to_dict(),
            str(request.accept_mimetypes),
            str(request.if_none_match),
            str(request.range),
            str(request.authorization),
            request.args.to_dict(),
            str(request.if_modified_since),
        ]

    app = make_app(Rule("/", touch), Rule("/<path:path>", touch))
    app.start_worker()
    _, status, _ = run_wsgi_app(app, {**environ(), **changes}, buffered=True)
    assert int(status.split()[0]) < 500


# Around the view


def test_flash_messages_travel_to_the_next_page_that_shows_them(make_app: MakeApp) -> None:
    def save(request):
        request.session.flash("Saved.", "good")
        return request.redirect("show")

    app = make_app(
        Rule("/save", save, methods=["POST"]),
        Rule("/", lambda request: request.render("show.html"), endpoint="show"),
        Rule("/other", lambda request: "nothing shown", endpoint="other"),
    )
    (app.folder / "templates").mkdir()
    (app.folder / "templates" / "show.html").write_text(
        "{% for f in session.pop_flashes() %}{{ f.category }}: {{ f.message }}{% endfor %}"
    )
    client = TestClient(app)
    assert client.post("/save").status_code == 303
    client.get("/other")
    assert [client.get("/").text for _ in range(2)] == ["good: Saved.", ""]


def test_error_handler_of_the_nearest_blueprint_wins(make_app: MakeApp) -> None:
    def fail(request):
        raise KeyError("x")

    inner = Blueprint("inner", prefix="/inner", rules=[Rule("/", fail)])
    outer = Blueprint("outer", prefix="/outer", rules=[inner, Rule("/", fail)])
    inner.add_error_handler(LookupError, lambda request, error: "inner by base class")
    outer.add_error_handler(KeyError, lambda request, error: "outer by class")
    app = make_app(outer, Rule("/", fail))
    app.add_error_handler(500, lambda request, error: ("app by code", 500))
    app.add_error_handler(404, lambda request, error: ("app by code", 404))
    client = TestClient(app)
    logging.disable(logging.ERROR)
    try:
        assert client.get("/outer/inner/").text == "inner by base class"
        assert client.get("/outer/").text == "outer by class"
        assert (client.get("/").text, client.get("/").status_code) == ("app by code", 500)
        assert client.get("/nowhere").text == "app by code"
    finally:
        logging.disable(logging.NOTSET)


def test_middleware_sees_every_answer_and_mounts_keep_their_place(make_app: MakeApp) -> None:
    def other(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{environ['SCRIPT_NAME']}|{environ['PATH_INFO']}".encode()]

    app = make_app(Rule("/", lambda request: "page", endpoint="v"), Mount("/old", other))
    inside, seen = app.wsgi_app, []

    def middleware(environ, start_response):
        seen.append(environ["PATH_INFO"])
        return inside(environ, start_response)

    app.wsgi_app = middleware
    client = TestClient(app)
    paths = ["/", "/old", "/old/a/b", "/nowhere", "/readyz"]
    texts = [client.get(path).text for path in paths]
    assert seen == paths
    assert texts[:3] == ["page", "/old|", "/old|/a/b"]
    assert isinstance(client.application, App)
