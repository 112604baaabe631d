"""The reference page of an app's settings, made from their declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .declaration import Setting
    from .kinds import Kind
    from .settings import Config


def reference_page(config_class: type[Config], introduction: str) -> str:
    """Return a page in Markdown: ``introduction``, then each setting with what is declared."""
    kinds = config_class.kinds()
    sections = [introduction.strip()]
    for name, declaration in config_class.declared().items():
        sections.append("\n".join(_section(declaration, kinds[name])))
    return "\n\n".join(sections) + "\n"


def _section(declaration: Setting, kind: Kind) -> Iterator[str]:
    yield f"## `{declaration.name}`"
    yield ""
    yield declaration.help
    yield ""
    yield f"- Type: {kind.name}{', or nothing' if kind.optional else ''}"
    yield f"- Default: {_default(declaration.default)}"
    variable = declaration.name.upper()
    secret = f", or `{variable}_FILE` for a file that holds it" if declaration.secret else ""
    yield f"- Environment: `{variable}`{secret}"


def _default(value: object) -> str:
    if value is None or value == () or value == "":
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    return f"`{value}`"
