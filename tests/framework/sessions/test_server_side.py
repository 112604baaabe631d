"""ServerSideSessionInterface: ids, cookies and headers, and what concurrent requests do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.wrappers import Response

from framework.sessions import (
    InsecureSessionCookie,
    ServerSideSessionInterface,
    Session,
    SessionConfigError,
    SessionConflict,
    SessionCookie,
    SessionGone,
    SessionIds,
    SessionUnavailable,
    codec,
)

# A Visitor and its factory come from conftest.py, which tests cannot import.
Visitor = Any
MakeVisitor = Callable[..., Visitor]


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


def test_a_visit_that_leaves_the_session_alone_gets_no_header(visitor: Visitor) -> None:
    assert headers(visitor.visit()) == (None, None, False)
    assert headers(visitor.visit(lambda session: None)) == (None, None, False)
    visitor.visit(put("a", 1))
    assert headers(visitor.visit(lambda session: None)) == (None, None, False)


def test_reading_varies_by_cookie_and_makes_no_session(visitor: Visitor) -> None:
    assert headers(visitor.visit(get("a"))) == ("Cookie", None, False)
    assert visitor.cookies == {}


def test_the_first_write_hands_out_a_cookie_and_later_ones_do_not(visitor: Visitor) -> None:
    assert headers(visitor.visit(put("a", 1))) == ("Cookie", "no-store", True)
    assert headers(visitor.visit(put("a", 2))) == ("Cookie", None, False)
    assert visitor.visit(get("a")).text == "2"


def test_vary_is_added_to_what_the_view_set(visitor: Visitor) -> None:
    moving = visitor.start()
    moving.session.get("a")
    response = Response(headers={"Vary": "Accept-Language"})
    visitor.interface.save(moving.request, moving.session, response)
    assert response.headers["Vary"] == "Accept-Language, Cookie"


def test_a_plain_cookie_has_every_flag_that_works_without_tls(visitor: Visitor) -> None:
    cookie = visitor.visit(put("a", 1)).headers["Set-Cookie"]
    name, _, flags = cookie.partition("=")
    assert name == "session"
    assert {"Max-Age=1000", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(flags.split("; "))
    assert "Domain" not in flags


def test_a_secure_cookie_is_bound_to_the_host(make_visitor: MakeVisitor) -> None:
    visitor = make_visitor(secure=True)
    visitor.scheme = "https"
    cookie = visitor.visit(put("a", 1)).headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert visitor.visit(get("a")).text == "1"


def test_a_secure_cookie_over_plain_http_is_refused_with_the_way_out(
    make_visitor: MakeVisitor,
) -> None:
    visitor = make_visitor(secure=True)
    with pytest.raises(InsecureSessionCookie, match="SESSION_COOKIE_SECURE=false"):
        visitor.visit(put("a", 1))
    assert headers(visitor.visit(get("a"))) == ("Cookie", None, False)


@pytest.mark.parametrize(
    "forge",
    [
        lambda cookie: "",
        lambda cookie: cookie[:-1],
        lambda cookie: cookie[:10],
        lambda cookie: cookie + "A",
        lambda cookie: ("A" if cookie[0] != "A" else "B") + cookie[1:],
        lambda cookie: cookie[::-1],
        lambda cookie: "A" * 57,
        lambda cookie: "x" * 4096,
        lambda cookie: "ünïcödé",
        lambda cookie: '"' + cookie,
        lambda cookie: SessionIds(["another key"]).new().value,
        lambda cookie: SessionIds(["only for these tests"]).new().value,
    ],
)
def test_a_cookie_that_is_not_ours_is_an_anonymous_visitor(
    visitor: Visitor, forge: Callable[[str], str]
) -> None:
    visitor.visit(put("user", "ada"))
    forged = forge(visitor.cookie)
    visitor.cookies["session"] = forged
    assert visitor.visit(get("user")).text == "None"
    visitor.cookies["session"] = forged
    visitor.visit(put("user", "eve"))
    assert visitor.cookie != forged
    assert visitor.visit(get("user")).text == "eve"


def test_a_key_that_signed_formerly_still_opens_sessions(make_store: Callable[..., Any]) -> None:
    store, cookie = make_store(), SessionCookie("session", secure=False, max_age=1000)
    old = ServerSideSessionInterface(store, SessionIds(["old"]), cookie)
    new = ServerSideSessionInterface(store, SessionIds(["new", "old"]), cookie)
    request = _request()
    session = old.open(request)
    session["user"] = "ada"
    response = Response()
    old.save(request, session, response)
    value = session.session_id
    assert value is not None
    session = new.open(_request(value))
    assert session["user"] == "ada"
    session.regenerate()
    new.save(_request(), session, Response())
    assert session.session_id is not None
    only_new = ServerSideSessionInterface(store, SessionIds(["new"]), cookie)
    assert only_new.open(_request(session.session_id))["user"] == "ada"


def _request(cookie: str | None = None) -> Any:
    from werkzeug.test import EnvironBuilder
    from werkzeug.wrappers import Request

    return Request(
        EnvironBuilder(headers=[("Cookie", f"session={cookie}")] if cookie else []).get_environ()
    )


def test_fifty_requests_that_write_different_keys_all_count(
    visitor: Visitor, at_once: Callable[[list[Any]], list[Any]]
) -> None:
    visitor.visit(put("start", True))
    in_flight = [visitor.start() for _ in range(50)]
    for index, request in enumerate(in_flight):
        request.session[f"key{index}"] = [index]
    results = at_once([request.finish for request in in_flight])
    assert [headers(response) for response in results] == [("Cookie", None, False)] * 50
    assert visitor.visit(lambda session: len(session)).text == "51"


def test_of_fifty_requests_that_read_and_write_one_key_one_counts_and_the_others_know(
    visitor: Visitor, at_once: Callable[[list[Any]], list[Any]]
) -> None:
    visitor.visit(put("cart", {"items": []}))
    in_flight = [visitor.start() for _ in range(50)]
    for index, request in enumerate(in_flight):
        request.session["cart"]["items"].append(index)
    results = at_once([request.finish for request in in_flight])
    lost = [error for error in results if not isinstance(error, Response)]
    assert [(type(error), error.code) for error in lost] == [(SessionConflict, 409)] * 49
    assert visitor.visit(lambda session: len(session["cart"]["items"])).text == "1"


def test_requests_that_count_up_never_meet(
    visitor: Visitor, at_once: Callable[[list[Any]], list[Any]]
) -> None:
    visitor.visit(put("n", 0))
    in_flight = [visitor.start() for _ in range(50)]
    for request in in_flight:
        assert request.session["n"] == 0
        assert request.session.incr("n") == 1
        request.session.flash("counted")
    results = at_once([request.finish for request in in_flight])
    assert all(isinstance(result, Response) for result in results)
    assert visitor.visit(lambda session: (session["n"], len(session.pop_flashes()))).text == (
        "(50, 50)"
    )
    assert visitor.visit(lambda session: session.pop_flashes()).text == "[]"


def test_a_blind_write_wins_over_an_earlier_one(visitor: Visitor) -> None:
    visitor.visit(put("theme", "light"))
    first, second = visitor.start(), visitor.start()
    first.session["theme"], second.session["theme"] = "dark", "blue"
    first.finish()
    second.finish()
    assert visitor.visit(get("theme")).text == "blue"


def test_regenerating_keeps_the_data_and_ends_the_old_id(visitor: Visitor) -> None:
    visitor.visit(put("cart", [1]))
    old = visitor.cookie

    def login(session: Any) -> None:
        session.regenerate()
        session["user"] = "ada"

    assert headers(visitor.visit(login)) == ("Cookie", "no-store", True)
    assert visitor.cookie != old
    assert visitor.visit(lambda session: (session["user"], session["cart"])).text == "('ada', [1])"
    visitor.cookies["session"] = old
    assert headers(visitor.visit(get("user"))) == ("Cookie", None, False)
    assert visitor.visit(get("user")).text == "None"
    for view in (put("user", "eve"), lambda s: s.delete(), lambda s: s.regenerate()):
        with pytest.raises(SessionGone):
            visitor.visit(view)


def test_requests_in_flight_at_login_neither_write_nor_replace_the_cookie(
    visitor: Visitor,
) -> None:
    visitor.visit(put("cart", [1]))
    readers = [visitor.start() for _ in range(5)]
    writers = [visitor.start() for _ in range(5)]
    visitor.visit(lambda session: session.regenerate())
    for request in readers:
        assert request.session["cart"] == [1]
        assert headers(request.finish()) == ("Cookie", None, False)
    for request in writers:
        request.session["planted"] = True
        with pytest.raises(SessionGone) as gone:
            request.finish()
        assert gone.value.code == 409
    assert visitor.visit(lambda session: sorted(session)).text == "['cart']"


def test_logout_is_final_whoever_is_in_flight(visitor: Visitor) -> None:
    visitor.visit(put("user", "ada"))
    cookie = visitor.cookie
    reader, writer, counter, login = (visitor.start() for _ in range(4))
    response = visitor.visit(lambda session: session.delete())
    assert headers(response) == ("Cookie", "no-store", True)
    assert "Max-Age=0" in response.headers["Set-Cookie"]
    assert reader.session["user"] == "ada"
    assert headers(reader.finish()) == ("Cookie", None, False)
    writer.session["last_page"] = "/"
    counter.session.incr("n")
    login.session.regenerate()
    for request in (writer, counter, login):
        with pytest.raises(SessionGone):
            request.finish()
    visitor.cookies["session"] = cookie
    assert visitor.visit(get("user")).text == "None"


def test_a_session_that_began_and_ended_in_one_request_leaves_nothing(visitor: Visitor) -> None:
    def view(session: Any) -> None:
        session["a"] = 1
        session.delete()

    assert headers(visitor.visit(view)) == ("Cookie", None, False)


def test_what_is_set_after_logout_begins_a_session_with_another_id(visitor: Visitor) -> None:
    visitor.visit(put("user", "ada"))
    old = visitor.cookie

    def logout(session: Any) -> None:
        session.delete()
        session.flash("Good bye")

    response = visitor.visit(logout)
    assert len(response.headers.getlist("Set-Cookie")) == 1
    assert visitor.cookie != old
    assert visitor.visit(
        lambda session: (session.get("user"), session.pop_flashes()[0][1])
    ).text == ("(None, 'Good bye')")
    visitor.cookies["session"] = old
    assert visitor.visit(get("user")).text == "None"


def test_regenerating_a_session_that_holds_nothing_makes_none(visitor: Visitor) -> None:
    assert headers(visitor.visit(lambda session: session.regenerate())) == ("Cookie", None, False)


def test_logging_out_without_a_session_clears_a_cookie_that_is_there(visitor: Visitor) -> None:
    visitor.cookies["session"] = "stale"
    visitor.visit(lambda session: session.delete())
    assert visitor.cookies == {}


@dataclass
class Settings:
    secret_key: str | None = "k"
    secret_key_fallbacks: tuple[str, ...] = ()
    redis_url: str | None = "redis://127.0.0.1:1/0"
    session_cookie_name: str = "session"
    session_cookie_secure: bool = True
    session_idle_timeout: float = 60.0
    session_absolute_timeout: float = 600.0
    session_redis_timeout: float = 0.25
    session_exclusive_lease: float = 30.0
    session_exclusive_wait: float = 5.0
    session_anonymous_fallback: bool = False


def test_settings_make_an_interface_without_connecting() -> None:
    interface = ServerSideSessionInterface.from_config(Settings())
    assert interface.cookie == SessionCookie("session", secure=True, max_age=600.0)
    interface.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(secret_key=None), "Sessions need SECRET_KEY"),
        (Settings(redis_url=None), "Sessions in Redis need REDIS_URL"),
        (Settings(redis_url="localhost:6379"), "REDIS_URL: "),
        (Settings(redis_url="redis://:secret@/0"), "REDIS_URL: .*cannot be used"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_start(settings: Settings, message: str) -> None:
    with pytest.raises(SessionConfigError, match=message) as refused:
        ServerSideSessionInterface.from_config(settings)
    assert "secret@" not in str(refused.value)


def add(item: Any) -> Callable[[Any], Any]:
    return lambda session: session.update_atomic(
        "cart", lambda cart: {**cart, item: cart.get(item, 0) + 1}, default={}
    )


def test_fifty_requests_that_update_one_key_all_count(
    visitor: Visitor, at_once: Callable[[list[Any]], list[Any]]
) -> None:
    visitor.visit(put("other", 1))
    in_flight = [visitor.start() for _ in range(50)]
    for index, request in enumerate(in_flight):
        assert add("socks")(request.session) == {"socks": 1}
        request.session[f"key{index}"] = index
    results = at_once([request.finish for request in in_flight])
    assert [headers(result) for result in results] == [("Cookie", None, False)] * 50
    assert visitor.visit(lambda s: (s["cart"], len(s))).text == "({'socks': 50}, 52)"


def test_an_update_and_a_login_in_one_request_lose_no_race(visitor: Visitor) -> None:
    visitor.visit(add("socks"))
    login = visitor.start()
    add("socks")(login.session)
    login.session.log_in("ada")
    visitor.visit(add("hat"))
    visitor.take_cookies(login.finish())
    assert visitor.visit(get("cart")).text == "{'socks': 2, 'hat': 1}"


def test_an_update_does_not_hide_another_conflict_of_its_request(visitor: Visitor) -> None:
    visitor.visit(lambda session: session.update(cart={}, n=[1]))
    late = visitor.start()
    add("socks")(late.session)
    late.session["n"].append(2)
    visitor.visit(lambda session: (add("hat")(session), session.update(n=[])))
    with pytest.raises(SessionConflict) as conflict:
        late.finish()
    assert conflict.value.key == "n"
    assert visitor.visit(lambda session: dict(session)).text == "{'cart': {'hat': 1}, 'n': []}"


@pytest.mark.parametrize("end", [lambda s: s.delete(), lambda s: s.regenerate()])
def test_an_update_does_not_bring_a_session_back(visitor: Visitor, end: Any) -> None:
    visitor.visit(add("socks"))
    late = visitor.start()
    add("hat")(late.session)
    visitor.visit(end)
    with pytest.raises(SessionGone):
        late.finish()


@pytest.mark.parametrize("end", [lambda s: s.delete(), lambda s: s.regenerate()])
def test_a_session_that_ends_while_an_update_is_repeated_stays_ended(
    visitor: Visitor, end: Any
) -> None:
    visitor.visit(add("socks"))
    late = visitor.start()
    calls = []

    def function(cart: dict[str, int]) -> dict[str, int]:
        calls.append(cart)
        return {**cart, "hat": len(calls)}

    late.session.update_atomic("cart", function)
    visitor.visit(add("socks"))
    store = visitor.interface.store
    load = store.load

    def load_then_end(session_id: Any) -> Any:
        store.load = load
        visitor.visit(end)
        return load(session_id)

    store.load = load_then_end
    with pytest.raises(SessionGone):
        late.finish()
    assert len(calls) == 1


def test_an_update_that_refuses_on_the_second_look_saves_nothing(visitor: Visitor) -> None:
    visitor.visit(put("stock", 1))
    late = visitor.start()

    def take(stock: int) -> int:
        if stock == 0:
            raise LookupError("sold out")
        return stock - 1

    late.session.update_atomic("stock", take)
    late.session["bought"] = True
    visitor.visit(lambda session: session.update_atomic("stock", take))
    with pytest.raises(LookupError, match="sold out"):
        late.finish()
    assert visitor.visit(lambda session: dict(session)).text == "{'stock': 0}"


def test_an_update_gives_up_after_many_lost_races(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.visit(add("socks"))
    late = visitor.start()
    add("hat")(late.session)
    store, commit = visitor.interface.store, visitor.interface.store.commit
    races = []

    def lose(session_id: Any, changes: Any) -> None:
        races.append(changes)
        store.commit = commit
        visitor.visit(add("socks"))
        store.commit = lose
        commit(session_id, changes)

    store.commit = lose
    with pytest.raises(SessionConflict):
        late.finish()
    store.commit = commit
    assert len(races) == 100
    assert visitor.visit(get("cart")).text == "{'socks': 101}"


class Away:
    """A store that cannot be reached, put in the place of a visitor's own."""

    def __init__(self, store: Any, *verbs: str) -> None:
        self._store = store
        self._verbs = verbs

    def __getattr__(self, name: str) -> Any:
        if self._verbs and name not in self._verbs:
            return getattr(self._store, name)

        def refuse(*args: object, **options: object) -> None:
            raise SessionUnavailable("away")

        return refuse


def test_while_the_store_is_away_only_what_uses_the_session_is_refused(visitor: Visitor) -> None:
    visitor.visit(put("user", "ada"))
    before = dict(visitor.cookies)
    store = visitor.interface.store
    visitor.interface.store = Away(store)
    assert visitor.visit().status_code == 200
    for view in (get("user"), put("a", 1), lambda session: session.delete()):
        with pytest.raises(SessionUnavailable) as refused:
            visitor.visit(view)
        assert refused.value.get_response().headers["Retry-After"] == "1"
    stranger = visitor.another()
    assert stranger.visit(get("user")).text == "None"
    with pytest.raises(SessionUnavailable):
        stranger.visit(put("a", 1))
    visitor.interface.store = store
    assert visitor.cookies == before
    assert visitor.visit(get("user")).text == "ada"


def test_an_interface_asks_its_store_for_a_sign_of_life(visitor: Visitor) -> None:
    visitor.interface.check()
    visitor.interface.store = Away(visitor.interface.store)
    with pytest.raises(SessionUnavailable):
        visitor.interface.check()


def test_with_the_fallback_visitors_are_anonymous_while_the_store_is_away(
    make_visitor: MakeVisitor,
) -> None:
    visitor = make_visitor(options={"anonymous_fallback": True})
    visitor.visit(put("user", "ada"))
    assert visitor.visit(lambda session: session.unavailable).text == "False"
    before = dict(visitor.cookies)
    store = visitor.interface.store
    visitor.interface.store = Away(store)
    page = visitor.visit(lambda session: (session.unavailable, dict(session), session.user_id))
    assert page.text == "(True, {}, None)"
    assert headers(page) == ("Cookie", "no-store", False)
    for exclusive in (False, True):
        for view in (
            put("user", "eve"),
            lambda session: session.delete(),
            lambda session: session.regenerate(),
            lambda session: session.log_in("eve"),
        ):
            with pytest.raises(SessionUnavailable, match="read-only"):
                visitor.visit(view, exclusive=exclusive)
    token = visitor.visit(lambda session: session.csrf_token).text
    visitor.interface.store = store
    assert visitor.cookies == before
    assert visitor.visit(lambda session: (session["user"], session.csrf_token)).text == str(
        ("ada", token)
    )


def test_a_session_that_cannot_be_touched_can_still_be_read(
    make_visitor: MakeVisitor, wait_until: Callable[..., None]
) -> None:
    visitor = make_visitor()
    visitor.visit(put("user", "ada"))
    visitor.interface.store = Away(visitor.interface.store, "touch")
    assert visitor.visit(get("user")).text == "ada"


def test_sessions_of_other_interfaces_are_left_alone(visitor: Visitor) -> None:
    request, response = visitor.request(), Response()
    strange = Session(codec)
    strange["a"] = 1
    visitor.interface.save(request, strange, response)
    visitor.interface.release(strange)
    assert headers(response) == (None, None, False)
