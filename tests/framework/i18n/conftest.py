"""What writes catalogues for a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Messages = Mapping[str | tuple[str, str], str | tuple[str, ...]]
    WriteCatalogue = Callable[..., Path]


@pytest.fixture
def write_catalogue() -> WriteCatalogue:
    """Write a compiled catalogue into a folder of translations."""

    def write(
        folder: Path,
        locale: str,
        messages: Messages,
        contexts: Mapping[tuple[str, str], str] | None = None,
    ) -> Path:
        catalogue = Catalog(locale=locale)
        for message, translation in messages.items():
            catalogue.add(message, translation)
        for (context, message), meaning in (contexts or {}).items():
            catalogue.add(message, meaning, context=context)
        path = folder / locale / "LC_MESSAGES" / "messages.mo"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_mo(file, catalogue)
        return path

    return write
