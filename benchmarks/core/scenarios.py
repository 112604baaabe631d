"""What is asked of every framework, and what it has to answer to be counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

ITEMS: list[dict[str, Any]] = [
    {"name": f"item {n}", "price": n * 1.5, "tags": ["<new>", "sale"]} for n in range(30)
]
"""What the template page of dicts lists, and the longest JSON document."""


class Item:
    """A row of a page, as an object relational mapper gives it."""

    def __init__(self, name: str, price: float, tags: list[str]) -> None:
        self.name = name
        self.price = price
        self.tags = tags


ROWS = {"template dicts": ITEMS, "template objects": [Item(**item) for item in ITEMS]}
"""What the template page lists, by scenario."""

DOCUMENTS = {
    "JSON message": {"message": "Hello, World!"},
    "JSON": {"id": 7, "name": "pair", "tags": ["a", "b"], "nested": {"x": 1.5, "y": None}},
    "JSON items": {"items": ITEMS},
}
"""What is answered as JSON, by scenario."""

FORM = b"name=Ada+Lovelace&email=ada%40example.org&age=36&note=" + b"analytical+engine+" * 8
DOCUMENT_BODY = b'{"id": 7, "name": "pair", "tags": ["a", "b"], "nested": {"x": 1.5, "y": null}}'
TEMPLATES = Path(__file__).parent / "templates"
TEMPLATE = (TEMPLATES / "page.html").read_text()


@dataclass(frozen=True)
class Scenario:
    """One request, and a part of the answer."""

    name: str
    what: str
    """What it is, in words."""
    path: str
    expected: bytes
    status: int = 200
    method: str = "GET"
    body: bytes = b""
    content_type: str = ""
    keeps_cookie: bool = False
    """Whether the cookie of the first answer is sent with the measured requests."""

    def environ(self, cookie: str = "") -> dict[str, object]:
        """Return the environ as a server makes it, but for ``wsgi.input``."""
        environ: dict[str, object] = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": self.path,
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "localhost:8000",
            "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
            "HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8",
            "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
            "HTTP_ACCEPT_LANGUAGE": "en-US,en;q=0.5",
            "HTTP_CONNECTION": "keep-alive",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": None,
            "wsgi.multithread": False,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        if self.body:
            environ["CONTENT_LENGTH"] = str(len(self.body))
            environ["CONTENT_TYPE"] = self.content_type
        if cookie:
            environ["HTTP_COOKIE"] = cookie
        return environ


def routes(count: int) -> Scenario:
    """Return the scenario that asks for the middle one of ``count`` rules with two variables."""
    return Scenario(
        f"{count} routes",
        f"the middle one of {count:,} rules with two variables, one of them a number",
        f"/section{count // 2}/42/part/abc",
        b"42 abc",
    )


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("hello", "a view that returns `Hello, world`", "/", b"Hello, world"),
        Scenario(
            "JSON message", '`{"message": "Hello, World!"}` as JSON', "/json", b"Hello, World!"
        ),
        Scenario("JSON", "a nested document of 67 bytes as JSON", "/json", b'"nested"'),
        Scenario("JSON items", "a list of 30 items as JSON, 1.7 kB", "/json", b'"item 29"'),
        routes(10),
        routes(200),
        routes(1000),
        Scenario(
            "template dicts",
            "a Jinja page that lists 30 dicts, each with two tags",
            "/template",
            b"item 29",
        ),
        Scenario(
            "template objects",
            "the same page with objects in place of dicts",
            "/template",
            b"item 29",
        ),
        Scenario(
            "form in",
            "two of four fields of a form that is sent",
            "/form",
            b"Ada Lovelace 36",
            method="POST",
            body=FORM,
            content_type="application/x-www-form-urlencoded",
        ),
        Scenario(
            "JSON in",
            "the nested document is sent and read",
            "/json-in",
            b"pair 2",
            method="POST",
            body=DOCUMENT_BODY,
            content_type="application/json",
        ),
        Scenario(
            "session",
            "a signed cookie is read, changed and written",
            "/session",
            b"visits",
            keeps_cookie=True,
        ),
        Scenario(
            "untouched session",
            "sessions are there, the view looks at none",
            "/untouched",
            b"Hello, world",
            keeps_cookie=True,
        ),
        Scenario("404", "a path that no rule matches", "/nowhere", b"", status=404),
        Scenario(
            "three hooks",
            "one before the view, one after it, one at the very end",
            "/hooks",
            b"Hello, world",
        ),
        Scenario("response", "a view that returns a response object", "/response", b"Hello, world"),
    )
}
