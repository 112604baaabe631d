"""The cookies that tell how far the database had come when a visitor last wrote."""

from __future__ import annotations

import random
from http.cookies import SimpleCookie
from itertools import permutations

import pytest
from werkzeug.wrappers import Request, Response

from framework.database.positions import UNKNOWN, PositionCookies

COOKIES = PositionCookies(secure=True)


class Browser:
    """Keeps cookies as a browser does."""

    def __init__(self) -> None:
        self.jar: dict[str, str] = {}

    def ask(self) -> Request:
        header = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        return Request({"HTTP_COOKIE": header} if header else {})

    def take(self, response: Response) -> None:
        for text in response.headers.getlist("Set-Cookie"):
            for name, morsel in SimpleCookie(text).items():
                if morsel["max-age"] == "0":
                    self.jar.pop(name, None)
                else:
                    self.jar[name] = morsel.value


def written(request: Request, position: int) -> Response:
    response = Response()
    COOKIES.write(request, response, position)
    return response


def test_visitor_who_never_wrote_has_none() -> None:
    assert COOKIES.read(Browser().ask()) == 0


def test_each_write_takes_the_place_of_those_before_it() -> None:
    browser = Browser()
    for position in (0x16B3748, 0x2000000, UNKNOWN, 0x2000010):
        browser.take(written(browser.ask(), position))
        assert COOKIES.read(browser.ask()) == position
        assert len(browser.jar) == 1


def test_answers_that_overtake_each_other_leave_the_highest() -> None:
    for order in permutations([100, 200, 300]):
        browser = Browser()
        browser.take(written(browser.ask(), 50))
        under_way = {position: browser.ask() for position in order}
        for position, request in under_way.items():
            browser.take(written(request, position))
        assert COOKIES.read(browser.ask()) == 300
        browser.take(written(browser.ask(), 400))
        assert len(browser.jar) == 1


def test_write_after_a_lost_end_of_the_log_puts_things_right() -> None:
    browser = Browser()
    browser.take(written(browser.ask(), 900))
    browser.take(written(browser.ask(), 30))
    assert COOKIES.read(browser.ask()) == 30


def test_same_position_again_stays() -> None:
    browser = Browser()
    browser.take(written(browser.ask(), 30))
    browser.take(written(browser.ask(), 30))
    assert COOKIES.read(browser.ask()) == 30


@pytest.mark.parametrize(
    ("header", "position"),
    [
        ("__Host-db_position_ff=1", 255),
        ("a=1; __Host-db_position_ff=; b=2", 255),
        ("a=1;__Host-db_position_1=1;__Host-db_position_f=1", 15),
        ("__Host-db_position_ffffffffffffffff=1", UNKNOWN),
        ("__Host-db_position_fffffffffffffffff=1", 0),
        ("__Host-db_position_=1", 0),
        ("__Host-db_position_xyz=1", 0),
        ("__Host-db_position_-1=1", 0),
        ("__Host-db_position_ff", 0),
        ("evil__Host-db_position_ff=1", 0),
        ("db_position_ff=1", 0),
        ("__Host-db_position_٣=1".encode().decode("latin-1"), 0),
    ],
)
def test_what_was_not_written_here_is_a_position_or_nothing(header: str, position: int) -> None:
    assert COOKIES.read(Request({"HTTP_COOKIE": header})) == position


def test_cookie_is_for_this_host_and_out_of_reach_of_scripts() -> None:
    response = written(Browser().ask(), 255)
    assert response.headers["Set-Cookie"] == (
        "__Host-db_position_ff=1; Max-Age=604800; Secure; HttpOnly; Path=/; SameSite=Lax"
    )
    assert response.headers["Cache-Control"] == "no-store"
    plain = Response()
    PositionCookies(secure=False).write(Browser().ask(), plain, 255)
    assert plain.headers["Set-Cookie"].startswith("db_position_ff=1; Max-Age=604800; HttpOnly;")


def test_browser_never_has_more_cookies_than_requests_at_once() -> None:
    browser, chance = Browser(), random.Random(7)
    position = 0
    for _ in range(200):
        under_way = [browser.ask() for _ in range(chance.randint(1, 4))]
        answers = []
        for request in under_way:
            position += chance.randint(1, 1000)
            answers.append(written(request, position))
        chance.shuffle(answers)
        for answer in answers:
            browser.take(answer)
        assert COOKIES.read(browser.ask()) == position
        assert len(browser.jar) <= len(under_way)
