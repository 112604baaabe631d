from __future__ import annotations

from typing import Any

import pytest

from framework.config import checks


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (checks.positive, 0.1),
        (checks.not_negative, 0),
        (checks.cookie_name, "__Host-my.session_2"),
        (checks.host_names, ["example.org", ".example.org", "a-b.example:8000", "127.0.0.1"]),
        (checks.host_names, ["[::1]:8000", "bücher.example", "localhost"]),
        (checks.host_names, []),
        (checks.site_url, "https://example.org"),
        (checks.site_url, "http://localhost:8000/base"),
        (checks.site_url, "https://[::1]:8000"),
    ],
)
def test_usable_value_has_no_problem(check: Any, value: object) -> None:
    assert check(value) is None


@pytest.mark.parametrize(
    ("check", "value", "problem"),
    [
        (checks.positive, 0, "must be more than 0"),
        (checks.not_negative, -1, "must not be negative"),
        *(
            (checks.cookie_name, name, "must be letters")
            for name in ("", "a b", "a;b", "a=b", "ä", "a\n")
        ),
        *(
            (checks.host_names, ["ok.org", name], f"{name!r} is not a host name")
            for name in ("https://a.org", "*.a.org", "a.org/", "", ".", "a..b", "a b", "a:b", "a\n")
        ),
        *(
            (checks.site_url, url, "must be a URL like https://example.org")
            for url in (
                "example.org",
                "ftp://a.org",
                "https://",
                "https://a.org?b",
                "https://u@a.org",
            )
        ),
        (checks.site_url, "https://a.org:port", "must be a URL"),
        (checks.site_url, "https://a.org/#top", "must be a URL"),
        (checks.site_url, "https://[::1", "must be a URL"),
    ],
)
def test_unusable_value_says_why(check: Any, value: object, problem: str) -> None:
    assert check(value).startswith(problem)
