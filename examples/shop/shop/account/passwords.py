"""Passwords: kept as salted scrypt hashes, a few at a time."""

import threading
from functools import cache

from werkzeug.security import check_password_hash, generate_password_hash

SHORTEST, LONGEST = 10, 200

# One hash takes 32 MiB and a while, on purpose; more of them at once would use up the memory.
turns = threading.BoundedSemaphore(2)


def hashed(password: str) -> str:
    """Return what to keep of a password."""
    with turns:
        return generate_password_hash(password)


def is_right(password_hash: str | None, password: str) -> bool:
    """Whether a password belongs to a hash; ``None``, for no account, takes as long."""
    with turns:
        matches = check_password_hash(password_hash or nobodys_hash(), password)
    return matches and password_hash is not None


@cache
def nobodys_hash() -> str:
    """Return what is compared with where there is no account."""
    return generate_password_hash("")
