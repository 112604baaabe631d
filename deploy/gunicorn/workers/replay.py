"""Sockets that hand a connection to gunicorn's own code, with the bytes already read from it."""

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    _Socket = socket.socket
else:
    _Socket = object


class Replays(_Socket):
    """To be put before a socket class: the first bytes to be received are these."""

    ahead = b""

    def recv(self, size: int, *flags: int) -> bytes:
        if not self.ahead:
            return super().recv(size, *flags)
        data, self.ahead = self.ahead[:size], self.ahead[size:]
        return data


class ReplayingSocket(Replays, socket.socket):
    pass
