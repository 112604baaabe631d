"""URLs of Redis and Valkey, one server or many.

======================================== =========================================================
``redis://[user:password@]host[:port]``  one server; ``/db`` may follow
``unix://[user:password@]/path?db=0``    one server on this machine
``redis+sentinel://…host,host/service``  the primary of that service, which the sentinels know
``redis+cluster://…host,host``           a cluster, of which some nodes are named
======================================== =========================================================

``valkey`` means the same as ``redis``; ``rediss`` and ``valkeys`` the same over TLS, to sentinels
too. After ``?`` stand options of TLS (``ssl_ca_certs=/path`` and so on), ``client_name``, and
``sentinel_username`` and ``sentinel_password`` for sentinels that ask for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.exceptions import RedisError

from .connections import Endpoint, TCPConnection, TLSConnection, UnixConnection
from .exceptions import RedisURLError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from urllib.parse import SplitResult

    from .connections import Connection

FORMS = (
    "redis://[user:password@]host[:port][/db], unix:///path, "
    "redis+sentinel://[user:password@]host[:port],…/service[/db] or "
    "redis+cluster://[user:password@]host[:port],…; valkey:// is the same as redis://, and "
    "rediss:// and valkeys:// are the same over TLS"
)
PORT, SENTINEL_PORT = 6379, 26379
FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
TLS_OPTIONS = {*FILES, "ssl_ca_path", "ssl_cert_reqs", "ssl_check_hostname", "ssl_password"}
SENTINEL_OPTIONS = {"sentinel_username", "sentinel_password"}
# RESP2 needs no greeting, so connecting costs one round trip less.
ALWAYS = {"protocol": 2, "driver_info": None}


class Topology(StrEnum):
    """How many servers there are, and who knows them."""

    SERVER = ""
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


CLASSES: dict[str, Callable[..., Connection]] = {
    "redis": TCPConnection,
    "valkey": TCPConnection,
    "rediss": TLSConnection,
    "valkeys": TLSConnection,
}


@dataclass(frozen=True)
class RedisURL:
    """What a URL says.

    :param endpoints: the server, or some of a cluster's nodes. With sentinels only the way to
        connect counts, for the address is theirs to tell.
    :param sentinels: whom to ask for the primary.
    :param service: the name sentinels know the primary by.
    """

    topology: Topology
    endpoints: tuple[Endpoint, ...]
    sentinels: tuple[Endpoint, ...] = ()
    service: str = ""


def parse(url: str) -> RedisURL:
    """Read a URL.

    :raises RedisURLError: nothing can be connected to by it.
    """
    scheme = url.partition("://")[0] if "://" in url else ""
    try:
        return _parse(urlsplit(url))
    except (TypeError, ValueError, RedisError) as error:
        # The rest of the URL may hold a password.
        shown = f"{scheme}://…" if scheme else "without a scheme"
        raise RedisURLError(f"The URL ({shown}) cannot be used: {error}. Write {FORMS}.") from None


def _parse(parts: SplitResult) -> RedisURL:
    base, _, topology = parts.scheme.partition("+")
    if parts.scheme != "unix" and (base not in CLASSES or topology not in set(Topology)):
        raise ValueError(f"the scheme {parts.scheme!r} is unknown")
    if "@" in f"{parts.path}{parts.query}{parts.fragment}":
        raise ValueError("there is an @ too late in it; write /, ? and # in a password as %2F, …")
    query = _query(parts.query, Topology(topology), tls=CLASSES.get(base) is TLSConnection)
    options = _login(parts.netloc) | query | ALWAYS
    if parts.scheme == "unix":
        return _one_server(UnixConnection, options, {"path": _socket_path(parts)})
    connection_class = CLASSES[base]
    names = [unquote(name) for name in parts.path.strip("/").split("/") if name]
    if topology == Topology.SENTINEL:
        return _sentinels(connection_class, options, _hosts(parts, SENTINEL_PORT), names)
    hosts = _hosts(parts, PORT)
    _set_database(options, names)
    if topology == Topology.CLUSTER:
        return _cluster(connection_class, options, hosts)
    if len(hosts) > 1:
        raise ValueError(
            f"it names {len(hosts)} servers without saying whether they are sentinels or a cluster"
        )
    return _one_server(connection_class, options, hosts[0])


def _one_server(
    connection_class: Callable[..., Connection], options: dict[str, Any], where: Mapping[str, Any]
) -> RedisURL:
    return RedisURL(Topology.SERVER, (_endpoint(connection_class, options, where),))


def _sentinels(
    connection_class: Callable[..., Connection],
    options: dict[str, Any],
    hosts: list[dict[str, Any]],
    names: list[str],
) -> RedisURL:
    if not names:
        raise ValueError("the name of the service is missing behind the hosts")
    service, *rest = names
    own = {name: value for name, value in options.items() if name in TLS_OPTIONS or name in ALWAYS}
    for name in SENTINEL_OPTIONS & set(options):
        own[name.removeprefix("sentinel_")] = options.pop(name)
    _set_database(options, rest)
    return RedisURL(
        Topology.SENTINEL,
        tuple(_endpoint(connection_class, options, where) for where in hosts),
        tuple(_endpoint(connection_class, own, where) for where in hosts),
        service,
    )


def _cluster(
    connection_class: Callable[..., Connection],
    options: dict[str, Any],
    hosts: list[dict[str, Any]],
) -> RedisURL:
    if options["db"]:
        raise ValueError("a cluster has no database but 0")
    return RedisURL(
        Topology.CLUSTER, tuple(_endpoint(connection_class, options, where) for where in hosts)
    )


def _endpoint(
    connection_class: Callable[..., Connection], options: dict[str, Any], where: Mapping[str, Any]
) -> Endpoint:
    endpoint = Endpoint(connection_class, {**options, **where})
    connection_class(**endpoint.options)  # It checks what it is given.
    return endpoint


def _login(netloc: str) -> dict[str, Any]:
    user, _, password = netloc.rpartition("@")[0].partition(":")
    return {"username": unquote(user) or None, "password": unquote(password) or None}


def _hosts(parts: SplitResult, default_port: int) -> list[dict[str, Any]]:
    hosts = []
    for address in parts.netloc.rpartition("@")[2].split(","):
        split = urlsplit(f"//{address}")
        if not split.hostname:
            # redis-py would connect to localhost.
            raise ValueError("a host is missing")
        hosts.append({"host": unquote(split.hostname), "port": _port(split) or default_port})
    return hosts


def _port(split: SplitResult) -> int | None:
    try:
        return split.port
    except ValueError:
        # Python's message shows what stands there, which may be a part of a password.
        raise ValueError("a port is not a number up to 65535") from None


def _socket_path(parts: SplitResult) -> str:
    if parts.netloc.rpartition("@")[2]:
        raise ValueError("the path of the socket has to begin with a slash: unix:///path")
    if not parts.path.strip("/"):
        raise ValueError("the path of the socket is missing")
    return unquote(parts.path)


def _set_database(options: dict[str, Any], names: list[str]) -> None:
    if len(names) > 1 or (names and not names[0].isdigit()):
        raise ValueError(f"the database {'/'.join(names)!r} is not a number")
    options["db"] = int(names[0]) if names else options.get("db", 0)


def _query(text: str, topology: Topology, *, tls: bool) -> dict[str, Any]:
    known = {"db", "client_name"}
    known |= TLS_OPTIONS if tls else set()
    known |= SENTINEL_OPTIONS if topology is Topology.SENTINEL else set()
    query: dict[str, Any] = dict(parse_qsl(text, keep_blank_values=True))
    if unknown := sorted(set(query) - known):
        raise ValueError(
            f"the option {unknown[0]!r} is not one of {', '.join(sorted(known))} that it can have"
        )
    for name in FILES:
        if name in query and not Path(query[name]).is_file():
            raise ValueError(f"{name}: there is no file {query[name]!r}")
    if "ssl_check_hostname" in query:
        query["ssl_check_hostname"] = _truth("ssl_check_hostname", query["ssl_check_hostname"])
    if "db" in query:
        _set_database(query, [query["db"]])
    return query


def _truth(name: str, text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(f"{name} is true or false, not {text!r}")
    return text == "true"
