"""From an endpoint to its view: imported on first use, or all at start."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from .exceptions import ImportPathError
from .imports import import_object
from .routing.mounts import MountedApp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._typing import View
    from .routing.rules import Endpoint


class ViewLoader:
    """Imports views by their import path and remembers them on their endpoint."""

    def load(self, endpoint: Endpoint) -> View:
        """Return the view of ``endpoint``.

        A module or function that does not exist, or cannot be a view, is an
        :class:`ImportPathError`; an error inside the module of the view is raised unchanged.
        """
        view = endpoint.view
        if view is None:
            found = self._find(endpoint)
            view = endpoint.view = MountedApp(found) if endpoint.is_mount else found
        return view

    def load_all(self, endpoints: Iterable[Endpoint]) -> None:
        """Load every view; what cannot be found is reported in one :class:`ImportPathError`."""
        problems = []
        for endpoint in endpoints:
            try:
                self.load(endpoint)
            except ImportPathError as error:
                problems.append(str(error))
        if problems:
            raise ImportPathError("\n".join(problems))

    def _find(self, endpoint: Endpoint) -> Any:
        target: Any = endpoint.target
        if isinstance(target, str):
            target = import_object(target, needed_by=f"endpoint {endpoint.name!r}")
        if not callable(target):
            path = f" (import path {endpoint.target!r})" if target is not endpoint.target else ""
            raise ImportPathError(
                f"The view of endpoint {endpoint.name!r} is {target!r}{path}, which cannot be"
                " called. A view is a function that takes the request."
            )
        if inspect.iscoroutinefunction(target):
            raise ImportPathError(
                f"The view of endpoint {endpoint.name!r} is an 'async def'. Views are called by"
                " WSGI servers, which do not await them: write it as a plain 'def'."
            )
        return target
