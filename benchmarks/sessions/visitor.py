"""A visitor: calls a WSGI app and keeps cookies as a browser does."""

from __future__ import annotations

from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from io import BytesIO
from typing import Any

ENVIRON = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "QUERY_STRING": "",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "8000",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.1",
    "HTTP_HOST": "localhost:8000",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
    "HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8",
    "HTTP_ACCEPT_LANGUAGE": "en-US,en;q=0.5",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.errors": None,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


@dataclass
class Answer:
    """What came back for one request."""

    status: int
    headers: list[tuple[str, str]]
    text: str

    @property
    def acknowledged(self) -> bool:
        return 200 <= self.status < 300

    @property
    def set_cookies(self) -> list[str]:
        return [value for name, value in self.headers if name.lower() == "set-cookie"]


@dataclass
class Visitor:
    """One browser; several requests of it may be under way at once."""

    app: Any
    cookies: dict[str, str] = field(default_factory=dict)

    def environ(self, path: str) -> dict[str, Any]:
        """Return the environ of a request, but for ``wsgi.input``."""
        environ: dict[str, Any] = {**ENVIRON, "PATH_INFO": path}
        if self.cookies:
            environ["HTTP_COOKIE"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        return environ

    def get(self, path: str) -> Answer:
        """Ask for a page and take the cookies of the answer."""
        answer = self.ask(path)
        self.take_cookies(answer)
        return answer

    def ask(self, path: str) -> Answer:
        """Ask for a page and leave the cookies as they are."""
        seen: list[Any] = []

        def start_response(status: str, headers: list[Any], exc_info: Any = None) -> None:
            seen[:] = int(status[:3]), headers

        chunks = self.app({**self.environ(path), "wsgi.input": BytesIO()}, start_response)
        body = b"".join(chunks)
        if hasattr(chunks, "close"):
            chunks.close()
        return Answer(seen[0], seen[1], body.decode())

    def take_cookies(self, answer: Answer) -> None:
        for text in answer.set_cookies:
            for morsel in SimpleCookie(text).values():
                self.cookies[morsel.key] = morsel.coded_value
                if morsel["max-age"] == "0" or morsel["expires"].endswith("1970 00:00:00 GMT"):
                    del self.cookies[morsel.key]
