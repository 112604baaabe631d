"""docs/reference/gunicorn.md names every setting of the gunicorn that is installed."""

import re
from pathlib import Path

from gunicorn.config import KNOWN_SETTINGS

from deploy.profiles import PROFILES, gunicorn_settings, profile

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "gunicorn.md"


def named_in(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)", text))


def test_no_setting_is_left_out() -> None:
    known = {setting.name for setting in KNOWN_SETTINGS}
    assert known - named_in(PAGE.read_text()) == set()


def test_what_twofold_sets_is_told() -> None:
    told = PAGE.read_text().partition("## Set by Twofold")[2].partition("## ")[0]
    for name in PROFILES:
        for bind in ("127.0.0.1:8001", "unix:/run/slot"):
            settings = gunicorn_settings(
                profile(name),
                app="site:app",
                binds=[bind],
                request_timeout=30,
                trusted_proxies=["127.0.0.1"],
                shared_memory=True,
            )
            assert {setting.name for setting in settings} - named_in(told) == set()
