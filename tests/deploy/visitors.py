"""Visitors for tests under load, and an app that tells which requests it has executed."""

from __future__ import annotations

import http.client
import itertools
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Each request leaves its name in a file: an append of a few bytes is one step, whoever does it.
RECORDING_APP = """\
import os, time

record = os.open(os.path.join(os.path.dirname(__file__), "executed"), os.O_WRONLY | os.O_APPEND |
                 os.O_CREAT)

def app(environ, start_response):
    name = environ["QUERY_STRING"]
    if name:
        os.write(record, (name + "\\n").encode())
        time.sleep(0.005)
    body = " ".join(os.environ["TWOFOLD_" + key] for key in ("VERSION", "NODE", "SLOT")).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def held_while_there(file: Path) -> str:
    """The first lines of an app that cannot be imported while the file is there."""
    return (
        "import os, time\nfor _ in range(500):\n"
        f"    if os.path.exists({str(file)!r}):\n        time.sleep(0.1)\n"
    )


class Visitors:
    """Send GETs and POSTs as fast as they are answered, each with a name of its own.

    A visitor opens a new connection now and then, as browsers do, and after a failure.
    """

    def __init__(self, url: str, executed: Path | None = None, *, each: int = 3) -> None:
        self.answered: Counter[str] = Counter()
        """By method."""
        self.answers: Counter[str] = Counter()
        """By what was said."""
        self.failed: list[str] = []
        """The method, what went wrong, and the request's name."""
        self._host = url.removeprefix("http://")
        self._executed = executed
        self._each = each
        self._numbers = itertools.count()
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [
            threading.Thread(target=self._visit, args=(method,))
            for method in ("GET", "POST") * self._each
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _visit(self, method: str) -> None:
        while not self._stop.is_set():
            connection = http.client.HTTPConnection(self._host, timeout=60)
            try:
                for _ in range(40):
                    if self._stop.is_set() or not self._request(connection, method):
                        break
            finally:
                connection.close()

    def _request(self, connection: http.client.HTTPConnection, method: str) -> bool:
        name = f"{method}-{id(self)}-{next(self._numbers)}"
        try:
            connection.request(method, f"/?{name}", body=b"a=1" if method == "POST" else None)
            response = connection.getresponse()
            said = response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            self.failed.append(f"{method} {error!r} {name}")
            return False
        if response.status != 200:
            self.failed.append(f"{method} {response.status} {name}")
            return True
        self.answered[method] += 1
        self.answers[said] += 1
        return True

    def failed_with(self, method: str) -> list[str]:
        return [failure for failure in self.failed if failure.startswith(method)]

    def executed_twice(self) -> list[str]:
        """The names of POSTs that an app ran more than once."""
        assert self._executed is not None
        executed = Counter(self._executed.read_text().split())
        return [name for name, times in executed.items() if times > 1 and name.startswith("POST")]
