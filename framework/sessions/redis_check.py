"""Checks of a Redis that is to keep sessions, made where a node starts."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from ..redis_transport.exceptions import RedisUnavailable
from .exceptions import SessionConfigError

if TYPE_CHECKING:
    from ..redis_transport.transport import RedisTransport

logger = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds in which a Redis that starts at the same time as its nodes has come up."""
POLICY = re.compile(rb"^maxmemory_policy:([\w-]+)", re.MULTILINE)


def check(transport: RedisTransport, *, patience: float = PATIENCE) -> None:
    """Wait until Redis answers, and log what will lose sessions.

    :raises SessionConfigError: it does not answer.
    """
    try:
        transport.wait_until_ready(patience)
    except RedisUnavailable as error:
        cause = str(error).removesuffix(".")
        raise SessionConfigError(
            f"REDIS_URL leads to {transport.name}, which has not answered within {patience:g} s: "
            f"{cause}. Start it, let this node reach it, or correct REDIS_URL."
        ) from error
    _warn_of_eviction(transport)


def _warn_of_eviction(transport: RedisTransport) -> None:
    try:
        answers = transport.ask_each(b"INFO", b"memory")
    except RedisUnavailable as error:
        logger.info("maxmemory-policy could not be looked up: %s", error)
        return
    for name, answer in answers.items():
        policy = POLICY.search(answer)
        if policy is not None and policy[1] != b"noeviction":
            logger.warning(
                "%s has maxmemory-policy %s: when its memory is full it deletes sessions, and "
                "their visitors are logged out. Set noeviction, or keep sessions in a Redis of "
                "their own.",
                name,
                policy[1].decode(),
            )
