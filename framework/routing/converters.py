"""Converters of our own, and Werkzeug's rule with converters that belong to one blueprint."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from werkzeug.routing import BaseConverter
from werkzeug.routing import Rule as WerkzeugRule

from ..exceptions import RoutingError
from ..suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping


class MountedPathConverter(BaseConverter):
    """Everything after a mount's prefix, the slash in front of it included."""

    regex = "(?s:/.*)?"
    part_isolating = False
    weight = 10_000  # after all rules under the same prefix

    def to_url(self, value: Any) -> str:
        """Return the path with one slash in front; nothing for the mount's own URL."""
        return super().to_url(f"/{str(value).lstrip('/')}") if value else ""


class RootMountedPathConverter(MountedPathConverter):
    """The same for a mount at the root, whose rule ends with the first slash of the path."""

    regex = "(?s:.*)"
    part_isolating = False

    def to_python(self, value: str) -> str:
        """Return the path with the slash in front that the rule has taken."""
        return f"/{value}"


MOUNT_CONVERTERS: Mapping[str, type[BaseConverter]] = {
    "_mounted": MountedPathConverter,
    "_root_mounted": RootMountedPathConverter,
}


class ConvertingRule(WerkzeugRule):
    """Werkzeug's rule, with converters besides those of the map."""

    def __init__(
        self, path: str, *, converters: Mapping[str, type[BaseConverter]], **options: Any
    ) -> None:
        super().__init__(path, **options)
        self.converters = converters

    def get_converter(
        self,
        variable_name: str,
        converter_name: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> BaseConverter:
        """Return the converter for one variable, the nearest of that name.

        A pattern of the converter that is broken would otherwise show in the first request.
        """
        known = {**self.map.converters, **self.converters}
        converter_class = known.get(converter_name)
        if converter_class is None:
            names = sorted(known.keys() - MOUNT_CONVERTERS.keys())
            raise RoutingError(
                f"there is no converter {converter_name!r} for {variable_name!r}."
                f"{did_you_mean(converter_name, names)} Known are {', '.join(names)}; add others"
                " as App.url_converters or Blueprint(converters=...)."
            )
        converter = converter_class(self.map, *args, **kwargs)
        try:
            re.compile(converter.regex)
        except re.error as error:
            raise RoutingError(
                f"the regex {converter.regex!r} of {converter_class.__name__} is broken: {error}."
            ) from None
        return converter
