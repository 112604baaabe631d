"""Does a slot serve, does a store answer: asked from outside."""

import http.client
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from .errors import StartError

if TYPE_CHECKING:
    from redis import Redis

STORE_TIMEOUT = 2.0

# As the framework writes them; the nodes find these servers, and refuse to start without them.
SEVERAL_SERVERS = re.compile(r"(redis|valkey)s?\+(sentinel|cluster)://")


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    status: int | None
    text: str

    @property
    def ready(self) -> bool:
        """Anything but 5xx: an app without a readiness page answers 404, and serves."""
        return self.status is not None and self.status < 500


def probe(host: str, port: int, path: str, *, timeout: float) -> ProbeAnswer:
    """One GET; what goes wrong is an answer too. `timeout` is in seconds."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        body = response.read(300).decode("utf-8", "replace").strip()
        return ProbeAnswer(response.status, f"{response.status} {response.reason} {body}".strip())
    except (OSError, http.client.HTTPException) as error:
        return ProbeAnswer(None, f"no answer: {error or type(error).__name__}")
    finally:
        connection.close()


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def has_several_servers(url: str) -> bool:
    """Whether they are behind sentinels or in a cluster, where one answer says little."""
    return SEVERAL_SERVERS.match(url) is not None


def client_url(url: str) -> str:
    """The URL of a single server as the client library takes it."""
    return re.sub(r"^valkey(s?)://", r"redis\1://", url)


def check_store(url: str) -> None:
    """An error, if the Redis or Valkey at the URL refuses, hangs or wants another password.

    Several servers are not asked.
    """
    import redis

    if has_several_servers(url):
        return
    shown = without_password(url)
    try:
        with redis.Redis.from_url(
            client_url(url),
            socket_connect_timeout=STORE_TIMEOUT,
            socket_timeout=STORE_TIMEOUT,
            retry=None,
        ) as client:
            client.ping()
    except (redis.RedisError, ValueError, OSError) as error:
        reason = _reason(error)
        raise StartError(
            f"redis_url = {shown!r}: {reason}; start that server, correct redis_url or REDIS_URL, "
            "or leave both out to have a store started"
        ) from None


class StorePing:
    """How long a PING to a store takes, over a connection that is kept; threads may share it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Redis | None = None

    def seconds(self) -> float | None:
        """None without an answer within STORE_TIMEOUT, and for several servers."""
        import redis

        if has_several_servers(self._url):
            return None
        if self._client is None:
            self._client = redis.Redis.from_url(
                client_url(self._url),
                socket_connect_timeout=STORE_TIMEOUT,
                socket_timeout=STORE_TIMEOUT,
                retry=None,
            )
            # The first one pays for the connection.
            self._ping(self._client)
        return self._ping(self._client)

    def _ping(self, client: "Redis") -> float | None:
        import redis

        began = time.monotonic()
        try:
            client.ping()
        except (redis.RedisError, OSError):
            return None
        return time.monotonic() - began


def _reason(error: Exception) -> str:
    import redis

    if isinstance(error, redis.TimeoutError | TimeoutError):
        return f"no answer within {STORE_TIMEOUT:g} s"
    return str(error) or type(error).__name__
