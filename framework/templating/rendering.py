"""Templates rendered, in one piece or as a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import signals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..app_parts import AppParts
    from ..wrappers import Request

STREAM_CHUNK = 8192
"""How many characters of a streamed template are sent together."""


def render(app: AppParts, request: Request | None, name: str, context: dict[str, Any]) -> str:
    """Return the template ``name`` rendered; ``context`` comes before what processors give."""
    template = app.jinja_environment.get_template(name)
    names = _names(request, context)
    text = template.render(names)
    _announce(app, request, name, names)
    return text


def stream(
    app: AppParts, request: Request | None, name: str, context: dict[str, Any]
) -> Iterator[str]:
    """Return the parts of the template ``name`` as they are rendered.

    The first part is rendered at once: an error in it is still answered by an error page.
    """
    template = app.jinja_environment.get_template(name)
    names = _names(request, context)
    parts = _chunks(template.generate(names))
    first = next(parts, "")

    def all_parts() -> Iterator[str]:
        yield first
        yield from parts
        _announce(app, request, name, names)

    return all_parts()


def _chunks(parts: Iterator[str]) -> Iterator[str]:
    """Join parts, each of which may be a few characters, so that they are worth sending."""
    waiting: list[str] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= STREAM_CHUNK:
            yield "".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield "".join(waiting)


def _names(request: Request | None, context: dict[str, Any]) -> dict[str, Any]:
    """Return what the template knows besides globals; ``context`` wins over everything."""
    names: dict[str, Any] = {}
    if request is not None:
        for processor in request.pipeline.context_processors:
            names.update(processor(request))
        names["request"] = request
        names["url_for"] = request.url_for
    names.update(context)
    return names


def _announce(app: AppParts, request: Request | None, name: str, names: dict[str, Any]) -> None:
    if signals.template_rendered.receivers:
        signals.template_rendered.send(app, template=name, context=names, request=request)
