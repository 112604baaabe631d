"""How others talk to a supervisor: JSON lines over a unix socket.

A request is one line, `{"command": "scale", "nodes": 3}`. The answer is any number of lines
`{"progress": "…"}` and then one `{"result": …}` or `{"error": "…", "exit_code": 2}`.
"""

import json
import logging
import os
import queue
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..errors import DeployError, NoAnswer, NotRunning, RolloutError, StartError

logger = logging.getLogger(__name__)

Message = dict[str, Any]

_ERRORS = {error.exit_code: error for error in (DeployError, RolloutError)}

# How long closing the server may take.
POLL_INTERVAL = 0.05


class Command:
    """A request for the main thread, and the way back to whoever asked."""

    def __init__(self, name: str, arguments: Message) -> None:
        self.name = name
        self.arguments = arguments
        self._answers: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def report(self, text: str) -> None:
        self._answers.put({"progress": text})

    def finish(self, result: object) -> None:
        self._answers.put({"result": result})

    def fail(self, error: str, exit_code: int = DeployError.exit_code) -> None:
        self._answers.put({"error": error, "exit_code": exit_code})

    def answers(self) -> Iterator[Message]:
        """The answers, up to and with the last."""
        while True:
            message = self._answers.get()
            yield message
            if "progress" not in message:
                return


class ControlServer:
    """Answers `status` itself, and hands every other command on."""

    def __init__(
        self, path: Path, status: Callable[[], Message], submit: Callable[[Command], None]
    ) -> None:
        """:raises StartError: there can be no socket at the path."""

        def answer(request: Message) -> Iterator[Message]:
            if request.get("command") == "status":
                yield _status_answer(status)
                return
            command = Command(str(request.get("command")), request)
            submit(command)
            yield from command.answers()

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                try:
                    for message in answer(json.loads(self.rfile.readline())):
                        self.wfile.write(json.dumps(message).encode() + b"\n")
                except (OSError, ValueError):
                    # Whoever asked has gone away; the command goes on.
                    return

        try:
            self._server = _Server(str(path), Handler)
        except OSError as error:
            raise StartError(f"{path} cannot be made: {error.strerror}; make room there") from None
        os.chmod(path, 0o600)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_INTERVAL,), daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop taking requests, and wait until those asked have been answered."""
        self._server.shutdown()
        self._server.server_close()


def _status_answer(status: Callable[[], Message]) -> Message:
    try:
        return {"result": status()}
    except DeployError as error:
        return {"error": str(error), "exit_code": error.exit_code}
    except Exception as error:
        # Whoever asks is told, or an OSError of ours would look like one of the connection.
        logger.exception("The status could not be read")
        message = f"the status could not be read: {error!r}"
        return {"error": message, "exit_code": DeployError.exit_code}


class _Server(socketserver.ThreadingUnixStreamServer):
    request_queue_size = 128
    daemon_threads = False
    block_on_close = True


def ask(
    path: Path, request: Message, report: Callable[[str], None], *, timeout: float | None = None
) -> Any:
    """Send a request and return its result; `report` gets the progress, `timeout` is seconds.

    :raises NotRunning: nobody is there, or whoever was has ended.
    :raises NoAnswer: the time is over.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            try:
                connection.connect(str(path))
                connection.sendall(json.dumps(request).encode() + b"\n")
                with connection.makefile("rb") as lines:
                    return read_answer(lines, report)
            except (TimeoutError, BlockingIOError):
                # The latter: as many as the socket has room for are waiting already.
                raise NoAnswer(_no_answer(path, connection)) from None
    except (FileNotFoundError, ConnectionError) as error:
        raise NotRunning(f"the deployment {path.parent.name!r} went away: {error}") from None


def _no_answer(path: Path, connection: socket.socket) -> str:
    """What may be the matter, and how to end it: by the process that listens, if it is known."""
    asked = struct.Struct("3i")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, asked.size)
    pid, _, _ = asked.unpack(credentials)
    process = f"process {pid}" if pid else "the process"
    kill = f"; `kill -9 {pid}` ends the deployment, with all that belongs to it" if pid else ""
    return (
        f"the supervisor of {path.parent.name!r} does not answer: {process} is stopped, or the "
        "machine has no time for it. Visitors are served meanwhile. "
        f"Its log is {path.parent / 'supervisor.log'}{kill}"
    )


def read_answer(lines: Any, report: Callable[[str], None]) -> Any:
    for line in lines:
        message = json.loads(line)
        if "progress" in message:
            report(message["progress"])
        elif "error" in message:
            raise _ERRORS[message["exit_code"]](message["error"])
        else:
            return message["result"]
    raise NotRunning("the supervisor ended without an answer")
