"""A client's connection, and what its requests have in common."""

from typing import Any

from gunicorn.http.wsgi import WSGIErrorsWrapper, base_environ

Environ = dict[str, Any]


class ErrorStreams(WSGIErrorsWrapper):  # type: ignore[misc]  # gunicorn has no types
    """wsgi.errors for as long as a process lives.

    gunicorn makes one for each request, for it remembers the streams of the log, and a log can be
    reopened. This one looks for them when something is written.
    """

    def __init__(self, cfg: Any) -> None:
        self.cfg = cfg

    def write(self, data: Any) -> None:
        WSGIErrorsWrapper(self.cfg).write(data)


def listener_environ(cfg: Any, server: tuple[Any, ...], multithread: bool) -> Environ:
    """What all requests to one listening address have in common."""
    return {
        **base_environ(cfg),
        "wsgi.errors": ErrorStreams(cfg),
        "wsgi.multithread": multithread,
        "wsgi.url_scheme": "http",
        "SCRIPT_NAME": "",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
    }


def without_timeout(sock: Any) -> Any:
    """The socket, also if the app has set a default timeout for those it opens itself."""
    if sock.gettimeout() is not None:
        sock.setblocking(True)
    return sock


class Connection:
    """One client's connection."""

    __slots__ = ("deadline", "environ", "listener", "peer", "socket", "trusted", "watched")

    deadline: float
    """Until then it may wait for a request, in seconds of the monotonic clock."""

    def __init__(
        self,
        sock: Any,
        peer: tuple[Any, ...],
        listener: Any,
        environ: Environ,
        trusted: bool,
    ) -> None:
        self.socket = sock
        self.peer = peer
        self.listener = listener
        self.trusted = trusted
        self.watched: Any = None
        """What tells when it is readable; None until it has waited for the first time."""
        self.environ = environ.copy()
        self.environ["gunicorn.socket"] = sock
        self.environ["REMOTE_ADDR"] = peer[0]
        self.environ["REMOTE_PORT"] = str(peer[1])
