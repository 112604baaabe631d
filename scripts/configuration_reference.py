"""Writes docs/reference/configuration.md from the declared settings: run it after a change."""

from pathlib import Path

from framework import Config
from framework.config.reference import reference_page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "configuration.md"
INTRODUCTION = """\
<!-- Made by scripts/configuration_reference.py from framework/config; change it there. -->

# Configuration

Each setting has a name, a type and a default. A value comes from the first of these that has one:

1. Code: `App("shop", urls="shop.urls", config={"session_cookie_name": "visitor"})`.
2. The environment: the name in capitals, `SESSION_COOKIE_NAME=visitor`. For a secret,
   `SECRET_KEY_FILE=/run/secrets/key` names a file that holds it; setting both is an error, and so
   is a file that cannot be read or is empty.
3. A TOML file, `session_cookie_name = "visitor"`: the one that the environment variable
   `CONFIG_FILE` names (relative to the current folder), or else the one of
   `App(config_file="settings.toml")` (relative to the app's folder). Its keys are the names below,
   without tables.
4. The default.

In the environment a list is separated by commas, true and false may also be `yes` and `no`, `on`
and `off`, `1` and `0`, and an empty text stands for nothing where nothing is allowed.

Settings are read when the app first needs one. A name in code or TOML that is no setting is
refused, and so is a value of another type or out of range; all problems are in one message, with
the nearest name and the place. The environment belongs to other programs too, so a variable that
is one letter away from a setting is only warned about.

An app declares settings of its own in a subclass, and reads them typed:

```python
class ShopConfig(Config):
    stock_delay: float = setting(0.05, "Seconds the stock service takes to answer.")

class Shop(App):
    config_class = ShopConfig

def item(request):
    delay = ShopConfig.of(request).stock_delay
```

`setting(default, help, secret=False, check=None)` takes a function that returns what is wrong with
a value, or `None`; what is wrong between two settings is for `Config.problems()`. A type is `bool`,
`int`, `float`, `str` or `tuple[str, ...]`, each also `| None`. `app.config.describe()` lists every
setting with its value (secrets hidden) and where that came from.

To replace the secret key without logging anyone out, roll out three times. First add the new key to
`SECRET_KEY_FALLBACKS`, so that every node accepts it before any signs with it: a node that does not
know a key takes its cookies for forged, and the visitor starts anew. Then exchange the two: the new
one into `SECRET_KEY`, the old one in front of `SECRET_KEY_FALLBACKS`. Remove the old one when the
sessions it signed have ended, after `SESSION_ABSOLUTE_TIMEOUT`.
"""


def page() -> str:
    """Return the page as it should be."""
    return reference_page(Config, INTRODUCTION)


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
