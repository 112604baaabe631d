"""Ambo: a small shop for things that come in pairs."""

from collections.abc import Mapping
from typing import Any

from werkzeug.exceptions import HTTPException

from framework import App, Request
from shop.config import ShopConfig
from shop.languages import COOKIE
from shop.money import price
from shop.requests import ShopRequest
from shop.security import Security


class Shop(App):
    """An app with settings and requests of its own, whose catalogue needs no session."""

    config_class = ShopConfig
    request_class = ShopRequest

    def choose_locale(self, request: Request) -> str | None:
        """Return the language of the cookie or the browser.

        The framework would look into the session first, and every page of the catalogue would wait
        for the session store.
        """
        names = [str(locale) for locale in self.i18n.locales]
        chosen = request.cookies.get(COOKIE)
        return chosen if chosen in names else request.accept_languages.best_match(names, names[0])

    def localization_headers(self, request: Request) -> list[tuple[str, str]]:
        """Return the page's language, and what :meth:`choose_locale` looked at."""
        tag = ("Content-Language", str(request.locale))
        return [tag, ("Vary", "Cookie, Accept-Language")]


def make_app(config: Mapping[str, Any] | None = None) -> Shop:
    """Return the shop; ``config`` comes before the environment, as tests need it."""
    app = Shop("shop", urls="shop.urls", models="shop.models:Base", config=config)
    app.add_template_filter(price)
    app.context_processor("shop.served_by:template_names")
    app.add_error_handler(HTTPException, "shop.errors:show")
    Security().init_app(app)
    return app


app = make_app()
