"""The port that Prometheus asks."""

import socket
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from .exposition import CONTENT_TYPE

PATH = "/metrics"
REQUEST_TIMEOUT = 10.0
POLL_INTERVAL = 0.05


class MetricsServer:
    """Answers with a page made anew for each request."""

    def __init__(self, listener: socket.socket, page: Callable[[], str]) -> None:
        """`listener` listens already."""

        class Handler(BaseHTTPRequestHandler):
            timeout = REQUEST_TIMEOUT

            def do_GET(self) -> None:
                if self.path.partition("?")[0] == PATH:
                    self._answer(200, page())
                else:
                    self._answer(404, f"There is {PATH} here and nothing else.\n")

            def _answer(self, status: int, text: str) -> None:
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", CONTENT_TYPE)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: somebody asks every few seconds."""

        self._server = _Server(listener, Handler)
        self._thread = Thread(
            target=self._server.serve_forever, args=(POLL_INTERVAL,), name="metrics", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def __init__(self, listener: socket.socket, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(listener.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener

    def handle_error(self, request: object, client_address: object) -> None:
        # Whoever asked has gone away; anything else is a fault of ours, for the log.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]
