"""Flask's settings: those that cannot work are refused with the way out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import flask
import pytest

from framework.contrib.flask import RedisSessionInterface
from framework.sessions import SessionConfigError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"PERMANENT_SESSION_LIFETIME": 0}, "PERMANENT_SESSION_LIFETIME is 0:00:00"),
        ({"PERMANENT_SESSION_LIFETIME": timedelta(days=500)}, "absolute_timeout is 400 days"),
        ({"SESSION_COOKIE_NAME": "__Secure-id"}, "Set SESSION_COOKIE_SECURE to True"),
        ({"SESSION_COOKIE_NAME": "__Host-id"}, "Set SESSION_COOKIE_SECURE to True"),
        ({"SESSION_COOKIE_SAMESITE": "None"}, "SESSION_COOKIE_SAMESITE is 'None'"),
        (
            {
                "SESSION_COOKIE_NAME": "__Host-id",
                "SESSION_COOKIE_SECURE": True,
                "SESSION_COOKIE_DOMAIN": "shop.example",
            },
            "Unset SESSION_COOKIE_DOMAIN",
        ),
        (
            {
                "SESSION_COOKIE_NAME": "__Host-id",
                "SESSION_COOKIE_PARTITIONED": True,
                "SESSION_COOKIE_PATH": "/shop",
            },
            "Unset SESSION_COOKIE_DOMAIN and SESSION_COOKIE_PATH",
        ),
    ],
)
def test_a_setting_that_cannot_work_is_refused(settings: dict[str, Any], message: str) -> None:
    app = flask.Flask("no_such_package")
    app.config.update(SECRET_KEY="a key for tests only", TESTING=True, **settings)
    app.session_interface = interface = RedisSessionInterface("redis://127.0.0.1:1")
    with pytest.raises(SessionConfigError, match=message):
        interface.check(app)
    with pytest.raises(SessionConfigError, match=message):
        app.test_client().get("/")


@pytest.mark.parametrize(
    "settings",
    [
        {"SESSION_COOKIE_NAME": "__Host-id", "SESSION_COOKIE_SECURE": True},
        {"SESSION_COOKIE_SAMESITE": "None", "SESSION_COOKIE_PARTITIONED": True},
        {"SESSION_COOKIE_SAMESITE": None, "SESSION_COOKIE_PATH": "/shop"},
    ],
)
def test_settings_that_browsers_accept_are_accepted(settings: dict[str, Any]) -> None:
    app = flask.Flask("no_such_package")
    app.config.update(SECRET_KEY="a key for tests only", TESTING=True, **settings)
    app.session_interface = RedisSessionInterface("redis://127.0.0.1:1")
    assert app.test_client().get("/").status_code == 404
