"""SentinelPrimary: the server that Redis' sentinels call the primary at the moment."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from redis.exceptions import ConnectionError

from .connections import pack
from .exceptions import RedisRefused, RedisUnavailable
from .lookout import Lookout
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .connections import Connection, Endpoint

logger = logging.getLogger(__name__)

# Seconds. After a planned failover an old primary may go on taking writes, all of which are lost.
LOOK_EVERY = 1.0
ROLE = pack(b"ROLE")


class Sentinel(Server):
    """A server that knows where the primary is."""

    kind = "The sentinel"


class Primary(Server):
    """A server that has to say, on each connection, that it is the primary."""

    def greet(self, connection: Connection) -> None:
        connection.send_packed_command((ROLE,), check_health=False)
        role = connection.read_response()[0].decode()
        if role != "master":
            raise ConnectionError(f"its role is {role}, and the primary is asked for")


class SentinelPrimary:
    """Sends commands to the primary of a service.

    The sentinels are asked for its address once a second, and again as soon as a command fails.

    :param endpoint: how to connect to the primary; its address is not used.
    """

    def __init__(
        self,
        sentinels: Sequence[Endpoint],
        service: str,
        endpoint: Endpoint,
        *,
        timeout: float,
        max_connections: int,
    ) -> None:
        self.name = f"Redis primary {service!r}"
        self._service = service
        self._question = pack(b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", service.encode())
        self._endpoint = endpoint
        self._timeout = timeout
        self._max_connections = max_connections
        self._sentinel_endpoints = sentinels
        self.reset()

    def reset(self) -> None:
        """Start with no connections and no knowledge."""
        self._sentinels = [
            Sentinel(endpoint, timeout=self._timeout, max_connections=1)
            for endpoint in self._sentinel_endpoints
        ]
        self._primary: Primary | None = None
        self._problem = "nobody has asked for its address yet"
        self._lookout = Lookout(every=LOOK_EVERY)

    def ask(self, packed: bytes, deadline: float, key: bytes | None = None) -> Any:
        self._lookout.keep(self._look, deadline, known=self._primary is not None)
        primary = self._primary
        if primary is None:
            self._lookout.soon()
            raise RedisUnavailable(f"{self.name} is unknown: {self._problem}")
        try:
            return primary.ask(packed, deadline)
        except RedisRefused as refusal:
            if refusal.by_wrong_server:
                self._lookout.soon()
            raise
        except RedisUnavailable:
            self._lookout.soon()
            raise

    def ask_each(self, packed: bytes, deadline: float) -> dict[str, Any]:
        reply = self.ask(packed, deadline)
        return {self._primary.name if self._primary else self.name: reply}

    def drop_idle(self) -> None:
        known = [self._primary] if self._primary else []
        for server in (*self._sentinels, *known):
            server.drop_idle()

    def _look(self, deadline: float) -> None:
        problems = []
        for position, sentinel in enumerate(list(self._sentinels)):
            now = time.monotonic()
            share = (deadline - now) / (len(self._sentinels) - position)
            try:
                answer = sentinel.ask(self._question, now + share)
            except RedisUnavailable as error:
                problems.append(str(error))
                continue
            if answer:
                host, port = answer
                self._use(host.decode(), int(port))
                # The one that answered is asked first next time.
                self._sentinels.remove(sentinel)
                self._sentinels.insert(0, sentinel)
                return
            problems.append(f"{sentinel.name} knows no service {self._service!r}")
        self._problem = "; ".join(problems)

    def _use(self, host: str, port: int) -> None:
        old, endpoint = self._primary, self._endpoint.at(host, port)
        if old is not None and old.endpoint == endpoint:
            return
        self._primary = Primary(
            endpoint, timeout=self._timeout, max_connections=self._max_connections
        )
        if old is not None:
            logger.warning(
                "%s is at %s now, no longer at %s", self.name, endpoint.name, old.endpoint.name
            )
            old.drop_idle()
