"""The profile `greenlets`: a connection has a greenlet while it has a request.

gunicorn's `gevent` has a greenlet for each connection, which waits with it for the next request.
Here the hub waits for all of them, and gives a connection on which something has arrived to a
greenlet that has nothing to do. So a kept connection costs a socket and no stack, and a new one
seldom a new greenlet.
"""

import _socket
import time
from typing import Any

import gevent
from gevent.hub import Waiter
from gevent.pool import Group
from gevent.socket import socket as gevent_socket
from gunicorn.http.body import LengthReader
from gunicorn.workers.ggevent import GeventWorker

from .client_socket import ClientSocket
from .connections import Connection, without_timeout
from .plain import ServesPlainRequests
from .replay import Replays
from .requests import READ_SIZE, PlainRequest
from .responses import PlainResponse

READABLE = 1

# So many greenlets stay for the next request; others end when they have served theirs.
MOST_PARKED = 32

# While the worker stops, it looks this often, in seconds, for connections that have expired.
STOPPING_STEP = 0.1


class HandedOver(Replays, gevent_socket):
    """A second socket for the same connection, which gunicorn's own code may close."""

    kept = False
    """Whether gunicorn keeps the connection for another request."""


class GreenletWorker(ServesPlainRequests, GeventWorker):  # type: ignore[misc]  # no types
    """gunicorn's `gevent` for plain requests."""

    # What the main greenlet does: the heartbeat, time limits, signals.

    def run(self) -> None:
        self.prepare()
        if not self.plain:
            super().run()
            return
        self._start()
        while self.alive:
            self.notify()
            self._close_expired()
            self._listen()
            gevent.sleep(1.0)
        self._stop()

    def _start(self) -> None:
        self.connections: set[Connection] = set()
        self.idle: set[Connection] = set()
        self.greenlets = Group()
        self.parked: list[Waiter[Connection]] = []
        self.loop = gevent.get_hub().loop
        self.listening = False
        self.watchers = {}
        for listener in self.sockets:
            listener.setblocking(False)
            self.watchers[listener] = self.loop.io(listener.fileno(), READABLE)

    def _listen(self) -> None:
        if self.listening or not self.alive or len(self.connections) >= self.worker_connections:
            return
        self.listening = True
        for listener, watcher in self.watchers.items():
            watcher.start(self._accept, listener)

    def _pause(self) -> None:
        self.listening = False
        for watcher in self.watchers.values():
            watcher.stop()

    def _close_expired(self) -> None:
        now = time.monotonic()
        for connection in [idle for idle in self.idle if idle.deadline <= now]:
            self.idle.remove(connection)
            self._close(connection)

    def _stop(self) -> None:
        """Finish what was begun."""
        self._pause()
        for listener in self.sockets:
            listener.close()
        end = self.longest_stop()
        while self.connections and time.monotonic() < end:
            self.notify()
            self.shorten_waits(self.idle)
            self._close_expired()
            gevent.sleep(STOPPING_STEP)
        if self.connections:
            self.log.warning("Worker graceful timeout (pid:%s)", self.pid)
            self.greenlets.kill(timeout=1)

    # What the hub does; it must not wait.

    def _accept(self, listener: Any) -> None:
        try:
            fd, peer = listener._accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            # No file descriptor is left, for example: try again with the next heartbeat.
            self.log.error("Cannot accept a connection: %s", error)
            self._pause()
            return
        plain = _socket.socket(listener.family, listener.type, listener.proto, fd)
        client = ClientSocket(without_timeout(plain))
        connection = self.connection(client, peer, listener)
        connection.deadline = self.deadline() if self.cfg.keepalive else float("inf")
        self.connections.add(connection)
        if len(self.connections) >= self.worker_connections:
            self._pause()
        self._give(connection)

    def _readable(self, connection: Connection) -> None:
        connection.watched.stop()
        self.idle.remove(connection)
        self._give(connection)

    def _give(self, connection: Connection) -> None:
        if self.parked:
            self.parked.pop().switch(connection)
        else:
            self.greenlets.spawn(self._work, connection)

    # What the other greenlets do.

    def _work(self, connection: Connection) -> None:
        while True:
            self._serve(connection)
            if len(self.parked) >= MOST_PARKED:
                return
            waiter: Waiter[Connection] = Waiter()
            self.parked.append(waiter)
            connection = waiter.get()

    def _serve(self, connection: Connection) -> None:
        keep = False
        try:
            data = connection.socket.receive(READ_SIZE)
            keep, _ = self.serve(connection, data)
            if keep:
                connection.deadline = self.deadline()
        except BlockingIOError:
            keep = True
        except OSError as error:
            self.log.debug("Ignoring a client that has gone: %s", error)
        finally:
            if keep:
                self._wait(connection)
            else:
                self._close(connection)

    def _wait(self, connection: Connection) -> None:
        if connection.watched is None:
            connection.watched = self.loop.io(connection.socket.plain.fileno(), READABLE)
        self.idle.add(connection)
        connection.watched.start(self._readable, connection)

    def _close(self, connection: Connection) -> None:
        if connection.watched is not None:
            connection.watched.close()
        connection.socket.close()
        self.connections.remove(connection)
        self._listen()

    def must_close(self) -> bool:
        return not self.cfg.keepalive

    def failed(self, request: PlainRequest, response: PlainResponse, error: BaseException) -> None:
        # Killed because the worker's time to stop is over.
        if not isinstance(error, gevent.GreenletExit):
            super().failed(request, response, error)

    def hand_over(self, connection: Connection, data: bytes) -> tuple[bool, bytes]:
        sock = connection.socket.twin(HandedOver)
        sock.ahead = data
        self.handle(connection.listener, sock, connection.peer)
        return sock.kept, sock.ahead

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """In gunicorn's loop over the requests of a connection: end it if it can go on here."""
        super().handle_request(listener_name, req, sock, addr)
        reader = req.body.reader
        if self.plain and isinstance(reader, LengthReader) and not reader.length:
            sock.kept = True
            sock.ahead = req.unreader.take_buffered()
            raise StopIteration
