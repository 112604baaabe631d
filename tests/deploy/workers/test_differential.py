"""gunicorn's own worker classes and ours answer the same bytes with the same bytes."""

from __future__ import annotations

import http.client
import os
import random
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Server

    Both = tuple[Server, Server]

pytest.importorskip("gunicorn_h1c")
pytestmark = pytest.mark.integration

# Byte streams for each worker class, beyond the fixed ones.
MUTATIONS = int(os.environ.get("WORKER_MUTATIONS", "1000"))
SEED = int(os.environ.get("WORKER_SEED", "20261121"))

# Low limits, so that mutated requests come near them.
SETTINGS = (
    *("--limit-request-line", "300", "--limit-request-fields", "12"),
    *("--limit-request-field_size", "400", "--keep-alive", "60"),
)

LAST = b"GET /last HTTP/1.1\r\nHost: here\r\n\r\n"
BROWSER = (
    b"Host: shop.example\r\nUser-Agent: Mozilla/5.0\r\nAccept: text/html,*/*;q=0.8\r\n"
    b"Accept-Encoding: gzip, deflate, br\r\nCookie: a=b; c=d\r\n"
)


def get(target: bytes = b"/", *headers: bytes, version: bytes = b"1.1") -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"GET " + target + b" HTTP/" + version + b"\r\nHost: here\r\n" + lines + b"\r\n"


def post(body: bytes, *headers: bytes, target: bytes = b"/") -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"POST " + target + b" HTTP/1.1\r\nHost: here\r\n" + lines + b"\r\n" + body


PATHS = (
    *(b"/chunked", b"/blocks", b"/short", b"/written", b"/file", b"/memory", b"/nothing"),
    *(b"/large", b"/hints", b"/error", b"/late", b"/bad", b"/errors", b"/closes", b"/unread"),
)

FIXED: dict[str, tuple[bytes, ...]] = {
    "plain": (get(),),
    "browser": (b"GET /a/b?c=d&e=%20 HTTP/1.1\r\n" + BROWSER + b"\r\n",),
    **{f"answer {path.decode()}": (get(path), LAST) for path in PATHS},
    **{f"head {path.decode()}": (b"HEAD" + get(path)[3:], LAST) for path in PATHS},
    **{f"1.0 {path.decode()}": (get(path, version=b"1.0"), LAST) for path in PATHS},
    "kept 1.0": (get(b"/", b"Connection: keep-alive", version=b"1.0"), LAST),
    "kept": (get(), get(b"/two"), LAST),
    "closed": (get(b"/", b"Connection: close"), LAST),
    "closed otherwise": (get(b"/", b"connection: Close"), LAST),
    "connection list": (get(b"/", b"Connection: keep-alive, close"), LAST),
    "connection twice": (get(b"/", b"Connection: keep-alive", b"Connection: close"), LAST),
    "connection upgrade": (get(b"/", b"Connection: Upgrade", b"Upgrade: websocket"), LAST),
    "upgrade h2c": (get(b"/", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c"), LAST),
    "pipelined in one": (get() + get(b"/two") + LAST,),
    "body": (post(b"hello", b"Content-Length: 5"), LAST),
    "body later": (post(b"", b"Content-Length: 5"), b"hello", LAST),
    "body of two segments": (post(b"he", b"Content-Length: 5"), b"llo", LAST),
    "body too short": (post(b"he", b"Content-Length: 5"),),
    "body and more": (post(b"hello\r\n", b"Content-Length: 5"), LAST),
    "body unread": (post(b"hello", b"Content-Length: 5", target=b"/unread"), LAST),
    "body read in part": (post(b"hello", b"Content-Length: 5", target=b"/part"), LAST),
    "long body": (post(b"x" * 50_000, b"Content-Length: 50000"), LAST),
    "long body unread": (post(b"x" * 9_000, b"Content-Length: 9000", target=b"/unread"), LAST),
    "empty body": (post(b"", b"Content-Length: 0"), LAST),
    "length with sign": (post(b"hello", b"Content-Length: +5"), LAST),
    "negative length": (post(b"hello", b"Content-Length: -5"), LAST),
    "length with zeros": (post(b"hello", b"Content-Length: 00005"), LAST),
    "length of many digits": (post(b"hello", b"Content-Length: " + b"9" * 300), LAST),
    "length list": (post(b"hello", b"Content-Length: 5, 5"), LAST),
    "length twice": (post(b"hello", b"Content-Length: 5", b"Content-Length: 5"), LAST),
    "lengths that differ": (post(b"hello", b"Content-Length: 5", b"Content-Length: 0"), LAST),
    "length empty": (post(b"hello", b"Content-Length:"), LAST),
    "length of other digits": (post(b"hello", b"Content-Length: \xb2"), LAST),
    "chunked": (post(b"5\r\nhello\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"), LAST),
    "chunked later": (post(b"", b"Transfer-Encoding: chunked"), b"1\r\na\r\n0\r\n\r\n", LAST),
    "chunked broken": (post(b"5\r\nhelloo\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"), LAST),
    "chunked unread": (
        post(b"1\r\na\r\n0\r\n\r\n", b"Transfer-Encoding: chunked", target=b"/unread"),
        LAST,
    ),
    "smuggled CL.TE": (
        post(b"0\r\n\r\n", b"Content-Length: 6", b"Transfer-Encoding: chunked"),
        LAST,
    ),
    "smuggled TE.CL": (
        post(b"0\r\n\r\nG", b"Transfer-Encoding: chunked", b"Content-Length: 5"),
        LAST,
    ),
    "smuggled TE.TE": (
        post(b"0\r\n\r\n", b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
        LAST,
    ),
    "smuggled tab": (post(b"0\r\n\r\n", b"Transfer-Encoding:\tchunked"), LAST),
    "smuggled space": (post(b"0\r\n\r\n", b"Transfer-Encoding : chunked"), LAST),
    "smuggled fold": (post(b"0\r\n\r\n", b"X: y\r\n Transfer-Encoding: chunked"), LAST),
    "smuggled underscore": (post(b"0\r\n\r\n", b"Transfer_Encoding: chunked"), LAST),
    "smuggled with LF": (b"GET / HTTP/1.1\nHost: here\n\n", LAST),
    "smuggled with CR": (b"GET / HTTP/1.1\r\nHost: here\rX: y\r\n\r\n", LAST),
    "xchunked": (post(b"0\r\n\r\n", b"Transfer-Encoding: xchunked"), LAST),
    "gzip": (post(b"", b"Transfer-Encoding: gzip"), LAST),
    "1.0 chunked": (post(b"0\r\n\r\n", b"Transfer-Encoding: chunked").replace(b"1.1", b"1.0"),),
    "expect": (post(b"", b"Expect: 100-continue", b"Content-Length: 5"), b"hello", LAST),
    "expect else": (post(b"hello", b"Expect: a-miracle", b"Content-Length: 5"), LAST),
    "two hosts": (get(b"/", b"Host: there"), LAST),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", LAST),
    "two cookies": (get(b"/", b"Cookie: a=1", b"Cookie: b=2"), LAST),
    "two types": (post(b"", b"Content-Type: a/b", b"Content-Type: c/d"), LAST),
    "type": (post(b"a=b", b"Content-Type: a/b", b"Content-Length: 3"), LAST),
    "forwarded": (get(b"/", b"X-Forwarded-Proto: https", b"X-Forwarded-For: 1.2.3.4"), LAST),
    "forwarded plainly": (get(b"/", b"X-Forwarded-Proto: http"), LAST),
    "forwarded twice": (get(b"/", b"X-Forwarded-Proto: https", b"X-Forwarded-Ssl: on"), LAST),
    "forwarded and not": (get(b"/", b"X-Forwarded-Proto: https", b"X-Forwarded-Ssl: off"), LAST),
    "forwarded repeatedly": (get(b"/", *[b"X-Forwarded-Proto: https"] * 2), LAST),
    "script name": (get(b"/a/b", b"SCRIPT_NAME: /a"), LAST),
    "script name elsewhere": (get(b"/a/b", b"SCRIPT_NAME: /c"), LAST),
    "path info": (get(b"/a/b", b"PATH_INFO: /c"), LAST),
    "underscore": (get(b"/", b"X_Forwarded_For: 1.2.3.4"), LAST),
    "proxy header": (get(b"/", b"Proxy: http://evil"), LAST),
    "empty line before": (b"\r\n" + get(), LAST),
    "empty lines before": (b"\r\n\r\n" + get(), LAST),
    "newline before": (b"\n" + get(), LAST),
    "absolute": (get(b"http://shop.example/a?b=c"), LAST),
    "absolute without path": (get(b"http://shop.example"), LAST),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: here\r\n\r\n", LAST),
    "asterisk without options": (get(b"*"), LAST),
    "connect": (b"CONNECT shop.example:443 HTTP/1.1\r\nHost: here\r\n\r\n", LAST),
    "connect to a path": (b"CONNECT /a HTTP/1.1\r\nHost: here\r\n\r\n", LAST),
    "two slashes": (get(b"//a//b?c"), LAST),
    "fragment": (get(b"/a#b?c"), LAST),
    "fragment in query": (get(b"/a?b#c"), LAST),
    "two question marks": (get(b"/a?b?c"), LAST),
    "only a query": (get(b"?a"), LAST),
    "percent": (get(b"/%41%zz%e2%82%ac%00?%41"), LAST),
    "colon": (get(b"/a:b@c;d=e"), LAST),
    "beyond ASCII": (get(b"/\xc3\xa9"), LAST),
    "control character": (get(b"/a\x01b"), LAST),
    "value beyond ASCII": (get(b"/", b"X: \xc3\xa9"), LAST),
    "value with control character": (get(b"/", b"X: a\x00b"), LAST),
    "value with tab": (get(b"/", b"X: \t a\tb \t"), LAST),
    "no value": (get(b"/", b"X:"), LAST),
    "no name": (get(b"/", b": x"), LAST),
    "no colon": (get(b"/", b"X"), LAST),
    "name with space": (get(b"/", b"X y: z"), LAST),
    "name beyond ASCII": (get(b"/", b"\xc3\xa9: x"), LAST),
    "name of all characters": (get(b"/", b"!#$%&'*+-.^`|~09Az: x"), LAST),
    "long name": (get(b"/", b"X" * 300 + b": y"), LAST),
    "lower method": (b"get / HTTP/1.1\r\nHost: here\r\n\r\n", LAST),
    "other method": (b"BREW /pot HTTP/1.1\r\nHost: here\r\n\r\n", LAST),
    "method with tilde": (b"A~B / HTTP/1.1\r\nHost: here\r\n\r\n", LAST),
    "short method": (b"AB / HTTP/1.1\r\nHost: here\r\n\r\n", LAST),
    "version 1.2": (get(version=b"1.2"), LAST),
    "version 2.0": (get(version=b"2.0"), LAST),
    "no version": (b"GET /\r\n\r\n", LAST),
    "h2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", LAST),
    "two spaces": (b"GET  / HTTP/1.1\r\nHost: here\r\n\r\n", LAST),
    "tab": (b"GET\t/\tHTTP/1.1\r\nHost: here\r\n\r\n", LAST),
    "line at its limit": (get(b"/" + b"a" * 286), LAST),
    "line over its limit": (get(b"/" + b"a" * 287), LAST),
    "line over its limit behind an empty one": (b"\r\n" + get(b"/" + b"a" * 287), LAST),
    "fields at their limit": (get(b"/", *[b"X-%d: y" % n for n in range(11)]), LAST),
    "fields over their limit": (get(b"/", *[b"X-%d: y" % n for n in range(12)]), LAST),
    "field at its limit": (get(b"/", b"X: " + b"a" * 395), LAST),
    "field over its limit": (get(b"/", b"X: " + b"a" * 396), LAST),
    "endless line": (b"GET /" + b"a" * 40_000,),
    "endless head": (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 9_000,),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40,),
    "PROXY": (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + get(), LAST),
    "rubbish": (b"\x00\xff\x00\xff",),
    "nothing": (),
    "half a line": (b"GET / HT",),
    "half a head": (b"GET / HTTP/1.1\r\nHost: he",),
    "no empty line": (b"GET / HTTP/1.1\r\nHost: here\r\n",),
}


WELL_FORMED = {
    "byte by byte": tuple(get()[index : index + 1] for index in range(len(get()))),
    "half a head": (get()[:20], get()[20:] + LAST),
    "half of the next": (get() + LAST[:20], LAST[20:]),
    "body": (post(b"", b"Content-Length: 5"), b"hel", b"lo", LAST),
    "body and half of the next": (post(b"", b"Content-Length: 5"), b"hello" + LAST[:9], LAST[9:]),
    "body that nobody reads": (post(b"", b"Content-Length: 5", target=b"/unread"), b"hello", LAST),
    "chunks": (post(b"", b"Transfer-Encoding: chunked"), b"1\r\na", b"\r\n0\r\n", b"\r\n", LAST),
    "expectation": (post(b"", b"Expect: 100-continue", b"Content-Length: 5"), b"hello", LAST),
}

Wish = tuple[str, str, Any, dict[str, str]]
CHUNKS = (b"one", b"two")
WISHES: list[Wish] = [
    *((method, target, None, {}) for method in ("GET", "HEAD") for target in ("/", "/a%20b?c=d")),
    # Not early hints, which Python's client takes for the answer.
    *(("GET", path.decode(), None, {}) for path in PATHS if path != b"/hints"),
    *(("POST", target, b"x" * size, {}) for target in ("/", "/unread") for size in (9, 9000)),
    *(("POST", target, CHUNKS, {"Transfer-Encoding": "chunked"}) for target in ("/", "/unread")),
    ("POST", "/", b"hello", {"Expect": "100-continue"}),
    ("GET", "/", None, {"Upgrade": "websocket", "Connection": "upgrade"}),
    ("GET", "/", None, {"Connection": "close"}),
    ("GET", "/", None, {"X_Y": "z"}),
]


@pytest.fixture(scope="module", params=["sync", "gthread", "gevent"])
def both(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    run: Callable[..., Any],
    ours: dict[str, str],
) -> Iterator[Both]:
    """One of gunicorn's own worker classes and ours in its place."""
    directory = tmp_path_factory.mktemp("workers")
    # With more than one thread gunicorn takes gthread for sync.
    options = [*SETTINGS, "--threads", "4" if request.param == "gthread" else "1"]
    with (
        run(directory, request.param, *options) as own,
        run(directory, ours[request.param], *options) as instead,
    ):
        yield own, instead


def said(server: Server, segments: tuple[bytes, ...]) -> bytes:
    """Everything but the date."""
    return re.sub(rb"Date: [^\r]*", b"Date: -", server.exchange(*segments))


def difference(both: Both, *segments: bytes) -> tuple[bytes, bytes] | None:
    """What the two say, unless they can say the same.

    Where a client goes on sending although the server has closed, a reset may take the end of an
    answer from it, or not: so both get several attempts.
    """
    own, instead = ({said(server, segments)} for server in both)
    for _ in range(5):
        if own & instead:
            return None
        own.add(said(both[0], segments))
        instead.add(said(both[1], segments))
    return max(own, key=len), max(instead, key=len)


@pytest.mark.parametrize("name", FIXED)
def test_known_edge_cases_are_answered_alike(both: Both, name: str) -> None:
    assert difference(both, b"".join(FIXED[name])) is None


@pytest.mark.parametrize("name", WELL_FORMED)
def test_requests_that_come_in_pieces_are_answered_alike(both: Both, name: str) -> None:
    assert difference(both, *WELL_FORMED[name]) is None


def test_a_kept_connection_may_bring_all_kinds_of_requests(both: Both) -> None:
    rng = random.Random(SEED)
    wishes = [rng.choice(WISHES) for _ in range(200)]
    told = [list(conversation(server, wishes)) for server in both]
    assert told[0] == told[1]


def conversation(server: Server, wishes: list[Wish]) -> Iterator[object]:
    """What one connection after the other says, each used until the server closes it."""
    connection = http.client.HTTPConnection(server.address[0], int(server.address[1]), timeout=60)
    for method, target, body, headers in wishes:
        headers = {"Host": "here", **headers}
        connection.request(method, target, body, headers, encode_chunked=body is CHUNKS)
        response = connection.getresponse()
        try:
            text = response.read()
        except http.client.IncompleteRead as error:
            text = b"incomplete: " + error.partial
            connection.close()
        told = sorted(header for header in response.getheaders() if header[0] != "Date")
        yield method, target, response.status, told, text, connection.sock is None
    connection.close()


TOKENS = (
    *(b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\t", b":", b",", b"_", b"-", b"\x00", b"\xff"),
    *(b"Host: there\r\n", b"Connection: close\r\n", b"Connection: keep-alive\r\n"),
    *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Expect: 100-continue\r\n", b"X-Forwarded-Proto: https\r\n", b"X_Y: z\r\n", b"X: y\r\n"),
    *(
        b"?",
        b"#",
        b"%2f",
        b"/",
        b"//",
        b"*",
        b"HTTP/1.0",
        b"HTTP/1.1",
        b"HEAD",
        b"POST",
        b"0\r\n\r\n",
    ),
)


def mutated(rng: random.Random) -> bytes:
    """A known edge case with a few changes.

    In one piece: what the C parser says of a malformed head depends on where its pieces end.
    """
    stream = b"".join(FIXED[rng.choice(list(FIXED))])[:2000]
    if rng.random() < 0.2:
        stream += b"".join(FIXED[rng.choice(list(FIXED))])[:2000]
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        at = rng.randrange(len(stream) + 1)
        to = min(len(stream), at + rng.choice((0, 1, 1, 2, 5, 20)))
        new = rng.choice((b"", bytes([rng.randrange(256)]), rng.choice(TOKENS), stream[at:to] * 2))
        if rng.random() < 0.5:
            # At the beginning of a line, where most of the grammar is.
            at = to = stream.find(b"\n", at) + 1
        stream = stream[:at] + new + stream[to:]
    if rng.random() < 0.1:
        stream = stream[: rng.randrange(len(stream) + 1)]
    return stream


def test_mutated_requests_are_answered_alike(both: Both) -> None:
    rng = random.Random(SEED)
    for number in range(MUTATIONS):
        stream = mutated(rng)
        assert (number, stream, difference(both, stream)) == (number, stream, None)


def test_only_plain_requests_take_the_short_way(both: Both) -> None:
    own, instead = both
    assert own.get("/input").endswith(b"Body")
    assert instead.get("/input").endswith(b"BytesIO")
    assert instead.get("/input", "Expect: 100-continue").endswith(b"Body")
