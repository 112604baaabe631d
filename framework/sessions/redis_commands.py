"""RedisCommands: the transport as sessions use it, with its failures as theirs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..redis_transport.exceptions import RedisUnavailable
from ..redis_transport.scripts import Script
from .exceptions import SessionUnavailable

if TYPE_CHECKING:
    from ..redis_transport.transport import RedisTransport

SCRIPTS = Path(__file__).with_name("scripts")


def read_script(name: str) -> Script:
    """Read ``scripts/<name>.lua``."""
    return Script.from_file(SCRIPTS / f"{name}.lua")


class RedisCommands:
    """Sends commands and scripts, all of which may run twice.

    All raise ``SessionUnavailable`` where the transport gets no reply, or only an error.
    """

    def __init__(self, transport: RedisTransport) -> None:
        self._transport = transport

    def execute(self, *args: bytes, key: bytes | None = None) -> Any:
        try:
            return self._transport.execute(*args, key=key)
        except RedisUnavailable as error:
            raise SessionUnavailable(str(error)) from error

    def run(self, script: Script, keys: tuple[bytes, ...], args: tuple[bytes, ...] = ()) -> Any:
        try:
            return self._transport.run(script, keys, args)
        except RedisUnavailable as error:
            raise SessionUnavailable(str(error)) from error
