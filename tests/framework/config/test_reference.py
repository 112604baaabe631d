from __future__ import annotations

import runpy
from pathlib import Path

from framework import Config, setting
from framework.config.reference import reference_page

ROOT = Path(__file__).resolve().parents[3]


class ShopConfig(Config):
    token: str | None = setting(None, "Opens the warehouse.", secret=True)
    colours: tuple[str, ...] = setting(("red", "blue"), "On sale.")
    open: bool = setting(True, "Orders are taken.")
    title: str = setting("", "On every page.")


def test_page_shows_what_is_declared() -> None:
    page = reference_page(ShopConfig, "# Settings of the shop\n")
    assert page.startswith("# Settings of the shop\n\n## `debug`\n\nDevelopment: ")
    assert page.endswith(
        """\
## `token`

Opens the warehouse.

- Type: text, or nothing
- Default: nothing
- Environment: `TOKEN`, or `TOKEN_FILE` for a file that holds it

## `colours`

On sale.

- Type: a list of texts, separated by commas
- Default: `red,blue`
- Environment: `COLOURS`

## `open`

Orders are taken.

- Type: true or false
- Default: `true`
- Environment: `OPEN`

## `title`

On every page.

- Type: text
- Default: nothing
- Environment: `TITLE`
"""
    )


def test_committed_page_is_up_to_date() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "configuration_reference.py"))
    assert script["PAGE"].read_text(encoding="utf-8") == script["page"](), (
        "run: python scripts/configuration_reference.py"
    )
