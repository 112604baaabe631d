"""The tables [balancer] and [balancer.tls]: from checked values to a Balancer."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from . import setting_checks as checks
from .deployment import SLO, TLS, Balancer
from .errors import SettingsError
from .limits import DEFAULT_LIMITS, RequestLimits

BALANCER_CHECKS: Mapping[str, Callable[[object], str | None]] = MappingProxyType(
    {
        "balancer.bind": checks.is_bind,
        "balancer.socket_mode": checks.is_mode,
        "balancer.redirect_bind": checks.is_address,
        "balancer.queue_timeout": checks.is_seconds,
        "balancer.request_timeout": checks.is_seconds,
        "balancer.trusted_proxies": checks.are_proxies,
        "balancer.proxy_protocol": checks.is_flag,
        "balancer.max_url": checks.is_header_size,
        "balancer.max_headers": checks.is_count,
        "balancer.max_header_bytes": checks.is_header_size,
        "balancer.max_body": checks.is_size,
        "balancer.min_upload_rate": checks.is_size,
        "balancer.tls.certificate": checks.is_text,
        "balancer.tls.key": checks.is_text,
        "balancer.tls.hsts": checks.is_age,
    }
)

DEFAULTS = Balancer()


def balancer_of(get: Callable[..., Any], directory: Path, slo: SLO) -> Balancer:
    """From values that were checked one by one; `get` takes a path and a default.

    :raises SettingsError: two of them do not go together.
    """
    balancer = Balancer(
        bind=get("balancer.bind", DEFAULTS.bind),
        queue_timeout=float(get("balancer.queue_timeout", slo.longest_wait)),
        request_timeout=float(get("balancer.request_timeout", DEFAULTS.request_timeout)),
        limits=_limits(get),
        tls=_tls(get, directory),
        redirect_bind=get("balancer.redirect_bind"),
        socket_mode=int(get("balancer.socket_mode", f"{DEFAULTS.socket_mode:o}"), 8),
        trusted_proxies=tuple(get("balancer.trusted_proxies", ())),
        proxy_protocol=get("balancer.proxy_protocol", False),
    )
    problem = _problem(balancer)
    if problem:
        raise SettingsError(problem)
    return balancer


def _limits(get: Callable[..., Any]) -> RequestLimits:
    default = DEFAULT_LIMITS
    return RequestLimits(
        max_url=checks.size(get("balancer.max_url", default.max_url)),
        max_headers=get("balancer.max_headers", default.max_headers),
        max_header_bytes=checks.size(get("balancer.max_header_bytes", default.max_header_bytes)),
        max_body=checks.size(get("balancer.max_body", default.max_body)),
        min_upload_rate=checks.size(get("balancer.min_upload_rate", default.min_upload_rate)),
    )


def _tls(get: Callable[..., Any], directory: Path) -> TLS | None:
    certificate, key = get("balancer.tls.certificate"), get("balancer.tls.key")
    if certificate is None:
        if key is not None or get("balancer.tls.hsts") is not None:
            raise SettingsError(
                "balancer.tls: certificate is missing; name the PEM file with the certificate "
                "and those that lead to its authority"
            )
        return None
    return TLS(
        certificate=str(directory / certificate),
        key=None if key is None else str(directory / key),
        hsts=get("balancer.tls.hsts", 0),
    )


def _problem(balancer: Balancer) -> str | None:
    if balancer.socket_path and (balancer.tls or balancer.proxy_protocol):
        return (
            f"balancer.bind = {balancer.bind!r}: on a unix socket the balancer speaks plain http "
            "with the proxy in front; take [balancer.tls] and proxy_protocol away, or bind an "
            "address with a port"
        )
    if balancer.redirect_bind and not balancer.tls:
        return (
            f"balancer.redirect_bind = {balancer.redirect_bind!r}: there is no https to lead "
            "visitors to; add [balancer.tls] with a certificate"
        )
    networks = [proxy for proxy in balancer.trusted_proxies if proxy != "unix"]
    if balancer.proxy_protocol and not networks:
        return (
            "balancer.proxy_protocol: the proxies that speak it must be named, or every visitor "
            "could claim any address; list them in balancer.trusted_proxies"
        )
    return None
