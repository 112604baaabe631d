"""Whether each worker of the node in this container answers: `python -m deploy.gunicorn.health`.

As a health check it runs every few seconds beside the workers, so it imports next to nothing.
"""

import socket
import sys
from collections.abc import Sequence

USAGE = "usage: python -m deploy.gunicorn.health PATH PORT…"


def problem(path: str, ports: Sequence[int]) -> str | None:
    """What is wrong with the first worker that gives no good answer; None: they all do."""
    for port in ports:
        try:
            status = _status(path, port)
        except (OSError, ValueError) as error:
            return f"port {port}: {error}"
        # An app without a readiness page answers 404, which proves a worker that serves.
        if not 100 <= status < 500:
            return f"port {port}: {path} answered {status}"
    return None


def _status(path: str, port: int) -> int:
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request.encode())
        with connection.makefile("rb") as answer:
            # HTTP/1.1 200 OK
            line = answer.readline(1024)
            answer.read()
    words = line.split()
    if len(words) < 2:
        raise ValueError("the connection was closed without an answer")
    return int(words[1])


def main(arguments: Sequence[str]) -> str | None:
    if len(arguments) < 2 or not all(port.isdecimal() for port in arguments[1:]):
        return USAGE
    return problem(arguments[0], [int(port) for port in arguments[1:]])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
