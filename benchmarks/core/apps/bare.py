"""The scenarios written by hand on WSGI: what nobody can undercut by much."""

from __future__ import annotations

import re
from json import dumps, loads
from typing import Any
from urllib.parse import parse_qs

import itsdangerous
import jinja2

from ..scenarios import DOCUMENTS, ROWS, TEMPLATE

HTML = ("Content-Type", "text/html; charset=utf-8")
JSON = ("Content-Type", "application/json")


def answer(start_response: Any, body: bytes, *headers: Any, status: str = "200 OK") -> list[bytes]:
    start_response(status, [*(headers or [HTML]), ("Content-Length", str(len(body)))])
    return [body]


def hello(environ: Any, start_response: Any) -> list[bytes]:
    return answer(start_response, b"Hello, world")


def make_json(document: Any) -> Any:
    def json(environ: Any, start_response: Any) -> list[bytes]:
        return answer(start_response, dumps(document).encode(), JSON)

    return json


def form(environ: Any, start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    values = parse_qs(body.decode(), keep_blank_values=True)
    return answer(start_response, f"{values['name'][0]} {values['age'][0]}".encode())


def json_in(environ: Any, start_response: Any) -> list[bytes]:
    document = loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    return answer(start_response, f"{document['name']} {len(document['tags'])}".encode())


def not_found(environ: Any, start_response: Any) -> list[bytes]:
    return answer(start_response, b"Not Found", status="404 NOT FOUND")


def make_session() -> Any:
    signer = itsdangerous.URLSafeTimedSerializer("only for the benchmark", salt="session")

    def session(environ: Any, start_response: Any) -> list[bytes]:
        cookie = environ.get("HTTP_COOKIE", "")
        found = re.search("session=([^;]+)", cookie)
        data = signer.loads(found[1]) if found else {}
        data["visits"] = data.get("visits", 0) + 1
        cookie = f"session={signer.dumps(data)}; HttpOnly; Path=/; SameSite=Lax"
        return answer(start_response, b"visits", HTML, ("Set-Cookie", cookie))

    return session


def make_template(rows: Any) -> Any:
    page = jinja2.Environment(autoescape=True).from_string(TEMPLATE)

    def template(environ: Any, start_response: Any) -> list[bytes]:
        return answer(start_response, page.render(title="Items", items=rows).encode())

    return template


def make_routes(count: int) -> Any:
    sections = {f"section{n}" for n in range(count)}

    def routes(environ: Any, start_response: Any) -> list[bytes]:
        _, section, number, _, name = environ["PATH_INFO"].split("/")
        if section not in sections:
            return not_found(environ, start_response)
        return answer(start_response, f"{int(number)} {name}".encode())

    return routes


def make(scenario: str) -> Any:
    """Return the WSGI app for a scenario, ``None`` if it has no meaning without a framework."""
    apps: dict[str, Any] = {
        "hello": hello, "form in": form, "JSON in": json_in, "404": not_found,
        "untouched session": hello,
    }  # fmt: skip
    if scenario in DOCUMENTS:
        return make_json(DOCUMENTS[scenario])
    if scenario in ROWS:
        return make_template(ROWS[scenario])
    if scenario == "session":
        return make_session()
    if scenario.endswith("routes"):
        return make_routes(int(scenario.partition(" ")[0]))
    return apps.get(scenario)
