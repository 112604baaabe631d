"""What can go wrong between this process and Redis.

::

    AppError
    ├── RedisUnavailable     no reply: refused, hung, cut off, or known to be away
    │   └── RedisRefused     a reply, and it is an error
    └── RedisURLError        the URL says nothing that can be connected to (also a ConfigError)

No message holds a password.
"""

from __future__ import annotations

from ..exceptions import AppError, ConfigError

NOT_IN_CHARGE = ("READONLY", "CLUSTERDOWN", "MASTERDOWN")


class RedisUnavailable(AppError):
    """Redis did not carry out the command, or nobody knows whether it did."""


class RedisRefused(RedisUnavailable):
    """Redis answered with an error.

    :param code: the error's first word, ``READONLY`` for example.
    :param detail: the words after it.
    """

    def __init__(self, server: str, code: str, detail: str) -> None:
        super().__init__(f"{server} answered: {code} {detail}")
        self.code = code
        self.detail = detail

    @property
    def by_wrong_server(self) -> bool:
        """Whether another server is in charge now, or will be soon."""
        # An old server hides it in the error of a script.
        return any(word in f"{self.code} {self.detail}" for word in NOT_IN_CHARGE)


class RedisURLError(ConfigError):
    """A URL cannot be used; says what it should look like."""
