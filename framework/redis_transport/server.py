"""Server: the connections of this process to one server, and whether it answers.

- A connection goes back to the stack only after one whole reply was read from it. Any exception in
  between, ``gevent.Timeout`` and ``SystemExit`` included, closes it, so nobody ever reads a reply
  that was meant for someone else.
- A command is sent again once, on a fresh connection, when the first one broke. So every command
  sent here has to be one that may run twice: reads, and scripts that know the nonces they saw.
- Nobody waits past the deadline, and while the server is known to be away nobody waits at all.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,
    RedisError,
    ResponseError,
)

from .breaker import Breaker
from .connections import pack, seconds_until
from .exceptions import RedisRefused, RedisUnavailable
from .slots import Slots

if TYPE_CHECKING:
    from .connections import Connection, Endpoint

# A socket keeps its usual time limit as long as this part of it is left to the caller, since
# changing it for each command costs more than being late by the rest.
NEARLY_ALL = 0.9
ASKING = pack(b"ASKING")


class Server:
    """One server, shared by the threads or greenlets of a process.

    :param timeout: the longest time, in seconds, that a reply is waited for.
    :param max_connections: more callers than this wait for each other.
    """

    kind = "Redis"

    def __init__(self, endpoint: Endpoint, *, timeout: float, max_connections: int) -> None:
        self.endpoint = endpoint
        self.name = f"{self.kind} at {endpoint.name}"
        self._timeout = timeout
        self._nearly_all = timeout * NEARLY_ALL
        self._max_connections = max_connections
        self.reset()

    def reset(self) -> None:
        """Start with no connections; those of a parent process are the parent's alone."""
        self._idle: list[Connection] = []
        self._slots = Slots(self._max_connections)
        self._breaker = Breaker(self.name)

    def ask(
        self, packed: bytes, deadline: float, key: bytes | None = None, *, asking: bool = False
    ) -> Any:
        """Send one command, which may run twice, and return its reply.

        :param key: is here, like all others.
        :param asking: the command is about a key that is just moving to this server of a cluster.
        :raises RedisUnavailable: there is no reply, or only an error.
        """
        self._breaker.check()
        if not self._slots.acquire(deadline):
            raise RedisUnavailable(
                f"all {self._max_connections} connections to {self.name} are in use"
            )
        try:
            reply = self._exchange(packed, deadline, asking)
        except ResponseError as error:
            self._breaker.succeeded()
            raise self._refusal(error) from error
        except RedisError as error:
            self._breaker.failed(error)
            raise RedisUnavailable(f"{self.name}: {error}") from error
        finally:
            self._slots.release()
        self._breaker.succeeded()
        return reply

    def ask_each(self, packed: bytes, deadline: float) -> dict[str, Any]:
        return {self.name: self.ask(packed, deadline)}

    def drop_idle(self) -> None:
        """Close the connections nobody is using."""
        # Other threads may take and drop them at the same time.
        with suppress(IndexError):
            while True:
                self._idle.pop().disconnect()

    def greet(self, connection: Connection) -> None:
        """Make sure that a new connection leads to the right server."""

    def _exchange(self, packed: bytes, deadline: float, asking: bool) -> Any:
        try:
            connection = self._connect(deadline, asking) if asking else self._idle.pop()
        except IndexError:
            connection = self._connect(deadline)
        try:
            return self._converse(connection, packed, deadline)
        except (AuthenticationError, BusyLoadingError):
            raise
        except ConnectionError:
            # The server was restarted or closed this connection, so the idle ones are dead too.
            self.drop_idle()
            return self._converse(self._connect(deadline, asking), packed, deadline)

    def _connect(self, deadline: float, asking: bool = False) -> Connection:
        def greet(connection: Connection) -> None:
            self.greet(connection)
            if asking:
                # It holds for the next command only, so the connection is like any other then.
                connection.send_packed_command((ASKING,), check_health=False)
                connection.read_response()

        return self.endpoint.connect(deadline=deadline, timeout=self._timeout, greet=greet)

    def _converse(self, connection: Connection, packed: bytes, deadline: float) -> Any:
        try:
            left = deadline - time.monotonic()
            if left > self._nearly_all:
                connection.send_packed_command((packed,), check_health=False)
                reply = connection.read_response()
            else:
                reply = self._converse_in_haste(connection, packed, deadline)
        except ResponseError:
            self._idle.append(connection)
            raise
        except BaseException:
            connection.disconnect()
            raise
        self._idle.append(connection)
        return reply

    def _converse_in_haste(self, connection: Connection, packed: bytes, deadline: float) -> Any:
        connection.update_current_socket_timeout(seconds_until(deadline))
        connection.send_packed_command((packed,), check_health=False)
        try:
            return connection.read_response(timeout=seconds_until(deadline))
        finally:
            connection.update_current_socket_timeout(self._timeout)

    def _refusal(self, error: ResponseError) -> RedisRefused:
        # redis-py takes the first word off the errors it knows.
        code, detail = error.status_code, str(error)
        if code is None:
            code, _, detail = detail.partition(" ")
        refusal = RedisRefused(self.name, code, detail)
        if refusal.by_wrong_server:
            # The address may lead to another server when asked again.
            self.drop_idle()
        return refusal
