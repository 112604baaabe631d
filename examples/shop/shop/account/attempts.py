"""How often somebody may try a password: counted in Redis, so that all nodes count together."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from werkzeug.exceptions import ServiceUnavailable

from framework.redis_transport.exceptions import RedisUnavailable
from framework.redis_transport.scripts import Script
from framework.sessions.redis_store import RedisSessionStore
from framework.sessions.server_side import ServerSideSessionInterface
from shop.config import ShopConfig

if TYPE_CHECKING:
    from framework.redis_transport.transport import RedisTransport
    from shop.requests import ShopRequest

COUNT = Script.from_file(Path(__file__).with_name("attempt.lua"))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to log in, which counts for the account and for the visitor's address.

    It is counted before the password is looked at, so that attempts at the same time all count, and
    taken back if the password was right. Where there is no account it counts as well, and so tells
    nobody which accounts there are.

    :param redis: where it is counted; ``None``, for sessions in a signed cookie: nowhere.
    :param counts: a key for each count, and the most there may be.
    :param window: seconds from the first attempt until the count begins again.
    """

    redis: RedisTransport | None
    counts: tuple[tuple[bytes, int], ...]
    window: int

    @classmethod
    def of(cls, request: ShopRequest, email: str) -> Self:
        """Return the attempt that a request makes."""
        config = ShopConfig.of(request)
        # The address comes first: one that has to wait cannot use up the attempts of an account.
        counts = (
            (key("address", network(request.visitor_address)), config.login_attempts_per_address),
            (key("account", email), config.login_attempts),
        )
        return cls(shared_redis(request), counts, config.login_window)

    def begin(self) -> int:
        """Count the attempt, and return how many seconds it has to wait; 0: it may be made.

        :raises ServiceUnavailable: it cannot be counted.
        """
        return next((wait for name, most in self.counts if (wait := self._add(1, name, most))), 0)

    def take_back(self) -> None:
        """Count the attempt no longer, for the password was right."""
        for name, most in self.counts:
            self._add(-1, name, most)

    def _add(self, number: int, name: bytes, most: int) -> int:
        if self.redis is None:
            return 0
        args = tuple(b"%d" % value for value in (number, most, self.window))
        try:
            wait: int = self.redis.run(COUNT, (name,), args)
        except RedisUnavailable as error:
            # Nobody could stay logged in either: the sessions are in the same Redis.
            raise ServiceUnavailable(retry_after=1) from error
        return wait


def shared_redis(request: ShopRequest) -> RedisTransport | None:
    """Return the way to the Redis that has the sessions, if they are in one."""
    interface = request.app.session_interface
    store = interface.store if isinstance(interface, ServerSideSessionInterface) else None
    return store.transport if isinstance(store, RedisSessionStore) else None


def key(kind: str, whose: str) -> bytes:
    """Return the name of a count: of one length, and without what somebody has typed."""
    return f"shop:login:{kind}:{hashlib.sha256(whose.encode()).hexdigest()}".encode()


def network(address: str) -> str:
    """Return what counts as one address: with IPv6 a /64, which is what one connection gets."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
