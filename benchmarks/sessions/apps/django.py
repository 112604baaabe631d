"""The views on Django, with its cache sessions on its own Redis cache, or without sessions."""

from __future__ import annotations

import logging
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path

from ..views import VIEWS


def login(session: Any, word: str) -> str:
    session.cycle_key()
    session["user"] = word
    return word


def logout(session: Any, word: str) -> str:
    session.flush()
    return "bye"


def plain(request: HttpRequest, word: str) -> HttpResponse:
    return HttpResponse(word)


def view(request: Any, name: str, word: str) -> HttpResponse:
    return HttpResponse(ALL_VIEWS[name](request.session, word))


ALL_VIEWS = {**VIEWS, "login": login, "logout": logout}
urlpatterns = [path("plain/<word>", plain), path("<name>/<word>", view)]


def make(url: str | None) -> Any:
    """Return the WSGI app; without ``url`` it has no sessions. One in a process."""
    sessions = "django.contrib.sessions.middleware.SessionMiddleware"
    cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}
    settings.configure(
        DEBUG=False,
        SECRET_KEY="only for the benchmark",  # noqa: S106
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[sessions] if url else [],
        SESSION_ENGINE="django.contrib.sessions.backends.cache",
        CACHES={"default": cache} if url else {},
        LOGGING_CONFIG=None,
    )
    django.setup()
    logging.getLogger("django").setLevel(logging.CRITICAL)
    return WSGIHandler()
