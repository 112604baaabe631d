"""The profile `threads`: threads that take turns at one epoll.

gunicorn's `gthread` has one thread that waits for sockets and hands what is ready to a pool: every
request goes through two queues and wakes two threads. Here a thread that has nothing to do waits
for the sockets itself, and serves what it gets. The kernel wakes one thread for a socket that is
ready, and then leaves the socket out (EPOLLONESHOT) until that thread asks for it again; so no two
threads have the same connection.
"""

import os
import select
import socket
import threading
import time
from typing import Any

from gunicorn.http import get_parser
from gunicorn.util import close, close_graceful
from gunicorn.workers import gthread

from .connections import Connection, without_timeout
from .plain import ServesPlainRequests
from .requests import READ_SIZE

ONCE = select.EPOLLIN | select.EPOLLONESHOT

# While the worker stops, it looks this often, in seconds, for connections that have expired.
STOPPING_STEP = 0.1


class ThreadWorker(ServesPlainRequests, gthread.ThreadWorker):  # type: ignore[misc]  # no types
    """gunicorn's `gthread` for plain requests."""

    # What the main thread does: the heartbeat, time limits, signals.

    def run(self) -> None:
        self.prepare()
        if not self.plain:
            super().run()
            return
        self._start()
        while self.alive and self.is_parent_alive():
            self.notify()
            self._close_expired()
            self._listen_again()
            self._sleep(1.0)
        self._stop()

    def _start(self) -> None:
        self.connections: set[Connection] = set()
        # By their file descriptors. Whoever takes one out of here is alone in having it.
        self.idle: dict[int, Connection] = {}
        # The name by which gunicorn's own code knows them.
        self.keepalived_conns = self.idle
        self.listeners = {listener.fileno(): listener for listener in self.sockets}
        # Those of which no connection is accepted for the moment.
        self.paused: set[int] = set()
        self.accepting = threading.Lock()
        self.epoll = select.epoll()
        self.stop_event = os.eventfd(0)
        self.epoll.register(self.stop_event, select.EPOLLIN)
        for fd, listener in self.listeners.items():
            listener.setblocking(False)
            self.epoll.register(fd, ONCE)
        for number in range(self.cfg.threads):
            threading.Thread(target=self._work, name=f"worker-{number}").start()

    def _sleep(self, seconds: float) -> None:
        """Until the time is over, a signal comes or a thread has something to tell."""
        if select.select([self.PIPE[0]], [], [], seconds)[0]:
            os.read(self.PIPE[0], 64)

    def _close_expired(self) -> None:
        now = time.monotonic()
        for fd, connection in list(self.idle.items()):
            if connection.deadline <= now and self._take(fd):
                self._close(connection, b"")

    def _take(self, fd: int) -> Connection | None:
        """An idle connection, for the one that asks first."""
        return self.idle.pop(fd, None)

    def _listen_again(self) -> None:
        while self.paused and len(self.connections) < self.worker_connections:
            self._listen(self.paused.pop())

    def _stop(self) -> None:
        """Finish what was begun."""
        for fd in self.listeners:
            self.epoll.unregister(fd)
        # A thread that was just accepting has its connection in `connections` now; one that was
        # about to leaves it to the next worker.
        with self.accepting:
            pass
        end = self.longest_stop()
        while self.connections and time.monotonic() < end:
            self.notify()
            self.shorten_waits(list(self.idle.values()))
            self._close_expired()
            self._sleep(STOPPING_STEP)
        self._stop_threads()
        for listener in self.sockets:
            listener.close()

    def _stop_threads(self) -> None:
        os.eventfd_write(self.stop_event, 1)

    def handle_quit(self, sig: int, frame: Any) -> None:
        if self.plain:
            self._stop_threads()
        super().handle_quit(sig, frame)

    def handle_abort(self, sig: int, frame: Any) -> None:
        if self.plain:
            self._stop_threads()
        super().handle_abort(sig, frame)

    # What the other threads do.

    def _work(self) -> None:
        while True:
            [(fd, _)] = self.epoll.poll(-1, 1)
            if fd == self.stop_event:
                return
            listener = self.listeners.get(fd)
            connection = self._accept(listener) if listener else self._take(fd)
            if connection is None:
                continue
            try:
                self._serve(connection)
            except BaseException:
                # Whatever an app does in gunicorn's own code, `sys.exit` for example, this thread
                # is still needed.
                self.log.exception("Error on a connection")
                self._close(connection, b"")

    def _accept(self, listener: Any) -> Connection | None:
        with self.accepting:
            if not self.alive:
                return None
            try:
                client, peer = listener.sock.accept()
            except OSError as error:
                self._cannot_accept(listener, error)
                return None
            connection = self.connection(without_timeout(client), peer, listener)
            # As long as gunicorn lets a new connection be silent.
            connection.deadline = self.deadline() + gthread.DEFAULT_WORKER_DATA_TIMEOUT
            self.connections.add(connection)
        self._listen(listener.fileno())
        return connection

    def _cannot_accept(self, listener: Any, error: OSError) -> None:
        if isinstance(error, BlockingIOError | ConnectionAbortedError):
            self._listen(listener.fileno())
        elif self.alive:
            # No file descriptor is left, for example: try again with the next heartbeat.
            self.log.error("Cannot accept a connection: %s", error)
            self.paused.add(listener.fileno())

    def _listen(self, fd: int) -> None:
        """Have the next connection accepted, by whichever thread."""
        if len(self.connections) >= self.worker_connections:
            self.paused.add(fd)
        elif self.alive:
            try:
                self.epoll.modify(fd, ONCE)
            except OSError:
                # The main thread may have begun to stop.
                if self.alive:
                    raise

    def _serve(self, connection: Connection) -> None:
        try:
            data = connection.socket.recv(READ_SIZE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            self._wait(connection)
            return
        except OSError:
            data = b""
        keep, unread = self.serve(connection, data)
        if keep:
            connection.deadline = self.deadline()
            self._wait(connection)
        else:
            self._close(connection, unread)

    def _wait(self, connection: Connection) -> None:
        fd = connection.socket.fileno()
        # First this: as soon as epoll knows the socket, another thread may have it.
        self.idle[fd] = connection
        if connection.watched:
            self.epoll.modify(fd, ONCE)
        else:
            connection.watched = True
            self.epoll.register(fd, ONCE)

    def _close(self, connection: Connection, unread: bytes) -> None:
        # A reset would take the answer from a client whose bytes nobody has read.
        (close_graceful if unread else close)(connection.socket)
        self.connections.discard(connection)
        self._listen_again()
        if not self.alive:
            os.write(self.PIPE[1], b".")

    def must_close(self) -> bool:
        return not self.cfg.keepalive or len(self.idle) >= self.max_keepalived

    def hand_over(self, connection: Connection, data: bytes) -> tuple[bool, bytes]:
        sock, peer = connection.socket, connection.peer
        own = gthread.TConn(self.cfg, sock, peer, connection.listener.getsockname())
        own.parser = get_parser(self.cfg, sock, peer)
        own.parser.unreader.unread(data)
        own.initialized = True
        if self.handle(own):
            return True, own.parser.unreader.take_buffered()
        close_graceful(sock)
        return False, b""
