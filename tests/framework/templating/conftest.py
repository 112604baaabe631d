"""What the tests of templates share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    WriteTemplates = Callable[..., None]


@pytest.fixture
def write_templates(tmp_path: Path) -> WriteTemplates:
    """Write templates into the app's folder; ``a__html`` is the file ``a.html``."""

    def write(**texts: str) -> None:
        (tmp_path / "templates").mkdir()
        for name, text in texts.items():
            (tmp_path / "templates" / name.replace("__", ".")).write_text(text)

    return write
