"""What visitors meet, as HAProxy's configuration: addresses, TLS, limits, whom it believes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..deployment import Balancer
from ..limits import MIB, REFUSALS, REFUSED_HEADER, RequestLimits
from ..logs.requests import FIELDS, log_rules, request_id_rules

FRONTEND = "visitors"

# Headers must come in this time, and after them the body as far as it is kept; in seconds.
REQUEST_PATIENCE = 10

# HAProxy keeps so much of its buffer for headers that it adds. The steps are for round numbers.
ADDED_HEADERS = 1024
BUFFER_STEP = 16 * 1024

# HAProxy answers 400 to more headers than it has room for; up to so many too many, 431.
SPARE_HEADERS = 28

# For TLS 1.2: the ECDHE suites of Mozilla's intermediate configuration.
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)

# With underscores too: an app could not tell the two spellings apart.
CLAIMS = "^(x[-_]forwarded([-_].*)?|forwarded|x[-_]real[-_]ip)$"


def buffer_size(limits: RequestLimits) -> int:
    """Bytes that hold the longest allowed URL and headers, and some of the body behind them."""
    needed = limits.max_url + limits.max_header_bytes + ADDED_HEADERS
    return BUFFER_STEP * (needed // BUFFER_STEP + 1)


def global_lines(balancer: Balancer) -> str:
    """What the section `global` needs for the frontend."""
    lines = [
        f"tune.bufsize {buffer_size(balancer.limits)}",
        f"tune.http.maxhdr {balancer.limits.max_headers + SPARE_HEADERS}",
    ]
    if balancer.tls:
        lines += [
            "ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets prefer-client-ciphers",
            f"ssl-default-bind-ciphers {CIPHERS}",
        ]
    return "".join(f"    {line}\n" for line in lines)


def frontend(
    balancer: Balancer,
    backend: str,
    *,
    places: Sequence[str] = (),
    certificate: Path | None,
    log_requests: bool,
    log_fields: Mapping[str, str] = FIELDS,
) -> str:
    """`places` are where HAProxy binds, in its own words, the one that leads to https second.

    Without them these are the balancer's addresses. `certificate` is a PEM file; the key is in it,
    or beside it with `.key` after the name.
    """
    lines = [
        *_binds(balancer, places, certificate),
        "# When another takes over: answers on each connection once more before closing it.",
        "option idle-close-on-response",
        *_visitors_address(balancer),
        "# As the visitor sent it, before anything is added.",
        "http-request set-var(txn.headers) req.fhdr_cnt",
        "http-request set-var(txn.header_bytes) req.hdrs,length",
        *request_id_rules(),
        *(log_rules(log_fields) if log_requests else ()),
        *(_redirect(balancer) if balancer.redirect_bind else ()),
        *_limits(balancer.limits),
        *_claims(balancer),
        *_refused_by_node(),
        *(_hsts(balancer.tls.hsts) if balancer.tls and balancer.tls.hsts else ()),
        f"default_backend {backend}",
    ]
    return f"frontend {FRONTEND}\n" + "".join(f"    {line}\n" for line in lines)


def _binds(balancer: Balancer, places: Sequence[str], certificate: Path | None) -> Iterator[str]:
    if not places:
        binds = [balancer.bind, *([balancer.redirect_bind] if balancer.redirect_bind else [])]
        places = [_place(bind, balancer.socket_mode) for bind in binds]
    tls = f" ssl crt {quoted(str(certificate))} alpn h2,http/1.1" if certificate else ""
    yield f"bind {places[0]}{tls}"
    yield from (f"bind {place}" for place in places[1:])


def _place(bind: str, socket_mode: int) -> str:
    if bind.startswith("unix:/"):
        return f"unix@{quoted(bind.removeprefix('unix:'))} mode {socket_mode:o}"
    host, port = Balancer(bind).address
    if host == "::":
        return f":::{port} v4v6"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _visitors_address(balancer: Balancer) -> Iterator[str]:
    networks = " ".join(proxy for proxy in balancer.trusted_proxies if proxy != "unix")
    if balancer.proxy_protocol:
        yield f"tcp-request connection expect-proxy layer4 if {{ src {networks} }}"
    if balancer.socket_path is None and balancer.address[0] == "::":
        yield "# A socket for both families shows an IPv4 address as ::ffff:192.0.2.1."
        yield "http-request set-src src,regsub(^::ffff:,)"


def _redirect(balancer: Balancer) -> Iterator[str]:
    port = balancer.address[1]
    shown = "" if port == 443 else f":{port}"
    host = "%[req.hdr(Host),regsub(:[0-9]*$,)]"
    yield "http-request deny status 400 unless { ssl_fc } || { req.hdr(Host) -m found }"
    yield (
        f"http-request redirect location https://{host}{shown}%[pathq] code 308 unless {{ ssl_fc }}"
    )


def _limits(limits: RequestLimits) -> Iterator[str]:
    yield "# What is over a limit is refused before a worker has seen it."
    yield _refusal(
        414, f"The URL is longer than {limits.max_url} bytes.", f"pathq,length gt {limits.max_url}"
    )
    yield _refusal(
        431,
        f"There are more than {limits.max_headers} headers.",
        f"var(txn.headers) -m int gt {limits.max_headers}",
    )
    yield _refusal(
        431,
        f"The headers are larger than {limits.max_header_bytes} bytes.",
        f"var(txn.header_bytes) -m int gt {limits.max_header_bytes}",
    )
    # A body in chunks tells no size; the node counts it.
    yield _refusal(
        413,
        f"The body is larger than {shown_size(limits.max_body)}.",
        f"req.hdr_val(Content-Length) gt {limits.max_body}",
    )
    yield "# The body too must come before a worker is taken, as far as the buffer holds it."
    yield f"http-request wait-for-body time {REQUEST_PATIENCE}s"


def _refused_by_node() -> Iterator[str]:
    # HAProxy keeps a worker's place until the visitor has sent everything, whatever the worker
    # has answered; an answer of its own ends that.
    for status, text in REFUSALS.items():
        answer = f'content-type text/plain string "{text}\\n"'
        condition = f"res.hdr({REFUSED_HEADER}) -m str {status}"
        yield f"http-response return status {status} {answer} if {{ {condition} }}"


def _refusal(status: int, text: str, condition: str) -> str:
    answer = f'content-type text/plain string "{text}\\n"'
    return f"http-request deny status {status} {answer} if {{ {condition} }}"


def shown_size(size: int) -> str:
    return f"{size // MIB} MiB" if size % MIB == 0 else f"{size} bytes"


def _claims(balancer: Balancer) -> Iterator[str]:
    """X-Forwarded-*: what trusted proxies say is kept and added to, all else is replaced."""
    trusted = _trusted(balancer)
    if trusted:
        yield "# Who the visitor is, as the proxy tells that this connection comes from."
        yield f"acl from_proxy {trusted}"
        for name in ("For", "Host", "Port"):
            yield f"http-request set-var(txn.{name}) req.fhdr(X-Forwarded-{name}) if from_proxy"
        yield "http-request set-var(txn.Proto) req.hdr(X-Forwarded-Proto,-1) if from_proxy"
    yield "# What visitors claim about proxies before this one is not passed on."
    yield f"http-request del-header {CLAIMS} -m reg"
    yield from _own_claims(balancer)
    if trusted:
        yield from _proxys_claims(has_address=balancer.socket_path is None)


def _own_claims(balancer: Balancer) -> Iterator[str]:
    if balancer.socket_path is None:
        yield "http-request set-header X-Forwarded-For %[src]"
    yield f"http-request set-header X-Forwarded-Proto {'https' if balancer.tls else 'http'}"
    yield "http-request set-header X-Forwarded-Host %[req.hdr(Host)]"


def _proxys_claims(*, has_address: bool) -> Iterator[str]:
    addresses = '"%[var(txn.For)], %[src]"' if has_address else "%[var(txn.For)]"
    yield _set_if_told("For", addresses)
    yield _set_if_told("Host", "%[var(txn.Host)]")
    yield _set_if_told("Port", "%[var(txn.Port)]")
    yield (
        "http-request set-header X-Forwarded-Proto %[var(txn.Proto)] "
        "if { var(txn.Proto) -m str http https }"
    )


def _set_if_told(name: str, value: str) -> str:
    told = f"{{ var(txn.{name}) -m found }}"
    return f"http-request set-header X-Forwarded-{name} {value} if {told}"


def _trusted(balancer: Balancer) -> str | None:
    """The condition under which a connection comes from a trusted proxy; None: never."""
    networks = [proxy for proxy in balancer.trusted_proxies if proxy != "unix"]
    if balancer.socket_path:
        return "always_true" if "unix" in balancer.trusted_proxies else None
    return f"src {' '.join(networks)}" if networks else None


def _hsts(seconds: int) -> Iterator[str]:
    value = f'"max-age={seconds}"'
    yield f"http-after-response set-header Strict-Transport-Security {value} if {{ ssl_fc }}"


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'
