"""What an app is told about its visitors, whatever they claim themselves."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.profiles import PROFILES
from deploy.targets.local import LocalTarget
from tests.deploy.raw_visitors import ECHO_APP, Visitor, ask

pytestmark = pytest.mark.integration

Start = Callable[..., LocalTarget]

FORGED = (
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-For: 7.7.7.7",
    "x-forwarded-proto: https",
    "X-Forwarded-Protocol: ssl",
    "X-Forwarded-Ssl: on",
    "X-Forwarded-Host: forged",
    "X-Forwarded-Port: 6",
    "X-Forwarded-Prefix: /forged",
    "X-Forwarded-Server: forged",
    "X_Forwarded_For: 8.8.8.8",
    "X_FORWARDED-Host: forged",
    "X-Forwarded_Proto: https",
    "Forwarded: for=6.6.6.6;proto=https",
    "X-Real-IP: 6.6.6.6",
    "X_Real_IP: 6.6.6.6",
    "Script_Name: /forged",
    "Path_Info: /forged",
    "Remote-Addr: 6.6.6.6",
)
OF_A_PROXY = (
    "X-Forwarded-For: 203.0.113.7, 198.51.100.2",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: shop.example",
    "X-Forwarded-Port: 443",
)


@pytest.fixture(autouse=True)
def echo_app(project: Path) -> None:
    (project / "site_app.py").write_text(ECHO_APP)


@pytest.mark.parametrize("fast_workers", [True, False], ids=["our class", "gunicorn's class"])
@pytest.mark.parametrize("profile", PROFILES)
def test_forged_headers_reach_no_app_and_make_nothing_secure(
    start: Start, profile: str, fast_workers: bool
) -> None:
    target = start(profile=profile, fast_workers=fast_workers, nodes=1, workers=1)
    for headers in (FORGED, *((header,) for header in FORGED)):
        assert ask(target.url, "Host: shop", *headers).said == {
            "REMOTE_ADDR": target.status().nodes[0].address.rpartition(".")[0] + ".253",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/",
            "wsgi.url_scheme": "http",
            "HTTP_HOST": "shop",
            "HTTP_X_FORWARDED_FOR": "127.0.0.1",
            "HTTP_X_FORWARDED_PROTO": "http",
            "HTTP_X_FORWARDED_HOST": "shop",
            "size": 0,
        }

    # Past the balancer, nobody is believed: this visitor has another address than the balancer.
    [slot] = target.status().slots
    for headers in (FORGED, *((header,) for header in FORGED)):
        said = ask(slot.address, *headers).said
        assert said["wsgi.url_scheme"] == "http"
        assert (said["SCRIPT_NAME"], said["PATH_INFO"]) == ("", "/")
        assert said["REMOTE_ADDR"] == "127.0.0.1"


def test_a_trusted_proxy_is_believed_and_added_to_and_others_are_not(start: Start) -> None:
    trusted = ["10.9.8.0/24", "127.0.0.3"]
    target = start(nodes=1, workers=1, **{"balancer.trusted_proxies": trusted})
    said = ask(target.url, "Host: inside", *OF_A_PROXY, source="127.0.0.3").said
    assert said["HTTP_X_FORWARDED_FOR"] == "203.0.113.7, 198.51.100.2, 127.0.0.3"
    assert said["HTTP_X_FORWARDED_PROTO"] == said["wsgi.url_scheme"] == "https"
    assert said["HTTP_X_FORWARDED_HOST"] == "shop.example"
    assert said["HTTP_X_FORWARDED_PORT"] == "443"
    assert said["HTTP_HOST"] == "inside"

    said = ask(target.url, *OF_A_PROXY, source="127.0.0.4").said
    assert said["HTTP_X_FORWARDED_FOR"] == "127.0.0.4"
    assert said["HTTP_X_FORWARDED_PROTO"] == said["wsgi.url_scheme"] == "http"
    assert said["HTTP_X_FORWARDED_HOST"] == "a"
    assert "HTTP_X_FORWARDED_PORT" not in said


def test_a_trusted_proxy_cannot_say_what_has_no_meaning_here(start: Start) -> None:
    target = start(nodes=1, workers=1, **{"balancer.trusted_proxies": ["127.0.0.0/8"]})
    said = ask(target.url, *FORGED).said
    assert said["HTTP_X_FORWARDED_PROTO"] == said["wsgi.url_scheme"] == "https"
    told = {"HTTP_X_FORWARDED_" + name for name in ("FOR", "PROTO", "HOST", "PORT")}
    assert {key for key in said if "FORW" in key or "REAL" in key} == told
    # The last line is the proxy's own; those before it may be the visitor's.
    assert said["HTTP_X_FORWARDED_FOR"] == "7.7.7.7, 127.0.0.1"

    said = ask(target.url, "X-Forwarded-Proto: gopher").said
    assert said["HTTP_X_FORWARDED_PROTO"] == "http"
    assert said["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
    said = ask(target.url, "X-Forwarded-Proto: http, https").said
    assert said["HTTP_X_FORWARDED_PROTO"] == "https"


def test_trusted_proxies_may_speak_the_proxy_protocol_and_others_need_not(start: Start) -> None:
    proxies = {"balancer.trusted_proxies": ["127.0.0.3"], "balancer.proxy_protocol": True}
    target = start(nodes=1, workers=1, **proxies)
    with Visitor(target.url, source="127.0.0.3") as proxy:
        proxy.send(b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n")
        for _ in range(2):
            said = proxy.ask("/", *OF_A_PROXY).said
            assert said["HTTP_X_FORWARDED_FOR"] == "203.0.113.7"
            assert said["wsgi.url_scheme"] == "http"
    with Visitor(target.url, source="127.0.0.3") as proxy:
        proxy.request("/")
        assert proxy.is_closed()
    assert ask(target.url, source="127.0.0.4").said["HTTP_X_FORWARDED_FOR"] == "127.0.0.4"
    with Visitor(target.url, source="127.0.0.4") as forger:
        forger.send(b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n")
        forger.request("/")
        assert forger.answer().status == 400
