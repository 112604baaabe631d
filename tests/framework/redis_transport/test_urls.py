"""URLs: what each form says, and that nothing is ever guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from framework.redis_transport.connections import TCPConnection, TLSConnection, UnixConnection
from framework.redis_transport.exceptions import RedisURLError
from framework.redis_transport.urls import RedisURL, Topology, parse

HERE = str(Path(__file__))


def only(url: RedisURL) -> dict[str, Any]:
    (endpoint,) = url.endpoints
    return dict(endpoint.options)


@pytest.mark.parametrize(
    ("scheme", "kind"),
    [
        ("redis", TCPConnection),
        ("valkey", TCPConnection),
        ("rediss", TLSConnection),
        ("valkeys", TLSConnection),
    ],
)
def test_a_url_names_user_password_host_port_and_database(scheme: str, kind: type) -> None:
    url = parse(f"{scheme}://web:%2Fs%40cret@cache.internal:7000/3?client_name=shop")
    assert url.topology is Topology.SERVER
    assert url.endpoints[0].connection_class is kind
    assert url.endpoints[0].name == "cache.internal:7000"
    options = only(url)
    assert (options["username"], options["password"]) == ("web", "/s@cret")
    assert (options["db"], options["client_name"]) == (3, "shop")
    assert "cret" not in repr(url)


def test_what_is_left_out_has_the_usual_value() -> None:
    options = only(parse("redis://cache"))
    assert (options["port"], options["db"]) == (6379, 0)
    assert options["username"] is options["password"] is None
    assert only(parse("redis://:secret@cache/"))["password"] == "secret"
    assert only(parse("redis://cache?db=2"))["db"] == 2


def test_an_address_of_ip_version_6_is_understood_and_shown() -> None:
    url = parse("redis://[::1]:7000")
    assert only(url)["host"] == "::1"
    assert url.endpoints[0].name == "[::1]:7000"


def test_a_unix_socket() -> None:
    url = parse("unix://web:secret@/run/redis.sock?db=2")
    assert url.endpoints[0].connection_class is UnixConnection
    assert url.endpoints[0].name == "/run/redis.sock"
    assert (only(url)["path"], only(url)["db"]) == ("/run/redis.sock", 2)


@pytest.mark.parametrize("scheme", ["redis+sentinel", "valkey+sentinel"])
def test_sentinels_know_a_service(scheme: str) -> None:
    url = parse(
        f"{scheme}://web:secret@one,two:7000/sessions/2"
        "?sentinel_username=scout&sentinel_password=quiet"
    )
    assert (url.topology, url.service) == (Topology.SENTINEL, "sessions")
    assert [endpoint.name for endpoint in url.sentinels] == ["one:26379", "two:7000"]
    assert {endpoint.options["username"] for endpoint in url.sentinels} == {"scout"}
    assert {endpoint.options["password"] for endpoint in url.sentinels} == {"quiet"}
    assert "db" not in url.sentinels[0].options
    primary = url.endpoints[0].at("10.0.0.1", 6379)
    assert primary.name == "10.0.0.1:6379"
    assert (primary.options["username"], primary.options["password"]) == ("web", "secret")
    assert primary.options["db"] == 2


def test_sentinels_are_asked_without_the_password_of_the_primary() -> None:
    url = parse("redis+sentinel://web:secret@one/sessions")
    assert not {"username", "password"} & set(url.sentinels[0].options)


def test_sentinels_over_tls_have_the_same_authority() -> None:
    url = parse(f"valkeys+sentinel://one/sessions?ssl_ca_certs={HERE}")
    for endpoint in (*url.endpoints, *url.sentinels):
        assert endpoint.connection_class is TLSConnection
        assert endpoint.options["ssl_ca_certs"] == HERE


def test_a_cluster_is_named_by_some_of_its_nodes() -> None:
    url = parse("redis+cluster://web:secret@one:7000,two")
    assert url.topology is Topology.CLUSTER
    assert [endpoint.name for endpoint in url.endpoints] == ["one:7000", "two:6379"]
    assert {endpoint.options["password"] for endpoint in url.endpoints} == {"secret"}
    over_tls = parse(f"rediss+cluster://one?ssl_ca_certs={HERE}&ssl_check_hostname=false")
    assert over_tls.endpoints[0].connection_class is TLSConnection
    assert only(over_tls)["ssl_check_hostname"] is False


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "without a scheme"),
        ("cache.internal:6379", "without a scheme"),
        ("http://:secret@cache", "the scheme 'http' is unknown"),
        ("redis+raft://:secret@cache", "the scheme 'redis\\+raft' is unknown"),
        ("unix+cluster:///run/redis.sock", "the scheme 'unix\\+cluster' is unknown"),
        ("redis://", "a host is missing"),
        ("redis://:secret@", "a host is missing"),
        ("redis:///3", "a host is missing"),
        ("redis+cluster://one,,two", "a host is missing"),
        ("redis://:secret@cache:port", "a port is not a number"),
        ("redis://web:se:secret/cret@cache", "an @ too late in it"),
        ("redis://web:7/:secret@cache/0", "an @ too late in it"),
        ("redis://web:7?:secret@cache", "an @ too late in it"),
        ("redis://web:7#:secret@cache", "an @ too late in it"),
        ("redis://web::secret", "a port is not a number"),
        ("redis://cache/sessions", "the database 'sessions' is not a number"),
        ("redis://cache/1/2", "the database '1/2' is not a number"),
        ("redis://cache?db=one", "the database 'one' is not a number"),
        ("redis://one,two", "names 2 servers without saying whether"),
        ("redis+sentinel://:secret@one", "the name of the service is missing"),
        ("redis+sentinel://one/sessions/first", "the database 'first' is not a number"),
        ("redis+cluster://one/1", "a cluster has no database but 0"),
        ("unix://", "the path of the socket is missing"),
        ("unix://run/redis.sock", "has to begin with a slash"),
        ("redis://cache?decode_responses=true", "the option 'decode_responses' is not one of"),
        ("redis://cache?ssl_ca_certs=/etc/ca.pem", "the option 'ssl_ca_certs' is not one of"),
        ("redis://cache?sentinel_username=me", "the option 'sentinel_username' is not one of"),
        ("rediss://cache?ssl_ca_certs=/no/such.pem", "ssl_ca_certs: there is no file '/no/such"),
        ("rediss://cache?ssl_check_hostname=no", "ssl_check_hostname is true or false, not 'no'"),
        ("rediss://cache?ssl_cert_reqs=perhaps", "[Ii]nvalid SSL Certificate Requirements"),
    ],
)
def test_a_url_that_cannot_work_is_refused_without_its_password(url: str, problem: str) -> None:
    with pytest.raises(RedisURLError, match=problem) as refused:
        parse(url)
    assert "redis+sentinel://[user:password@]host[:port],…/service[/db]" in str(refused.value)
    assert ":secret" not in str(refused.value)
