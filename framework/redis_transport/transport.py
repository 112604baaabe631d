"""RedisTransport: sends commands to Redis or Valkey and reads the replies, safely and fast."""

from __future__ import annotations

import os
import time
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from .budget import current_budget
from .cluster import Cluster
from .connections import pack
from .exceptions import RedisRefused, RedisUnavailable
from .sentinel import SentinelPrimary
from .server import Server
from .urls import Topology, parse

if TYPE_CHECKING:
    from .scripts import Script
    from .urls import RedisURL

MAX_CONNECTIONS = 128
# Seconds between two attempts to reach a Redis that is waited for.
TRY_EVERY = 0.1


class Target(Protocol):
    """One server, or several that know which of them is the right one."""

    name: str

    def reset(self) -> None: ...
    def ask(self, packed: bytes, deadline: float, key: bytes | None = None) -> Any: ...
    def ask_each(self, packed: bytes, deadline: float) -> dict[str, Any]: ...
    def drop_idle(self) -> None: ...


class RedisTransport:
    """What all threads or greenlets of a process use to talk to one Redis, sentinels or a cluster.

    :param url: see ``urls``.
    :param timeout: seconds a command may take, waiting for a connection included.
    :param max_connections: more callers of one server than this wait for each other.
    :raises RedisURLError: the URL says nothing that can be connected to.
    """

    def __init__(
        self, url: str, *, timeout: float = 0.25, max_connections: int = MAX_CONNECTIONS
    ) -> None:
        self.timeout = timeout
        self._target = _target(parse(url), timeout, max_connections)
        self.name = self._target.name
        target = weakref.ref(self._target)

        def reset_in_child() -> None:  # pragma: no cover  # Nobody counts lines in a child.
            if (found := target()) is not None:
                found.reset()

        os.register_at_fork(after_in_child=reset_in_child)

    def execute(self, *args: bytes, key: bytes | None = None) -> Any:
        """Send one command, which may run twice, and return its reply.

        :param key: decides which node of a cluster is asked; if it is not the first argument.
        :raises RedisUnavailable: there is no reply, or only an error.
        """
        if key is None and len(args) > 1:
            key = args[1]
        seconds = self.timeout
        budget = current_budget.get()
        if budget is not None and budget.left < seconds:
            seconds = budget.left
            if seconds <= 0:
                raise RedisUnavailable(f"the request has waited long enough for {self.name}")
        started = time.monotonic()
        try:
            return self._target.ask(pack(*args), started + seconds, key)
        finally:
            if budget is not None:
                budget.left -= time.monotonic() - started

    def run(self, script: Script, keys: tuple[bytes, ...], args: tuple[bytes, ...] = ()) -> Any:
        """Run a script, which is sent whole when the server does not know it."""
        call = (b"%d" % len(keys), *keys, *args)
        try:
            return self.execute(b"EVALSHA", script.sha, *call, key=keys[0])
        except RedisRefused as refusal:
            if refusal.code != "NOSCRIPT":
                raise
        return self.execute(b"EVAL", script.source, *call, key=keys[0])

    def ask_each(self, *args: bytes) -> dict[str, Any]:
        """Send one command to every primary; return the replies by the servers' names."""
        return self._target.ask_each(pack(*args), time.monotonic() + self.timeout)

    def wait_until_ready(self, within: float) -> None:
        """Return as soon as every primary answers.

        :raises RedisUnavailable: one did not do so within that many seconds.
        """
        deadline = time.monotonic() + within
        while True:
            try:
                self.ask_each(b"PING")
            except RedisUnavailable:
                if time.monotonic() + TRY_EVERY > deadline:
                    raise
                time.sleep(TRY_EVERY)
            else:
                return

    def drop_idle(self) -> None:
        """Close the connections nobody is using."""
        self._target.drop_idle()


def _target(url: RedisURL, timeout: float, max_connections: int) -> Target:
    match url.topology:
        case Topology.SENTINEL:
            return SentinelPrimary(
                url.sentinels,
                url.service,
                url.endpoints[0],
                timeout=timeout,
                max_connections=max_connections,
            )
        case Topology.CLUSTER:
            return Cluster(url.endpoints, timeout=timeout, max_connections=max_connections)
        case _:
            return Server(url.endpoints[0], timeout=timeout, max_connections=max_connections)
