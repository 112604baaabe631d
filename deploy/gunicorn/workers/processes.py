"""The profile `processes`: one request at a time, and a connection for each."""

from typing import Any

from gunicorn.util import close, close_graceful
from gunicorn.workers.sync import SyncWorker

from .connections import Connection, without_timeout
from .plain import ServesPlainRequests
from .replay import ReplayingSocket
from .requests import READ_SIZE


class ProcessWorker(ServesPlainRequests, SyncWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's `sync` for plain requests."""

    multithread = False

    def run(self) -> None:
        self.prepare()
        super().run()

    def accept(self, listener: Any) -> None:
        if not self.plain:
            super().accept(listener)
            return
        client, peer = listener.sock.accept()
        connection = self.connection(without_timeout(client), peer, listener)
        try:
            data = client.recv(READ_SIZE)
        except OSError:
            data = b""
        _, unread = self.serve(connection, data)
        # A reset would take the answer from a client whose bytes nobody has read.
        (close_graceful if unread else close)(client)

    def must_close(self) -> bool:
        return True

    def hand_over(self, connection: Connection, data: bytes) -> tuple[bool, bytes]:
        client = ReplayingSocket(fileno=connection.socket.detach())
        client.ahead = data
        self.handle(connection.listener, client, connection.peer)
        return False, b""
