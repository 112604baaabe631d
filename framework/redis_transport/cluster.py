"""Cluster: sends each command to the node that has its key.

The routing is our own, because redis-py's cluster client has pools, retries and time limits of its
own; docs/decisions/redis-cluster.md says more.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from .connections import pack
from .exceptions import RedisRefused, RedisUnavailable
from .lookout import Lookout
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .connections import Endpoint

# A key that moves more often while it is asked for is in a cluster in disorder.
REDIRECTIONS = 5
# Seconds to wait when a script's keys are on two nodes, in the middle of a move.
TRY_AGAIN = 0.01
QUESTION = pack(b"CLUSTER", b"SLOTS")


class Cluster:
    """The primaries of a cluster, and which slots each of them has.

    Any node can tell. One is asked when this is first needed, and when something seems to have
    changed: a key has moved, or a node does not answer.
    """

    def __init__(self, seeds: Sequence[Endpoint], *, timeout: float, max_connections: int) -> None:
        self.name = f"Redis cluster at {', '.join(seed.name for seed in seeds)}"
        self._seed_endpoints = seeds
        self._timeout = timeout
        self._max_connections = max_connections
        self.reset()

    def reset(self) -> None:
        """Start with no connections and no knowledge."""
        self._seeds = [
            Server(endpoint, timeout=self._timeout, max_connections=1)
            for endpoint in self._seed_endpoints
        ]
        self._nodes: dict[tuple[str, int], Server] = {}
        self._slots: list[Server | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._problem = "nobody has asked for its nodes yet"
        self._looks = 0
        self._lookout = Lookout(every=math.inf)

    def ask(self, packed: bytes, deadline: float, key: bytes | None = None) -> Any:
        """Send one command, which may run twice, to the node that has ``key``."""
        self._lookout.keep(self._look, deadline, known=bool(self._nodes))
        node, asking = self._node_of(key_slot(key or b"")), False
        for _ in range(REDIRECTIONS):
            try:
                return self._ask_in_place(node, packed, deadline, asking)
            except RedisRefused as refusal:
                if refusal.by_wrong_server:
                    self._lookout.soon()
                if refusal.code not in {"MOVED", "ASK"}:
                    raise
                node, asking = self._redirected(refusal, node), refusal.code == "ASK"
            except RedisUnavailable:
                self._lookout.soon()
                raise
        raise RedisUnavailable(f"{self.name} sends one command from node to node")

    def ask_each(self, packed: bytes, deadline: float) -> dict[str, Any]:
        """Ask every primary; all slots have to be served."""
        self._lookout.keep(self._look, deadline, known=False)
        nodes = {node.name: node for node in map(self._node_of, range(REDIS_CLUSTER_HASH_SLOTS))}
        return {name: node.ask(packed, deadline) for name, node in nodes.items()}

    def drop_idle(self) -> None:
        for node in (*self._seeds, *self._nodes.values()):
            node.drop_idle()

    def _ask_in_place(self, node: Server, packed: bytes, deadline: float, asking: bool) -> Any:
        while True:
            try:
                return node.ask(packed, deadline, asking=asking)
            except RedisRefused as refusal:
                if refusal.code != "TRYAGAIN" or time.monotonic() + TRY_AGAIN > deadline:
                    raise
            time.sleep(TRY_AGAIN)

    def _node_of(self, slot: int) -> Server:
        node = self._slots[slot]
        if node is None:
            self._lookout.soon()
            problem = f": {self._problem}" if self._problem else ""
            raise RedisUnavailable(f"no node of the {self.name} serves slot {slot}{problem}")
        return node

    def _redirected(self, refusal: RedisRefused, node: Server) -> Server:
        slot, _, address = refusal.detail.partition(" ")
        host, _, port = address.rpartition(":")
        target = self._node_at(host, int(port), node)
        if refusal.code == "MOVED":
            # Slots move in numbers, so the others may have moved, too.
            self._slots[int(slot)] = target
            self._lookout.soon()
        return target

    def _node_at(self, host: str, port: int, teller: Server) -> Server:
        # A node that does not know its own name means the one by which it was reached.
        host = teller.endpoint.host if host in {"", "?"} else host
        node = self._nodes.get((host, port))
        if node is None:
            node = self._nodes[host, port] = Server(
                teller.endpoint.at(host, port),
                timeout=self._timeout,
                max_connections=self._max_connections,
            )
        return node

    def _look(self, deadline: float) -> None:
        tellers = [*self._nodes.values(), *self._seeds]
        # A node that was cut off from the others tells old news, so it is not always the same one.
        self._looks += 1
        first = self._looks % len(tellers)
        problems = []
        for position, teller in enumerate([*tellers[first:], *tellers[:first]]):
            now = time.monotonic()
            share = (deadline - now) / (len(tellers) - position)
            try:
                ranges = teller.ask(QUESTION, now + share)
            except RedisUnavailable as error:
                problems.append(str(error))
            else:
                self._use(ranges, teller)
                self._problem = ""
                return
        self._problem = "; ".join(problems)

    def _use(self, ranges: list[Any], teller: Server) -> None:
        slots: list[Server | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for first, last, (host, port, *_), *_ in ranges:
            node = self._node_at((host or b"").decode(), port, teller)
            slots[first : last + 1] = [node] * (last + 1 - first)
        self._slots = slots
        serving = set(slots)
        for address, node in list(self._nodes.items()):
            if node not in serving:
                del self._nodes[address]
                node.drop_idle()
