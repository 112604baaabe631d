"""What an extension is: any object with ``init_app``; and what it may rely on, for annotations.

An extension works with the app it is given and imports nothing from here when it runs, so it serves
this package under any name. Its annotations may: ``if TYPE_CHECKING: from ….extensions import …``.
What stands here changes only with a new major version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from .app import App

Function = TypeVar("Function", bound="Callable[..., Any] | str")


class Extension(Protocol):
    """An optional feature attached to an app.

    One object may serve several apps, so what belongs to one app is kept in
    ``app.extensions[name]`` and not on the extension.
    """

    def init_app(self, app: App) -> None:
        """Register hooks, template filters and the like on ``app``."""
        ...


class ExtensibleDatabase(Protocol):
    """The database of an app, as extensions see it."""

    @property
    def engine(self) -> Any:
        """SQLAlchemy's engine, made on first use; for events and for what needs no session."""
        ...

    def session(self) -> AbstractContextManager[Any]:
        """Open a session that commits at the end of its block.

        What belongs to a request is written with ``request.db``, which commits with the request.
        """
        ...


class ExtensibleApp(Protocol):
    """An app, as extensions see it."""

    import_name: str
    extensions: dict[str, Any]

    @property
    def config(self) -> Any: ...
    @property
    def database(self) -> ExtensibleDatabase: ...

    def before_request(self, function: Function) -> Function: ...
    def after_request(self, function: Function) -> Function: ...
    def teardown_request(self, function: Function) -> Function: ...
    def context_processor(self, function: Function) -> Function: ...
    def on_worker_start(self, function: Function) -> Function: ...
    def on_worker_stop(self, function: Function) -> Function: ...
    def add_error_handler(
        self, error: int | type[BaseException], function: Callable[..., Any] | str
    ) -> None: ...
    def add_template_filter(
        self, function: Callable[..., Any], name: str | None = None
    ) -> None: ...
    def add_template_test(self, function: Callable[..., Any], name: str | None = None) -> None: ...
    def add_template_global(self, value: Any, name: str | None = None) -> None: ...
