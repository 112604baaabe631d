"""The tables [balancer] and [balancer.tls]."""

import json
from pathlib import Path

import pytest

from deploy.deployment import TLS, Balancer, Deployment
from deploy.errors import SettingsError
from deploy.limits import RequestLimits
from deploy.profiles import gunicorn_settings, profile
from deploy.render.visitors import buffer_size
from deploy.settings import load_deployment


def load(folder: Path, toml: str) -> Deployment:
    (folder / "twofold.toml").write_text(f'app = "shop:app"\n{toml}')
    return load_deployment(folder, {}, environ={})


def test_every_key_arrives_and_survives_json(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """
        [balancer]
        bind = "[::]:443"
        redirect_bind = "0.0.0.0:80"
        trusted_proxies = ["10.0.0.0/8", "2001:db8::1", "unix"]
        proxy_protocol = true
        max_url = 2000
        max_headers = 50
        max_header_bytes = "8 KiB"
        max_body = "1GiB"
        min_upload_rate = 100
        [balancer.tls]
        certificate = "tls/cert.pem"
        key = "/etc/key.pem"
        hsts = 31536000
        """,
    )
    balancer = found.balancer
    assert balancer.tls == TLS(f"{tmp_path}/tls/cert.pem", "/etc/key.pem", 31_536_000)
    assert balancer.limits == RequestLimits(2000, 50, 8192, 1024**3, 100)
    assert balancer.trusted_proxies == ("10.0.0.0/8", "2001:db8::1", "unix")
    assert (balancer.redirect_bind, balancer.proxy_protocol) == ("0.0.0.0:80", True)
    assert balancer.url == "https://[::1]:443"
    assert Deployment.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_a_unix_socket_has_a_path_and_a_mode_and_no_port(tmp_path: Path) -> None:
    found = load(tmp_path, '[balancer]\nbind = "unix:/run/shop.sock"\nsocket_mode = "600"')
    assert found.balancer.socket_path == Path("/run/shop.sock")
    assert found.balancer.socket_mode == 0o600
    assert found.balancer.url == "unix:/run/shop.sock"
    assert found.on_port(8000) == found
    assert Balancer("unix:8000").address == ("unix", 8000)


def test_for_visitors_of_this_machine_it_is_plain_http_on_a_free_port(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        '[balancer]\nbind = "*:443"\nredirect_bind = "*:80"\nmax_headers = 7\n'
        'trusted_proxies = ["10.0.0.1"]\nproxy_protocol = true\n[balancer.tls]\ncertificate = "a"',
    ).on_loopback()
    assert found.balancer == Balancer("127.0.0.1:0", limits=RequestLimits(max_headers=7))


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('bind = "unix:relative"', ["balancer.bind", "HOST:PORT", "unix:/PATH"]),
        (f'bind = "unix:/{"x" * 107}"', ["107 bytes", "108"]),
        ('bind = "::1:80"', ["HOST:PORT", "[::1]"]),
        ('socket_mode = "rw"', ["balancer.socket_mode = 'rw'", "octal"]),
        ("socket_mode = 660", ["octal mode in quotes"]),
        ('redirect_bind = "unix:/a"', ["balancer.redirect_bind", "HOST:PORT"]),
        ('redirect_bind = "*:80"', ["redirect_bind", "no https", "[balancer.tls]"]),
        ('trusted_proxies = "10.0.0.1"', ["trusted_proxies", "list"]),
        ('trusted_proxies = ["10.0.0.1/8"]', ["10.0.0.1/8", "host bits"]),
        ('trusted_proxies = ["nginx"]', ["'nginx'", "network"]),
        ("proxy_protocol = true", ["proxy_protocol", "must be named", "trusted_proxies"]),
        ('proxy_protocol = true\ntrusted_proxies = ["unix"]', ["must be named"]),
        ("max_url = 0", ["max_url", "at least 1"]),
        ("max_header_bytes = 100", ["from 1024 to 262144"]),
        ("max_headers = 5000", ["max_headers", "at most 1000"]),
        ('max_body = "16 MB"', ["max_body", "'16 MiB'"]),
        ('max_body = "0 KiB"', ["at least 1"]),
        ("max_body = true", ["whole number"]),
        ("min_upload_rate = -1", ["min_upload_rate", "at least 1"]),
        ('tls.key = "k"', ["balancer.tls", "certificate is missing"]),
        ("tls.hsts = 5", ["certificate is missing"]),
        ('tls.certificate = "a"\ntls.hsts = -5', ["hsts = -5", "from 0"]),
        ('tls.certificate = "a"\ntls.hsts = "1d"', ["whole number of seconds"]),
        (
            'tls.certificat = "a"',
            ["balancer.tls.certificat: unknown key", "balancer.tls.certificate"],
        ),
        ('bind = "unix:/a"\ntls.certificate = "a"', ["unix socket", "plain http"]),
    ],
)
def test_what_is_wrong_is_refused_with_path_and_reason(
    tmp_path: Path, toml: str, words: list[str]
) -> None:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, f"[balancer]\n{toml}")
    assert [word for word in words if word not in str(refused.value)] == []


def test_gunicorns_limits_follow_and_say_why(tmp_path: Path) -> None:
    def limits(toml: str) -> dict[str, object]:
        settings = gunicorn_settings(
            profile("threads"),
            app="a:b",
            binds=["h:1"],
            request_timeout=1,
            trusted_proxies=[],
            limits=load(tmp_path, f"[balancer]\n{toml}").balancer.limits,
        )
        return {one.name: one.value for one in settings if one.name.startswith("limit_")}

    assert limits("") == {
        "limit_request_line": 8190,
        "limit_request_fields": 110,
        "limit_request_field_size": 16_384,
    }
    # gunicorn has no limit between its largest and none.
    assert limits("max_url = 8001\nmax_headers = 1000")["limit_request_line"] == 0
    assert limits("max_headers = 1000")["limit_request_fields"] == 1010


@pytest.mark.parametrize("toml", ["", "max_url = 100000\nmax_header_bytes = '256 KiB'"])
def test_the_buffer_holds_what_is_allowed_and_some_of_the_body(tmp_path: Path, toml: str) -> None:
    limits = load(tmp_path, f"[balancer]\n{toml}").balancer.limits
    assert buffer_size(limits) > limits.max_url + limits.max_header_bytes + 1024
