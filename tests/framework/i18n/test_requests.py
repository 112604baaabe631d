"""What a request is answered in, and what the answer says about that."""

from __future__ import annotations

import asyncio
import contextvars
import os
import random
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from werkzeug.test import create_environ

from framework import App, Blueprint, Response, Rule
from framework.exceptions import ConfigError, SetupError
from framework.i18n.lazy import lazy_gettext, lazy_ngettext, lazy_npgettext, lazy_pgettext
from framework.sessions.exceptions import SessionUnavailable
from framework.testing import TestClient

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import WriteCatalogue

    from framework import Request

    MakeApp = Callable[..., App]

GERMAN = {
    "Basket": "Warenkorb",
    "Hello %(name)s": "Hallo %(name)s",
    ("one thing", "%(num)s things"): ("ein Ding", "%(num)s Dinge"),
    "<b>bold</b>": "<b>fett</b>",
    "%(rate)s %% off": "%(rate)s %% billiger",
}


LABEL = lazy_gettext("Basket")


def basket(request: Request) -> str:
    return request.gettext("Basket")


def moment(request: Request) -> str:
    return request.format.datetime(datetime(2026, 1, 31, 23, 30), "yyyy-MM-dd HH:mm")


def choose(request: Request, kind: str, value: str) -> str:
    request.session[kind] = value
    return "chosen"


URLS = [
    Rule("/", basket, endpoint="basket"),
    Rule("/moment", moment, endpoint="moment"),
    Rule("/plain", lambda request: "Basket", endpoint="plain"),
    Rule("/lazy", lambda request: {"label": str(LABEL)}, endpoint="lazy"),
    Rule("/choose/<kind>/<path:value>", choose, endpoint="choose"),
]


@pytest.fixture
def app(make_app: MakeApp, write_catalogue: WriteCatalogue, tmp_path: Path) -> App:
    write_catalogue(tmp_path / "translations", "de", GERMAN, {("menu", "Open"): "Öffnen"})
    write_catalogue(tmp_path / "translations", "pt_BR", {"Basket": "Cesta"})
    return make_app(*URLS, session_cookie_secure=False)


@pytest.fixture
def client(app: App) -> TestClient:
    return TestClient(app)


def test_the_header_decides_for_who_never_chose(client: TestClient) -> None:
    for header, text, tag in (
        ("de-AT,de;q=0.9,en;q=0.8", "Warenkorb", "de"),
        ("pt", "Cesta", "pt-BR"),
        ("fr,en;q=0.1", "Basket", "en"),
        ("nonsense;;;q=x", "Basket", "en"),
    ):
        answer = client.get("/", headers={"Accept-Language": header})
        assert (answer.text, answer.headers["Content-Language"]) == (text, tag)
        assert answer.headers["Vary"] == "Cookie, Accept-Language"
    assert client.get("/").text == "Basket"


def test_session_comes_before_cookie_and_cookie_before_header(client: TestClient) -> None:
    header = {"Accept-Language": "en"}
    client.set_cookie("locale", "pt-BR")
    assert client.get("/", headers=header).text == "Cesta"
    client.get("/choose/locale/de")
    answer = client.get("/", headers=header)
    assert answer.text == "Warenkorb"
    assert "Accept-Language" not in answer.headers["Vary"]


def test_a_choice_that_the_app_does_not_have_is_passed_over(client: TestClient) -> None:
    client.set_cookie("locale", "tlh")
    client.get("/choose/locale/fr")
    assert client.get("/", headers={"Accept-Language": "de"}).text == "Warenkorb"


def test_the_apps_own_choice_comes_first(app: App) -> None:
    app.choose_locale = lambda request: request.args.get("language")  # type: ignore[method-assign]
    client = TestClient(app)
    client.get("/choose/locale/pt_BR")
    answer = client.get("/?language=de-CH")
    assert answer.text == "Warenkorb"
    assert "Vary" not in answer.headers
    assert client.get("/?language=fr").text == "Cesta"
    assert client.get("/").text == "Cesta"


def test_the_time_zone_is_the_visitors(app: App) -> None:
    client = TestClient(app)
    assert client.get("/moment").text == "2026-01-31 23:30"
    client.set_cookie("timezone", "Asia/Tokyo")
    answer = client.get("/moment")
    assert answer.text == "2026-02-01 08:30"
    assert "Cookie" in answer.headers["Vary"]
    client.get("/choose/timezone/America/New_York")
    assert client.get("/moment").text == "2026-01-31 18:30"
    client.get("/choose/timezone/../../etc/passwd")
    assert client.get("/moment").text == "2026-02-01 08:30"
    app.choose_timezone = lambda request: "Europe/Berlin"  # type: ignore[method-assign]
    assert client.get("/moment").text == "2026-02-01 00:30"


def test_where_the_language_does_not_matter_nothing_is_said_of_it(app: App) -> None:
    client = TestClient(app)
    answer = client.get("/plain", headers={"Accept-Language": "de"})
    assert "Content-Language" not in answer.headers
    assert "Vary" not in answer.headers


def test_an_app_with_one_language_varies_by_nothing(make_app: MakeApp) -> None:
    answer = TestClient(make_app(*URLS)).get("/", headers={"Accept-Language": "de"})
    assert answer.text == "Basket"
    assert answer.headers["Content-Language"] == "en"
    assert "Vary" not in answer.headers


def test_a_response_keeps_the_headers_it_has(app: App) -> None:
    def view(request: Request) -> Response:
        headers = {"Content-Language": "en, de", "Vary": "Origin"}
        return Response(request.gettext("Basket"), headers=headers)

    app.urls = [Rule("/", view)]
    headers = TestClient(app).get("/", headers={"Accept-Language": "de"}).headers
    assert headers["Content-Language"] == "en, de"
    assert headers["Vary"] == "Origin, Cookie, Accept-Language"


@pytest.mark.parametrize("debug", [False, True])
def test_both_ways_through_the_app_answer_the_same(app: App, debug: bool) -> None:
    def answers() -> list[Any]:
        client = TestClient(app)
        found = [client.get(path, headers={"Accept-Language": "de"}) for path in ("/", "/lazy")]
        return [(answer.status, answer.text, sorted(answer.headers)) for answer in found]

    fast = answers()
    assert app._fast_path is not None
    app._fast_path = None
    assert answers() == fast


def test_messages_with_values_plurals_and_meanings(app: App) -> None:
    def view(request: Request) -> list[str]:
        return [
            request.gettext("Hello %(name)s", name="Ada"),
            request.ngettext("one thing", "%(num)s things", 1),
            request.ngettext("one thing", "%(num)s things", 3),
            request.pgettext("menu", "Open"),
            request.pgettext("door", "Open"),
            request.gettext("%(rate)s %% off", rate=5),
            request.gettext("100 % unknown"),
        ]

    app.urls = [Rule("/", view)]
    found = TestClient(app).get("/", headers={"Accept-Language": "de"}).get_json()
    assert found == [
        *("Hallo Ada", "ein Ding", "3 Dinge", "Öffnen", "Open", "5 % billiger", "100 % unknown"),
    ]


def test_lazy_texts_follow_the_request(client: TestClient) -> None:
    for language, text in (("de", "Warenkorb"), ("en", "Basket"), ("pt", "Cesta")):
        answer = client.get("/lazy", headers={"Accept-Language": language})
        assert answer.get_json() == {"label": text}
        assert "Accept-Language" in answer.headers["Vary"]
    assert str(LABEL) == "Basket"
    assert f"{lazy_ngettext('one', '%(num)s many', 2)}" == "2 many"
    assert lazy_pgettext("menu", "Open %(what)s", what="it") == "Open it"
    assert lazy_npgettext("menu", "one", "%(num)s many", 2) == "2 many"


def test_lazy_texts_are_written_as_json(app: App) -> None:
    app.urls = [Rule("/", lambda request: {"label": LABEL}, endpoint="index")]
    answer = TestClient(app).get("/", headers={"Accept-Language": "de"})
    assert answer.get_json() == {"label": "Warenkorb"}
    assert answer.headers["Content-Language"] == "de"


def test_a_blueprint_has_messages_of_its_own_and_the_app_the_last_word(
    make_app: MakeApp, write_catalogue: WriteCatalogue, tmp_path: Path
) -> None:
    write_catalogue(tmp_path / "translations", "de", {"Basket": "Warenkorb"})
    write_catalogue(tmp_path / "cart" / "words", "de", {"Basket": "Korb", "Empty it": "Leeren"})
    write_catalogue(tmp_path / "translations", "de_AT", {"Basket": "Sackerl"})
    cart = Blueprint(
        "cart",
        translations="cart/words",
        rules=[Rule("/", lambda r: [r.gettext("Basket"), r.gettext("Empty it")], endpoint="show")],
    )
    client = TestClient(make_app(cart))
    answer = client.get("/", headers={"Accept-Language": "de"})
    assert answer.get_json() == ["Warenkorb", "Leeren"]
    answer = client.get("/", headers={"Accept-Language": "de-AT"})
    assert answer.get_json() == ["Sackerl", "Leeren"]
    assert answer.headers["Content-Language"] == "de-AT"


def test_in_development_a_new_catalogue_is_used_at_once(
    make_app: MakeApp, write_catalogue: WriteCatalogue, tmp_path: Path
) -> None:
    path = write_catalogue(tmp_path / "translations", "de", {"Basket": "Korb"})
    client = TestClient(make_app(*URLS, debug=True))
    assert client.get("/", headers={"Accept-Language": "de"}).text == "Korb"
    write_catalogue(tmp_path / "translations", "de", {"Basket": "Warenkorb"})
    later = path.stat().st_mtime + 10
    os.utime(path, (later, later))
    assert client.get("/", headers={"Accept-Language": "de"}).text == "Warenkorb"


def test_a_store_that_is_away_costs_the_choice_and_not_the_page(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away:
        can_be_exclusive = True

        def open(self, request: Request, exclusive: bool) -> Any:
            raise SessionUnavailable("away")

        def close(self) -> None: ...

    app.session_interface = Away()  # type: ignore[assignment]
    client = TestClient(app)
    client.set_cookie("session", "some id")
    client.set_cookie("locale", "de")
    assert client.get("/").text == "Warenkorb"


def test_texts_for_no_visitor(app: App) -> None:
    german = app.i18n.localization("de", "Europe/Berlin")
    assert german.gettext("Basket") == "Warenkorb"
    assert german.format.datetime(datetime(2026, 7, 1, 12), "HH:mm") == "14:00"
    assert german is app.i18n.localization("de", ZoneInfo("Europe/Berlin"))
    assert app.i18n.localization().gettext("Basket") == "Basket"
    with pytest.raises(SetupError, match="'tlh' is no locale"):
        app.i18n.localization("tlh")
    with pytest.raises(SetupError, match="'Mars/Base' is no time zone"):
        app.i18n.localization("de", "Mars/Base")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"default_locale": "xx"}, "'xx' is no locale"),
        ({"locales": ["de", "zz"]}, "'zz' is no locale"),
        ({"default_timezone": "Mars/Base"}, "'Mars/Base' is no time zone of this machine"),
    ],
)
def test_an_unknown_locale_or_time_zone_ends_the_worker_and_not_a_request(
    make_app: MakeApp, tmp_path: Path, config: dict[str, Any], message: str
) -> None:
    (tmp_path / "translations").mkdir()
    with pytest.raises(SetupError, match=message):
        make_app(*URLS, **config).start_worker()


def test_what_has_not_the_form_of_a_locale_is_a_wrong_setting() -> None:
    for setting in ({"default_locale": "de DE"}, {"locales": ("de", "en-")}):
        with pytest.raises(ConfigError, match=r"is no locale\. Write one like"):
            _ = App("no_such_package", urls=[], config=setting).config


def test_a_damaged_catalogue_ends_the_worker_and_is_named(
    make_app: MakeApp, write_catalogue: WriteCatalogue, tmp_path: Path
) -> None:
    path = write_catalogue(tmp_path / "translations", "de", GERMAN)
    sound = path.read_bytes()
    for damaged in (b"", b"no catalogue", sound[: len(sound) // 2], sound[:30]):
        path.write_bytes(damaged)
        with pytest.raises(SetupError, match=r"messages\.mo cannot be read: .*`i18n compile`"):
            make_app(*URLS).start_worker()


# Interleaved requests


def slow(request: Request) -> str:
    words = []
    for _ in range(4):
        words.append(request.gettext("Basket"))
        time.sleep(random.random() / 500)
        words.append(str(LABEL))
    return " ".join(dict.fromkeys(words))


EXPECTED = {"de": "Warenkorb", "pt-BR": "Cesta", "en": "Basket"}


def ask(app: App, language: str) -> tuple[str, str]:
    environ = create_environ("/", headers={"Accept-Language": language})
    body = b"".join(app(environ, lambda *_: None))  # type: ignore[arg-type]
    return language, body.decode()


def test_threads_and_tasks_with_different_languages_never_mix(app: App) -> None:
    app.urls = [Rule("/", slow)]
    app.start_worker()
    languages = [*EXPECTED] * 12
    found: list[tuple[str, str]] = []
    threads = [
        threading.Thread(target=lambda language=language: found.append(ask(app, language)))
        for language in languages
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    async def tasks() -> list[tuple[str, str]]:
        return await asyncio.gather(
            *(asyncio.to_thread(ask, app, language) for language in languages)
        )

    found += asyncio.run(tasks())
    assert len(found) == 2 * len(languages)
    assert {text for text in found} == set(EXPECTED.items())


def test_steps_of_streams_in_one_task_keep_their_languages(app: App) -> None:
    def stream(request: Request) -> Any:
        for _ in range(3):
            yield f"{request.gettext('Basket')} {LABEL}\n"

    app.urls = [Rule("/", stream)]
    start_response: Any = lambda *_: None  # noqa: E731
    bodies: dict[str, Any] = {
        language: app(create_environ("/", headers={"Accept-Language": language}), start_response)
        for language in EXPECTED
    }
    steps = {language: iter(body) for language, body in bodies.items()}
    for _ in range(3):
        for language, chunks in steps.items():
            word = EXPECTED[language]
            chunk = contextvars.copy_context().run(next, chunks)
            assert chunk == f"{word} {word}\n".encode()
    for body in bodies.values():
        body.close()


def test_babel_is_imported_by_those_who_use_it_only() -> None:
    code = """
import sys
from framework import App, Rule
from framework.testing import TestClient
rule = Rule("/", lambda request: "hello", endpoint="index")
app = App("no_such_package", urls=[rule], config={"secret_key": "k" * 16})
assert TestClient(app).get("/").text == "hello"
assert "babel" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_relative_times(app: App) -> None:
    english = app.i18n.localization("en").format
    now = datetime(2026, 1, 1, 12)
    assert english.relative(now - timedelta(hours=3), now=now) == "3 hours ago"
    assert english.relative(timedelta(days=2)) == "in 2 days"
    assert english.duration(timedelta(minutes=90)) == "2 hours"
