"""What the three worker classes share: the way of a plain request through the app."""

import errno
import functools
import os
import sys
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from gunicorn.config import PostRequest, PreRequest
from gunicorn.glogging import Logger
from gunicorn.http.message import _ip_in_allow_list
from gunicorn.http.wsgi import _make_early_hints_callback
from gunicorn.workers import gthread

from .connections import Connection, Environ, listener_environ
from .requests import PlainRequest, RequestReader
from .responses import PlainResponse

# The client has gone: there is nobody to answer.
GONE = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN)

# How exact the heartbeat is, in seconds. gunicorn's own classes write it with every request.
HEARTBEAT_STEP = 0.1


def why_not_plain(cfg: Any, servers: list[Any], reader: RequestReader) -> str | None:
    """Why every request is left to gunicorn's own code, or None."""
    reasons = {
        "the C parser is not used; is gunicorn_h1c installed?": not reader.uses_c_parser,
        "TLS": cfg.is_ssl,
        "HTTP/2": "h2" in cfg.http_protocols,
        "protocol is set": cfg.protocol != "http",
        "proxy_protocol is set": cfg.proxy_protocol != "off",
        "casefold_http_method is set": cfg.casefold_http_method,
        # It may change the request's headers, of which the environ is made before.
        "pre_request is set": cfg.pre_request is not PreRequest.pre_request,
        "SCRIPT_NAME is set": os.environ.get("SCRIPT_NAME"),
        "a unix socket": not all(isinstance(server, tuple) for server in servers),
        "a system other than Linux": sys.platform != "linux",
    }
    return next((name for name, is_so in reasons.items() if is_so), None)


class ServesPlainRequests:
    """To be put before one of gunicorn's worker classes."""

    cfg: Any
    log: Any
    alive: bool
    nr: int
    max_requests: int
    sockets: list[Any]
    wsgi: Any

    multithread = True
    plain = False
    """Whether plain requests are served here; otherwise gunicorn's own class does everything."""
    last_heartbeat = 0.0

    def prepare(self) -> None:
        """Decide it. To be called in the worker's process, with the app loaded."""
        self.reader = RequestReader(self.cfg)
        servers = [listener.getsockname() for listener in self.sockets]
        reason = why_not_plain(self.cfg, servers, self.reader)
        if reason:
            self.log.info("gunicorn's own code serves every request: %s", reason)
            return
        self.plain = True
        self.environs: dict[Any, Environ] = {
            listener: listener_environ(self.cfg, server, self.multithread)
            for listener, server in zip(self.sockets, servers, strict=True)
        }
        self.is_trusted = functools.lru_cache(maxsize=1024)(self._is_trusted)
        self.logs_requests = self.cfg.loglevel.lower() == "debug"
        # A logger of the user's may have a use for requests that gunicorn's would not log.
        self.logs_access = type(self.log).access is not Logger.access or self.log.access_log_enabled
        self.has_post_request = self.cfg.post_request is not PostRequest.post_request

    def _is_trusted(self, address: str) -> bool:
        cfg = self.cfg
        networks = cfg.forwarded_allow_networks()
        return bool(_ip_in_allow_list(address, cfg.forwarded_allow_ips, networks))

    def notify(self) -> None:
        now = time.monotonic()
        if now - self.last_heartbeat >= HEARTBEAT_STEP:
            self.last_heartbeat = now
            super().notify()  # type: ignore[misc]

    def connection(self, sock: Any, peer: tuple[Any, ...], listener: Any) -> Connection:
        return Connection(sock, peer, listener, self.environs[listener], self.is_trusted(peer[0]))

    def serve(self, connection: Connection, data: bytes) -> tuple[bool, bytes]:
        """Answer the requests in the data.

        Returns whether the connection is kept, and what was received of it and not read.
        """
        keep = False
        while data:
            plain = self.reader.read(data, connection)
            if plain is None:
                keep, data = self.hand_over(connection, data)
            else:
                request, environ = plain
                data = request.rest
                keep = self.answer(request, environ)
            if not keep:
                break
        return keep, data

    def hand_over(self, connection: Connection, data: bytes) -> tuple[bool, bytes]:
        """Have gunicorn's own code serve what begins with the data; returns what `serve` does."""
        raise NotImplementedError

    def must_close(self) -> bool:
        """Whether no connection is kept now."""
        raise NotImplementedError

    def answer(self, request: PlainRequest, environ: Environ) -> bool:
        """Answer the request as gunicorn's handle_request does; whether the connection is kept."""
        response = PlainResponse(request, self.cfg)
        try:
            if self.logs_requests:
                self.cfg.pre_request(self, request)
            self._count_request()
            if self.must_close() or not self.alive:
                response.force_close()
            self._call_app(request, environ, response)
            return not response.should_close()
        except BaseException as error:
            self.failed(request, response, error)
            return False
        finally:
            if self.has_post_request:
                self._call_post_request(request, environ, response)

    def _count_request(self) -> None:
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False

    def _call_app(self, request: PlainRequest, environ: Environ, response: PlainResponse) -> None:
        start = datetime.now() if self.logs_access else None
        environ["wsgi.early_hints"] = _make_early_hints_callback(request, response.sock, response)
        blocks = self.wsgi(environ, response.start_response)
        try:
            response.send(blocks)
        finally:
            if start:
                self.log.access(response, request, environ, datetime.now() - start)
            if hasattr(blocks, "close"):
                blocks.close()

    def _call_post_request(
        self, request: PlainRequest, environ: Environ, response: PlainResponse
    ) -> None:
        try:
            self.cfg.post_request(self, request, environ, response)
        except Exception:
            self.log.exception("Exception in post_request hook")

    def failed(self, request: PlainRequest, response: PlainResponse, error: BaseException) -> None:
        """Log it, and answer 500 if the client has got nothing yet."""
        if isinstance(error, OSError):
            if error.errno in GONE:
                self.log.debug("Ignoring a client that has gone: %s", error)
            else:
                self.log.exception("Socket error processing request.")
        elif response.begun:
            self.log.exception("Error handling request")
        else:
            connection = request.connection
            self.handle_error(request, connection.socket, connection.peer, error)  # type: ignore[attr-defined]

    def deadline(self) -> float:
        """Until when a connection that is kept now may wait for its next request."""
        # One that is kept although the worker stops may bring the request already on its way.
        seconds: float = self.cfg.keepalive
        if not self.alive:
            seconds = min(seconds, gthread.STOP_KEEPALIVE_LINGER)
        return time.monotonic() + seconds

    def shorten_waits(self, idle: Iterable[Connection]) -> None:
        """Hold waiting connections of a worker that stops to `deadline`, which may come nearer."""
        latest = self.deadline()
        for connection in idle:
            connection.deadline = min(connection.deadline, latest)

    def longest_stop(self) -> float:
        """Until when, from now, everything that was begun has to be finished.

        A connection may bring its last request at the end of the time that it may wait.
        """
        seconds: float = gthread.STOP_KEEPALIVE_LINGER + self.cfg.graceful_timeout
        return time.monotonic() + seconds
