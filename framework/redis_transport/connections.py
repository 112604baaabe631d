"""Endpoint: how to connect to one server. What is used of redis-py, but its errors, stands here.

It is the client's ``Connection``, which knows sockets, TLS, the greeting and the protocol, without
the client's pool, which polls every connection it hands out, raises where it should wait, and
repeats commands that may have been carried out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import hiredis
from redis import connection as redis_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Connection(Protocol):
    """What is used of redis-py's ``Connection``, which has no types."""

    deadline: float

    def connect(self) -> None: ...
    def disconnect(self) -> None: ...
    def send_packed_command(self, command: tuple[bytes], check_health: bool) -> None: ...
    def read_response(self, *, timeout: float = ...) -> Any: ...
    def update_current_socket_timeout(self, relaxed_timeout: float) -> None: ...


class _Hasty:
    """Connects until ``deadline``, the greeting included, however many addresses a name has.

    redis-py takes both limits anew for each address it tries and for the reads of the greeting.
    """

    deadline = 0.0

    @property
    def socket_connect_timeout(self) -> float:
        return seconds_until(self.deadline)

    @property
    def socket_timeout(self) -> float:
        return seconds_until(self.deadline)

    @socket_timeout.setter
    def socket_timeout(self, seconds: float) -> None:
        """Ignore what redis-py's constructors set; the deadline counts."""


class TCPConnection(_Hasty, redis_connection.Connection):  # type: ignore[misc]
    """A connection to a host and port."""


class TLSConnection(_Hasty, redis_connection.SSLConnection):  # type: ignore[misc]
    """A connection to a host and port, encrypted, with its certificate verified."""


class UnixConnection(_Hasty, redis_connection.UnixDomainSocketConnection):  # type: ignore[misc]
    """A connection through a socket in the file system."""


@dataclass(frozen=True)
class Endpoint:
    """A server's address and everything needed to connect to it.

    :param options: arguments of the connection class; ``host`` and ``port``, or ``path``, are among
        them, and the password, so they are left out of the repr.
    """

    connection_class: Callable[..., Connection]
    options: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """Where the server is, without user and password."""
        if "path" in self.options:
            return str(self.options["path"])
        host = self.options["host"]
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @property
    def host(self) -> str:
        return str(self.options["host"])

    @property
    def port(self) -> int:
        return int(self.options["port"])

    def at(self, host: str, port: int) -> Endpoint:
        """The same way to another server."""
        return Endpoint(self.connection_class, {**self.options, "host": host, "port": port})

    def connect(
        self, *, deadline: float, timeout: float, greet: Callable[[Connection], None] | None = None
    ) -> Connection:
        """Return a new connection, or raise one of redis-py's errors.

        :param timeout: seconds that its sockets wait later on.
        :param greet: what else has to go well for the connection to be used.
        """
        connection = self.connection_class(**self.options)
        connection.deadline = deadline
        try:
            connection.connect()
            if greet is not None:
                greet(connection)
        except BaseException:
            connection.disconnect()
            raise
        connection.update_current_socket_timeout(timeout)
        return connection


def seconds_until(deadline: float) -> float:
    """The seconds left; never 0, which would mean not to wait for sockets at all."""
    return max(deadline - time.monotonic(), 0.001)


def pack(*args: bytes) -> bytes:
    """A command in Redis' protocol."""
    packed: bytes = hiredis.pack_command(args)  # type: ignore[arg-type]  # It takes any number.
    return packed
