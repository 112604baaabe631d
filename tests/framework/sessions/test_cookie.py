"""SignedCookieSessionInterface: the session in the cookie, with the same behaviour elsewhere."""

from __future__ import annotations

import base64
import copy
import hashlib
import random
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import itsdangerous
import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from framework.sessions import (
    InsecureSessionCookie,
    Session,
    SessionConfigError,
    SessionCookie,
    SessionTooLarge,
    SessionUnavailable,
    codec,
)
from framework.sessions.changes import apply_changes
from framework.sessions.cookie import SignedCookieSessionInterface

if TYPE_CHECKING:
    from collections.abc import Callable


class Answer(Response):
    @property
    def text(self) -> str:
        return self.get_data(as_text=True)


@dataclass
class Browser:
    keys: list[str] = field(default_factory=lambda: ["k"])
    secure: bool = False
    now: float = 1_800_000_000.0
    cookie: str | None = None

    @property
    def interface(self) -> SignedCookieSessionInterface:
        return SignedCookieSessionInterface(
            self.keys,
            SessionCookie("session", secure=self.secure, max_age=1000),
            idle_timeout=100,
            absolute_timeout=1000,
            clock=lambda: self.now,
        )

    def visit(self, view: Callable[[Any], Any]) -> Answer:
        headers = [("Cookie", f"session={self.cookie}")] if self.cookie is not None else []
        request = Request(EnvironBuilder(headers=headers).get_environ())
        session = self.interface.open(request)
        response = Answer(str(view(session)))
        self.interface.save(request, session, response)
        if header := response.headers.get("Set-Cookie"):
            self.cookie = header.partition(";")[0].partition("=")[2] or None
        return response


def put(key: str, value: Any) -> Callable[[Any], Any]:
    return lambda session: session.update({key: value})


def get(key: str) -> Callable[[Any], Any]:
    return lambda session: session.get(key)


def headers(response: Response) -> tuple[str | None, str | None, bool]:
    return (
        response.headers.get("Vary"),
        response.headers.get("Cache-Control"),
        "Set-Cookie" in response.headers,
    )


def test_it_keeps_what_a_session_keeps() -> None:
    browser = Browser()

    def fill(session: Any) -> None:
        session["cart"] = {"3": (1, date(2026, 1, 1))}
        session.incr("n", 2)
        session.flash("hello")

    assert headers(browser.visit(fill)) == ("Cookie", "no-store", True)
    browser.visit(lambda session: session["cart"].update({"4": {1}}))
    browser.visit(lambda session: session.incr("n"))
    assert browser.visit(lambda s: (dict(s), s.pop_flashes()[0].message)).text == str(
        ({"cart": {"3": (1, date(2026, 1, 1)), "4": {1}}, "n": 3}, "hello")
    )
    assert browser.visit(lambda session: session.pop_flashes()).text == "[]"


def test_an_unused_session_costs_no_header_and_a_read_one_no_cookie() -> None:
    browser = Browser()
    assert headers(browser.visit(lambda session: None)) == (None, None, False)
    assert headers(browser.visit(get("a"))) == ("Cookie", None, False)
    browser.visit(put("a", 1))
    assert headers(browser.visit(lambda session: None)) == (None, None, False)
    assert headers(browser.visit(get("a"))) == ("Cookie", None, False)


def test_every_single_changed_character_makes_the_visitor_anonymous() -> None:
    browser = Browser()
    browser.visit(put("user", "ada"))
    cookie = browser.cookie or ""
    others = "AB-_.=09z ;\x7f"
    for position in range(len(cookie)):
        for other in others.replace(cookie[position], ""):
            browser.cookie = cookie[:position] + other + cookie[position + 1 :]
            assert browser.visit(get("user")).text == "None", (position, other)


def test_a_cookie_that_was_tampered_with_anyhow_makes_the_visitor_anonymous() -> None:
    browser = Browser()
    browser.visit(put("user", "ada"))
    cookie = browser.cookie or ""
    source = random.Random(7)
    for _ in range(3000):
        characters = list(cookie)
        for _ in range(source.randrange(1, 4)):
            position = source.randrange(len(characters))
            change = source.choice(("put", "insert", "drop", "double", "swap"))
            character = chr(source.randrange(33, 127))
            if change == "put":
                characters[position] = character
            elif change == "insert":
                characters.insert(position, character)
            elif change == "drop":
                del characters[position]
            elif change == "double":
                characters.insert(position, characters[position])
            else:
                other = source.randrange(len(characters))
                characters[position], characters[other] = characters[other], characters[position]
        tampered = "".join(characters)
        browser.cookie = tampered
        # What follows a semicolon is another cookie, and quotes around a value are none of it.
        expected = "ada" if tampered.partition(";")[0].strip('"') == cookie else "None"
        assert browser.visit(get("user")).text == expected, tampered


def reference_signer(*keys: str) -> itsdangerous.Signer:
    return itsdangerous.Signer(
        list(reversed(keys)),
        salt="session cookie",
        key_derivation="hmac",
        digest_method=hashlib.sha256,
    )


def test_the_format_is_the_documented_one() -> None:
    browser = Browser()
    browser.visit(lambda session: session.update(user="ä", n=5))
    payload = reference_signer("k").unsign(browser.cookie or "")
    version, created, touched, flat = codec.decode(base64.urlsafe_b64decode(payload + b"=="))
    assert (version, created, touched) == (1, browser.now, browser.now)
    assert flat == [b"=user", codec.pack("ä"), b"+n", b"5"]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("session={}", "ada"),
        ("a=1; session={}", "ada"),
        ("session={}; a=1", "ada"),
        ("a=1;session={};b=2", "ada"),
        ('session="{}"', "ada"),
        ("session={};", "ada"),
        ("a=1; session = {}", "ada"),
        ("session={}; session=x", "ada"),
        ("session=x; session={}", "None"),
        ('session="x"; session={}', "None"),
        ("my-session=x; session={}", "ada"),
        ("mysession={}", "None"),
        ("session2={}", "None"),
        ("a=session={}", "None"),
        ("a={}", "None"),
        ("session", "None"),
        ("session={}\u00e4", "None"),
    ],
)
def test_the_cookie_is_found_where_the_full_parser_finds_it(header: str, found: str) -> None:
    browser = Browser()
    browser.visit(put("user", "ada"))
    environ = EnvironBuilder().get_environ()
    environ["HTTP_COOKIE"] = header.format(browser.cookie)
    request = Request(environ)
    cookie = browser.interface.cookie
    assert (cookie.read(request) or None) == (request.cookies.get("session") or None)
    assert browser.interface.open(request).get("user", "None") == found


def test_headers_that_the_view_has_set_are_kept_or_replaced() -> None:
    browser = Browser()
    interface = browser.interface
    request = Request(EnvironBuilder().get_environ())
    session = interface.open(request)
    session["a"] = 1
    response = Response(headers={"vary": "Accept", "cache-control": "public", "Set-Cookie": "b=1"})
    interface.save(request, session, response)
    assert response.headers["Vary"] == "Accept, Cookie"
    assert response.headers.getlist("Cache-Control") == ["no-store"]
    assert len(response.headers.getlist("Set-Cookie")) == 2


VALUES: list[Any] = [
    *("", "text", "ä", "x" * 50, 0, -1, 7, 2**53, 2**53 + 1, 1.5, True, None, b"\xc4"),
    *([], [1, "a"], {"k": [1]}, (1, 2), {1, 2}, date(2026, 1, 1)),
]


def test_any_sequence_of_changes_is_kept_as_a_plain_session_keeps_it() -> None:
    """The shortcuts of the cookie's session against :class:`Session`, which has none."""
    source = random.Random(11)
    browser = Browser()
    interface = browser.interface
    fields: dict[bytes, bytes] = {}
    cookie: str | None = None
    for _ in range(400):
        sent = [] if cookie is None else [("Cookie", f"session={cookie}")]
        request = Request(EnvironBuilder(headers=sent).get_environ())
        ours, plain = interface.open(request), Session(codec, fields)
        assert ours.stored_fields == fields
        for _ in range(source.randrange(5)):
            act = random_act(source)
            assert outcome(act, ours) == outcome(act, plain)
        assert ours.modified == plain.modified
        changes = plain.changes()
        fields = apply_changes({} if plain.deleted else fields, changes)
        response = Response()
        interface.save(request, ours, response)
        header = response.headers.get("Set-Cookie")
        assert (header is not None) == bool(changes or (plain.deleted and cookie))
        if header is not None:
            cookie = header.partition(";")[0].partition("=")[2] or None


def random_act(source: random.Random) -> Callable[[Any], Any]:
    key: Any = source.choice(["a", "b", "ä", "c\ud800", 5])
    value = source.choice(VALUES)

    def put(session: Any) -> None:
        session[key] = copy.deepcopy(value)

    def mutate(session: Any) -> Any:
        held = session.get(key)
        if isinstance(held, list):
            held.append(copy.deepcopy(value))
        return copy.deepcopy(held)

    def grow(held: Any) -> Any:
        return [*held, copy.deepcopy(value)] if isinstance(held, list) else [held]

    return source.choice(
        [
            lambda session: session[key],
            lambda session: session.get(key),
            lambda session: key in session,
            put,
            put,
            lambda session: session.pop(key, None),
            lambda session: session.__delitem__(key),
            lambda session: session.incr(key, 2),
            lambda session: dict(session),
            lambda session: session.setdefault(key, copy.deepcopy(value)),
            mutate,
            lambda session: session.update_atomic(key, grow, default=[]),
            *([lambda session: session.delete()] if source.random() < 0.3 else []),
        ]
    )


def outcome(act: Callable[[Any], Any], session: Any) -> Any:
    try:
        return act(session)
    except Exception as error:
        return type(error), str(error)


def test_a_session_of_too_many_keys_says_so() -> None:
    browser = Browser()
    with pytest.raises(SessionTooLarge, match="129"):
        browser.visit(lambda session: session.update({f"{n}": 1 for n in range(129)}))


@pytest.mark.parametrize(
    "forge",
    [
        lambda cookie: "",
        lambda cookie: ".",
        lambda cookie: cookie[:-2],
        lambda cookie: cookie[: len(cookie) // 2],
        lambda cookie: cookie.partition(".")[0],
        lambda cookie: cookie + "x" * 4096,
        lambda cookie: "x" * 4096,
        lambda cookie: "ünïcödé." + cookie,
        lambda cookie: "===." + cookie,
    ],
)
def test_a_mangled_cookie_is_an_anonymous_visitor(forge: Callable[[str], str]) -> None:
    browser = Browser()
    browser.visit(put("user", "ada"))
    browser.cookie = forge(browser.cookie or "")
    assert browser.visit(get("user")).text == "None"


@pytest.mark.parametrize("content", [b"", b"not MessagePack \xc1", b"\x01", b"\x92\x02\x01"])
def test_a_signed_cookie_of_another_make_is_unavailable_and_never_replaced(content: bytes) -> None:
    browser = Browser()
    payload = base64.urlsafe_b64encode(content).rstrip(b"=")
    cookie = browser.cookie = browser.interface._signer.sign(payload).decode()
    for view in (get("user"), put("user", "ada")):
        with pytest.raises(SessionUnavailable, match="cannot be read"):
            browser.visit(view)
    assert browser.cookie == cookie


def test_a_former_key_opens_and_the_current_one_signs() -> None:
    browser = Browser(keys=["old"])
    browser.visit(put("user", "ada"))
    browser.keys = ["new", "old"]
    assert browser.visit(get("user")).text == "ada"
    browser.visit(put("page", 2))
    browser.keys = ["new"]
    assert browser.visit(get("user")).text == "ada"
    browser.keys = ["other"]
    assert browser.visit(get("user")).text == "None"


def test_a_session_that_would_not_fit_a_cookie_says_so() -> None:
    browser = Browser()
    with pytest.raises(SessionTooLarge, match=r"drop one of more than 4093.*REDIS_URL"):
        browser.visit(put("text", "x" * 3000))
    browser.visit(put("text", "x" * 2000))
    assert browser.visit(lambda session: len(session["text"])).text == "2000"


def test_an_idle_session_ends_and_a_used_one_slides_at_most_once_in_a_tenth() -> None:
    browser = Browser()
    browser.visit(put("a", 1))
    sent = 0
    for _ in range(20):
        browser.now += 6
        response = browser.visit(get("a"))
        assert response.text == "1"
        sent += "Set-Cookie" in response.headers
    assert sent == 10
    browser.now += 100
    assert browser.visit(get("a")).text == "None"


def test_no_use_carries_a_session_past_its_absolute_timeout() -> None:
    browser = Browser()
    browser.visit(put("a", 1))
    for _ in range(19):
        browser.now += 50
        browser.visit(lambda session: session.incr("n"))
    assert browser.visit(get("n")).text == "19"
    browser.now += 50
    assert browser.visit(get("n")).text == "None"


def test_regenerating_restarts_the_absolute_timeout() -> None:
    browser = Browser()
    browser.visit(put("a", 1))
    browser.now += 90
    assert headers(browser.visit(lambda session: session.regenerate()))[2]
    for _ in range(19):
        browser.now += 50
        browser.visit(get("a"))
    assert browser.visit(get("a")).text == "1"


def test_deleting_clears_the_cookie_or_starts_over() -> None:
    browser = Browser()
    browser.visit(put("a", 1))
    assert "Max-Age=0" in browser.visit(lambda session: session.delete()).headers["Set-Cookie"]
    assert browser.cookie is None
    assert headers(browser.visit(lambda session: session.delete())) == ("Cookie", None, False)
    browser.visit(put("a", 1))

    def logout(session: Any) -> None:
        session.delete()
        session["b"] = 2

    browser.visit(logout)
    assert browser.visit(lambda session: dict(session)).text == "{'b': 2}"


def test_a_secure_cookie_over_plain_http_is_refused() -> None:
    with pytest.raises(InsecureSessionCookie, match="__Host-session"):
        Browser(secure=True).visit(put("a", 1))


def test_settings_make_an_interface_and_need_a_key() -> None:
    class Settings:
        secret_key: str | None = "k"
        secret_key_fallbacks = ("old",)
        redis_url = None
        session_cookie_name = "session"
        session_cookie_secure = False
        session_idle_timeout = 60.0
        session_absolute_timeout = 600.0
        session_redis_timeout = 0.25
        session_exclusive_lease = 30.0
        session_exclusive_wait = 5.0
        session_anonymous_fallback = False

    interface = SignedCookieSessionInterface.from_config(Settings())
    assert (interface.idle_timeout, interface.absolute_timeout) == (60.0, 600.0)
    settings = Settings()
    settings.secret_key = None
    with pytest.raises(SessionConfigError, match="SECRET_KEY"):
        SignedCookieSessionInterface.from_config(settings)
