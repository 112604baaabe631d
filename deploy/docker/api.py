"""The engine's own API, for what is asked often: some milliseconds an answer, and no process."""

import contextlib
import http.client
import json
import os
import socket
import threading
from typing import Any, Self
from urllib.parse import quote, urlencode

from .. import processes
from ..errors import EngineError
from .engine import Engine

API = "/v1.41"
"""Of engine 20.10, the oldest that this works with; newer ones speak it too."""
ANSWER_TIMEOUT = 15.0


class EngineApi:
    """GETs over one connection, which `docker system dial-stdio` makes: to any host or context.

    Threads may share it; their requests wait for each other.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: http.client.HTTPConnection | None = None
        self._process: processes.Process | None = None
        self._turn = threading.Lock()

    def containers(self, *labels: str, everywhere: bool = True) -> list[dict[str, Any]]:
        """Those with all the labels, `name=value`; `everywhere`: stopped ones too."""
        filters = json.dumps({"label": list(labels)})
        query = urlencode({"all": int(everywhere), "filters": filters})
        return list(self.get(f"/containers/json?{query}"))

    def container(self, container_id: str) -> dict[str, Any]:
        return dict(self.get(f"/containers/{quote(container_id)}/json"))

    def stats(self, container_id: str) -> dict[str, Any]:
        """Its processor time, memory and network, as the kernel counts them at this moment."""
        return dict(self.get(f"/containers/{quote(container_id)}/stats?stream=false&one-shot=true"))

    def get(self, path: str) -> Any:
        """:raises EngineError: no answer, or a refusal; MissingError if it is not there."""
        with self._turn:
            try:
                status, body = self._get(path)
            except (OSError, http.client.HTTPException):
                # The engine may have closed a connection that was idle.
                self.close()
                status, body = self._last_try(path)
        if status == http.client.OK:
            return json.loads(body)
        said = body.decode(errors="replace").strip()
        kind = MissingError if status == http.client.NOT_FOUND else EngineError
        raise kind(f"the Docker engine refused {path}: {status} {said}")

    def _last_try(self, path: str) -> tuple[int, bytes]:
        try:
            return self._get(path)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            # If it is away, the command says so in better words.
            self._engine.version()
            raise EngineError(f"the Docker engine does not answer {path}: {error}") from None

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = self._connection or self._connect()
        connection.request("GET", API + path)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def _connect(self) -> http.client.HTTPConnection:
        ours, theirs = socket.socketpair()
        with theirs:
            argv = self._engine.argv("system", "dial-stdio")
            env = {**os.environ, **self._engine.env}
            self._process = processes.spawn_on_socket(argv, theirs, env=env)
        ours.settimeout(ANSWER_TIMEOUT)
        self._connection = http.client.HTTPConnection("docker")
        self._connection.sock = ours
        return self._connection

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._connection = self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()


class MissingError(EngineError):
    """What was asked about is not there, or not any more."""
