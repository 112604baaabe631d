"""The project that `new` writes: each file here that ends in ``.in``.

In paths and texts ``@name@`` stands for the new package, ``@package@`` for this one,
``@distribution@`` for what is installed to have it, ``@command@`` for its command, and ``@image@``
for the image that Docker builds.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path(__file__).parent
SUFFIX = ".in"
PLACEHOLDER = re.compile(r"@([a-z]+)@")


def top_level_names() -> set[str]:
    """Return what stands beside the new package, without suffixes."""
    return {path.name.partition(".")[0] for path in FOLDER.iterdir()}


def files(values: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each file of a project; an unknown placeholder is a KeyError.

    The paths are relative to the project's folder.
    """

    def fill(text: str) -> str:
        return PLACEHOLDER.sub(lambda match: values[match[1]], text)

    for source in sorted(FOLDER.rglob(f"*{SUFFIX}")):
        path = source.relative_to(FOLDER).as_posix().removesuffix(SUFFIX)
        yield Path(fill(path)), fill(source.read_text(encoding="utf-8"))
