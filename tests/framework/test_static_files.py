from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from framework import Blueprint
from framework.static_files import StaticFile, StaticFiles
from framework.testing import TestClient, make_request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import MakeApp

    from framework import App


@pytest.fixture
def app(make_app: MakeApp, tmp_path: Path) -> App:
    folder = tmp_path / "static"
    (folder / "css").mkdir(parents=True)
    (folder / "css" / "shop.css").write_text("body { color: red }")
    (folder / ".git").mkdir()
    for hidden in (".env", ".git/config", "back\\slash.txt"):
        (folder / hidden).write_text("secret")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "linked").symlink_to(tmp_path)
    return make_app()


def test_url_names_the_content_and_is_cached_for_good(app: App) -> None:
    url = make_request(app).url_for("static", filename="css/shop.css")
    assert re.fullmatch(r"/static/css/shop\.[0-9a-f]{16}\.css", url)
    answer = TestClient(app).get(url)
    assert (answer.text, answer.mimetype) == ("body { color: red }", "text/css")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["shop.css", "shop.0123456789abcdef.css"])
def test_url_that_does_not_name_the_content_is_asked_for_again(app: App, name: str) -> None:
    answer = TestClient(app).get(f"/static/css/{name}")
    assert (answer.status_code, answer.text) == (200, "body { color: red }")
    assert answer.headers["Cache-Control"] == "no-cache"


def test_changed_file_gets_another_url_and_etag(app: App, tmp_path: Path) -> None:
    file = tmp_path / "static" / "css" / "shop.css"
    before = app.url_for("static", filename="css/shop.css")
    assert app.url_for("static", filename="css/shop.css") == before
    file.write_text("body { color: blue }")
    os.utime(file, ns=(1, 1))
    after = app.url_for("static", filename="css/shop.css")
    assert before != after
    assert TestClient(app).get(before).headers["Cache-Control"] == "no-cache"
    assert TestClient(app).get(after).get_etag() == (after.split(".")[1], False)


def test_same_content_has_the_same_etag_whenever_it_was_written(app: App, tmp_path: Path) -> None:
    first = TestClient(app).get("/static/css/shop.css").get_etag()
    os.utime(tmp_path / "static" / "css" / "shop.css", ns=(1, 1))
    assert TestClient(app).get("/static/css/shop.css").get_etag() == first


def test_conditional_and_range_requests(app: App) -> None:
    client = TestClient(app)
    etag = client.get("/static/css/shop.css").headers["ETag"]
    unchanged = client.get("/static/css/shop.css", headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    part = client.get("/static/css/shop.css", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.text) == (206, "body")
    assert part.headers["Content-Range"] == "bytes 0-3/19"
    assert client.get("/static/css/shop.css", headers={"Range": "bytes=99-"}).status_code == 416
    head = client.head("/static/css/shop.css")
    assert (head.data, head.headers["Content-Length"]) == (b"", "19")


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "css/../../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "/etc/passwd",
        "css",
        "css/",
        "nothing.css",
        "css/shop.css%00.png",
        "css//shop.css",
        "css\\shop.css",
        "..%5csecret.txt",
        "css/%ed%a0%80.css",
        "back%5cslash.txt",
        ".env",
        ".git/config",
        "link.txt",
        "linked/secret.txt",
        "css/shop.0123456789abcdef.js",
        "nothing.0123456789abcdef.css",
        "a" * 5000,
    ],
)
def test_what_is_not_a_file_in_the_folder_is_404(app: App, path: str) -> None:
    answer = TestClient(app).get(f"/static/{path}", follow_redirects=True)
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_missing_file_is_reported_once_and_its_url_has_no_hash(
    app: App, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        assert app.url_for("static", filename="css/shp.css") == "/static/css/shp.css"
    (message,) = caplog.messages
    assert f"no static file 'css/shp.css' in {tmp_path / 'static'}." in message
    assert "Did you mean 'css/shop.css'?" in message


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("LICENSE", r"LICENSE\.HASH"),
        ("v1.2/LICENSE", r"v1\.2/LICENSE\.HASH"),
        ("a.tar.gz", r"a\.tar\.HASH\.gz"),
        ("a.0123456789abcdef.js", r"a\.0123456789abcdef\.HASH\.js"),
        (".well-known/security.txt", r"\.well-known/security\.HASH\.txt"),
    ],
)
def test_every_file_has_a_name_with_its_hash(
    app: App, tmp_path: Path, name: str, pattern: str
) -> None:
    file = tmp_path / "static" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("content")
    url = app.url_for("static", filename=name)
    assert re.fullmatch("/static/" + pattern.replace("HASH", "[0-9a-f]{16}"), url)
    answer = TestClient(app).get(url)
    assert (answer.text, "immutable" in answer.headers["Cache-Control"]) == ("content", True)
    assert TestClient(app).get(f"/static/{name}").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.CSS", "text/css; charset=utf-8"),
        ("a.png", "image/png"),
        ("a.woff2", "font/woff2"),
        ("a.webmanifest", "application/manifest+json"),
        ("a.tar.gz", "application/gzip"),
        ("a.br", "application/octet-stream"),
        ("a.unknown", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_type_comes_from_the_name(app: App, tmp_path: Path, name: str, content_type: str) -> None:
    (tmp_path / "static" / name).write_text("content")
    answer = TestClient(app).get(f"/static/{name}")
    assert answer.headers["Content-Type"] == content_type
    assert "Content-Encoding" not in answer.headers


@pytest.fixture
def compressed(app: App, tmp_path: Path) -> App:
    """Variants whose text says what they are; the smallest is Zstandard's, then Brotli's."""
    for ending, text in ((".br", "br....."), (".zst", "zstd"), (".gz", "gzip....")):
        (tmp_path / "static" / "css" / f"shop.css{ending}").write_text(text)
    return app


@pytest.mark.parametrize(
    ("accept", "encoding"),
    [
        (None, None),
        ("", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, br", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("br;q=0, gzip;q=0.1", "gzip"),
        ("gzip;q=0.5, identity", None),
        ("identity;q=0.5, gzip", "gzip"),
        ("*", "zstd"),
        ("*;q=0", None),
        ("identity;q=0", None),
        ("deflate", None),
    ],
)
def test_variant_is_the_one_the_client_likes_best(
    compressed: App, accept: str | None, encoding: str | None
) -> None:
    headers = {} if accept is None else {"Accept-Encoding": accept}
    answer = TestClient(compressed).get("/static/css/shop.css", headers=headers)
    assert answer.headers.get("Content-Encoding") == encoding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert answer.headers["Content-Disposition"] == "inline; filename=shop.css"
    assert answer.text.rstrip(".") == (encoding or "body { color: red }")
    assert int(answer.headers["Content-Length"]) == len(answer.data)


def test_variants_have_their_own_etags_and_are_revalidated(compressed: App) -> None:
    client = TestClient(compressed)
    url = compressed.url_for("static", filename="css/shop.css")
    etags = {}
    for encoding in ("identity", "gzip", "br", "zstd"):
        answer = client.get(url, headers={"Accept-Encoding": encoding})
        assert "immutable" in answer.headers["Cache-Control"]
        etags[encoding] = answer.headers["ETag"]
    assert len(set(etags.values())) == 4
    for encoding, etag in etags.items():
        for asked in etags:
            headers = {"Accept-Encoding": asked, "If-None-Match": etag}
            again = client.get(url, headers=headers)
            assert again.status_code == (304 if asked == encoding else 200)
            assert again.headers["Vary"] == "Accept-Encoding"


def test_range_is_one_of_the_plain_file(compressed: App) -> None:
    client = TestClient(compressed)
    headers = {"Accept-Encoding": "br", "Range": "bytes=0-3"}
    part = client.get("/static/css/shop.css", headers=headers)
    assert (part.status_code, part.text) == (206, "body")
    assert "Content-Encoding" not in part.headers
    etag = client.get("/static/css/shop.css", headers={"Accept-Encoding": "br"}).headers["ETag"]
    whole = client.get("/static/css/shop.css", headers={**headers, "If-Range": etag})
    assert (whole.status_code, whole.text) == (200, "body { color: red }")


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "items=0-1", "bytes=b-a", "nonsense"])
def test_range_that_is_not_one_of_bytes_is_ignored(compressed: App, wanted: str) -> None:
    headers = {"Range": wanted, "Accept-Encoding": "br"}
    answer = TestClient(compressed).get("/static/css/shop.css", headers=headers)
    assert (answer.status_code, answer.headers["Content-Encoding"]) == (200, "br")


def test_head_has_no_range(app: App) -> None:
    answer = TestClient(app).head("/static/css/shop.css", headers={"Range": "bytes=0-3"})
    assert (answer.status_code, answer.content_length) == (200, 19)


def test_failed_precondition_is_an_error_page_that_nobody_keeps(app: App) -> None:
    url = app.url_for("static", filename="css/shop.css")
    answer = TestClient(app).get(url, headers={"If-Match": '"another"'})
    assert (answer.status_code, answer.mimetype) == (412, "text/html")
    assert "Cache-Control" not in answer.headers


def test_variant_that_is_older_than_the_file_is_reported_and_not_used(
    compressed: App, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    os.utime(tmp_path / "static" / "css" / "shop.css.br", ns=(1, 1))
    for _ in range(2):
        answer = TestClient(compressed).get(
            "/static/css/shop.css", headers={"Accept-Encoding": "br, gzip"}
        )
        assert answer.headers["Content-Encoding"] == "gzip"
    (message,) = caplog.messages
    assert "shop.css.br is older than what it was made from" in message


def test_modification_time_is_sent_and_answers_conditions(app: App, tmp_path: Path) -> None:
    os.utime(tmp_path / "static" / "css" / "shop.css", (86400, 86400))
    client = TestClient(app)
    stamp = client.get("/static/css/shop.css").headers["Last-Modified"]
    assert stamp == "Fri, 02 Jan 1970 00:00:00 GMT"
    headers = {"If-Modified-Since": stamp}
    assert client.get("/static/css/shop.css", headers=headers).status_code == 304


def test_content_is_hashed_once_as_long_as_the_file_stays(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    hashed = []
    original = hashlib.file_digest

    def file_digest(*args: Any) -> Any:
        hashed.append(args)
        return original(*args)

    monkeypatch.setattr(hashlib, "file_digest", file_digest)
    for _ in range(3):
        TestClient(app).get(app.url_for("static", filename="css/shop.css"))
    assert len(hashed) == 1
    os.utime(tmp_path / "static" / "css" / "shop.css", (1, 1))
    app.url_for("static", filename="css/shop.css")
    assert len(hashed) == 2


def test_file_that_becomes_a_link_out_of_the_folder_is_no_longer_served(
    app: App, tmp_path: Path
) -> None:
    client = TestClient(app)
    assert client.get("/static/css/shop.css").status_code == 200
    (tmp_path / "static" / "css" / "shop.css").unlink()
    (tmp_path / "static" / "css" / "shop.css").symlink_to(tmp_path / "secret.txt")
    assert client.get("/static/css/shop.css").status_code == 404


def test_link_inside_the_folder_and_a_folder_that_is_a_link_are_served(
    make_app: MakeApp, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "static").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "static" / "a.txt").write_text("a")
    (tmp_path / "static" / "b.txt").symlink_to(tmp_path / "static" / "a.txt")
    assert TestClient(make_app()).get("/static/b.txt").text == "a"


# Files that change while they are asked for


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], object]], None]:
    """Have something done once, before a step of `StaticFiles`."""

    def arrange(step: str, act: Callable[[], object]) -> None:
        original = getattr(StaticFiles, step)

        def act_first(files: StaticFiles, *arguments: Any) -> Any:
            monkeypatch.setattr(StaticFiles, step, original)
            act()
            return original(files, *arguments)

        monkeypatch.setattr(StaticFiles, step, act_first)

    return arrange


BEFORE_HASHING, BEFORE_SENDING = "_is_inside", "_variants"


@pytest.mark.parametrize("step", [BEFORE_HASHING, BEFORE_SENDING])
@pytest.mark.parametrize("what", ["nothing", "folder", "file for its folder"])
def test_file_that_goes_meanwhile_is_404(
    app: App, tmp_path: Path, meanwhile: Any, step: str, what: str
) -> None:
    folder = tmp_path / "static" / "css"

    def remove() -> None:
        (folder / "shop.css").unlink()
        if what == "folder":
            (folder / "shop.css").mkdir()
        elif what == "file for its folder":
            folder.rmdir()
            folder.touch()

    meanwhile(step, remove)
    assert TestClient(app).get("/static/css/shop.css").status_code == 404


def test_variant_that_goes_meanwhile_leaves_the_plain_file(
    compressed: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = StaticFiles._variants

    def find_and_remove(files: StaticFiles, found: StaticFile) -> dict[str, StaticFile]:
        variants = original(files, found)
        (tmp_path / "static" / "css" / "shop.css.br").unlink()
        return variants

    monkeypatch.setattr(StaticFiles, "_variants", find_and_remove)
    answer = TestClient(compressed).get("/static/css/shop.css", headers={"Accept-Encoding": "br"})
    assert (answer.status_code, answer.text) == (200, "body { color: red }")
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("content", ["body { color: blue; margin: 0 }", "body {}"])
def test_file_that_another_replaces_meanwhile_is_not_kept_under_its_name(
    app: App, tmp_path: Path, meanwhile: Any, content: str
) -> None:
    new = tmp_path / "new.css"
    new.write_text(content)
    url = app.url_for("static", filename="css/shop.css")
    meanwhile(BEFORE_SENDING, lambda: new.replace(tmp_path / "static" / "css" / "shop.css"))
    client = TestClient(app)
    answer = client.get(url)
    assert (answer.status_code, answer.text) == (200, content)
    assert int(answer.headers["Content-Length"]) == len(content)
    assert (answer.headers["Cache-Control"], answer.get_etag()[0]) == ("no-cache", None)
    assert client.get(app.url_for("static", filename="css/shop.css")).text == content


def test_link_out_of_the_folder_that_replaces_a_file_meanwhile_is_404(
    app: App, tmp_path: Path, meanwhile: Any
) -> None:
    file = tmp_path / "static" / "css" / "shop.css"
    meanwhile(BEFORE_SENDING, lambda: (tmp_path / "static" / "link.txt").replace(file))
    assert TestClient(app).get("/static/css/shop.css").status_code == 404


@pytest.mark.parametrize("is_known", [False, True])
def test_file_that_may_not_be_read_is_404_and_reported_once(
    app: App, tmp_path: Path, caplog: pytest.LogCaptureFixture, is_known: bool
) -> None:
    client = TestClient(app)
    if is_known:
        assert client.get("/static/css/shop.css").status_code == 200
    file = tmp_path / "static" / "css" / "shop.css"
    file.chmod(0)
    if os.access(file, os.R_OK):
        pytest.skip("This user may read everything.")
    for _ in range(2):
        assert is_known or app.url_for("static", filename="css/shop.css") == "/static/css/shop.css"
        assert client.get("/static/css/shop.css").status_code == 404
    (message,) = caplog.messages
    assert f"The static file {file} may not be read" in message


def test_blueprint_serves_its_own_folder(make_app: MakeApp, tmp_path: Path) -> None:
    (tmp_path / "admin").mkdir()
    (tmp_path / "admin" / "a.txt").write_text("of the admin")
    app = make_app(Blueprint("admin", prefix="/admin", static="admin"))
    url = app.url_for("admin.static", filename="a.txt")
    assert re.fullmatch(r"/admin/static/a\.[0-9a-f]{16}\.txt", url)
    assert TestClient(app).get(url).text == "of the admin"


def test_teardown_runs_before_a_file_is_sent(app: App) -> None:
    seen = []
    app.teardown_request(lambda request, error: seen.append(request.endpoint))
    answer = TestClient(app).get("/static/css/shop.css", buffered=False)
    assert seen == ["static"]
    answer.close()
