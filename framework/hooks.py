"""Functions around views: registered on the app or a blueprint, composed once per blueprint.

The order, with ``app``, an outer and an inner blueprint:

- ``before_request``: app, outer, inner; as registered. The first that returns a value ends the
  walk, and that value is the answer. They run once a URL has matched, not for 404 and 405.
- the view
- ``after_request``: inner, outer, app; last registered first. Also for error pages.
- ``teardown_request``: like ``after_request``, when the last byte is out. All of them run: an
  exception in one is logged.
- error handlers: inner, outer, app; the nearest that fits wins. In one place a handler for the
  status code comes before handlers for classes, and the closest class before its bases.
- ``on_worker_start``: app, then blueprints as they stand in the URL map, then mounted apps that
  have such hooks; ``on_worker_stop`` in reverse.

A hook is a function or its import path, ``package.module:name``, imported when first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from werkzeug.exceptions import HTTPException

from .exceptions import ImportPathError, SetupError
from .imports import import_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ._typing import AfterHook, BeforeHook, ContextProcessor, ErrorHandler, TeardownHook

Function = TypeVar("Function", bound="Callable[..., Any] | str")


class Pipeline(NamedTuple):
    """What runs around the views of one blueprint, or of the app alone, in the order it runs."""

    before: tuple[BeforeHook, ...]
    after: tuple[AfterHook, ...]
    teardown: tuple[TeardownHook, ...]
    context_processors: tuple[ContextProcessor, ...]
    error_handlers: tuple[Mapping[int | type[BaseException], ErrorHandler], ...]
    """One mapping a scope, the nearest first."""

    @classmethod
    def compose(cls, scopes: Sequence[Hooks]) -> Pipeline:
        """Compose the hooks of ``scopes``, the outermost first; they take no more hooks after."""
        for scope in scopes:
            scope.hooks_composed = True
        inwards = [scope.hooks for scope in scopes]
        outwards = inwards[::-1]
        return cls(
            before=load_hooks(f for hooks in inwards for f in hooks.before),
            after=load_hooks(f for hooks in outwards for f in reversed(hooks.after)),
            teardown=load_hooks(f for hooks in outwards for f in reversed(hooks.teardown)),
            context_processors=load_hooks(f for hooks in inwards for f in hooks.context_processors),
            error_handlers=tuple(
                {error: load_hook(f) for error, f in hooks.error_handlers.items()}
                for hooks in outwards
            ),
        )

    def error_handler(self, error: BaseException) -> ErrorHandler | None:
        """Return the nearest handler for ``error``, or ``None``."""
        keys: list[Any] = list(type(error).__mro__)
        if isinstance(error, HTTPException) and error.code is not None:
            keys.insert(0, error.code)
        for handlers in self.error_handlers:
            for key in keys:
                if key in handlers:
                    return handlers[key]
        return None


def load_hook(function: Any) -> Any:
    """Return a hook, imported if it is given as an import path."""
    if not isinstance(function, str):
        return function
    found = import_object(function, needed_by="a hook")
    if not callable(found):
        raise ImportPathError(
            f"The hook {function!r} is {found!r}, which cannot be called. A hook is a function."
        )
    return found


def load_hooks(functions: Iterable[Any]) -> tuple[Any, ...]:
    """Return hooks, each as :func:`load_hook` does."""
    return tuple(load_hook(function) for function in functions)


class RegisteredHooks:
    """The hooks of one scope, in the order they were registered."""

    def __init__(self) -> None:
        self.before: list[Any] = []
        self.after: list[Any] = []
        self.teardown: list[Any] = []
        self.context_processors: list[Any] = []
        self.error_handlers: dict[int | type[BaseException], Any] = {}
        self.worker_start: list[Any] = []
        self.worker_stop: list[Any] = []


class Hooks:
    """Registration of hooks, for the app and for blueprints.

    Every method takes a function or an import path and returns it, so that it can be used as a
    decorator. Once requests are answered nothing can be registered any more.
    """

    def __init__(self) -> None:
        self.hooks = RegisteredHooks()
        self.hooks_composed = False

    def before_request(self, function: Function) -> Function:
        """Call ``function(request)`` before the view; a value it returns is the answer."""
        return self._add(self.hooks.before, function)

    def after_request(self, function: Function) -> Function:
        """Call ``function(request, response)`` after the view.

        It returns the response to go on with, or ``None`` to keep the one it was given.
        """
        return self._add(self.hooks.after, function)

    def teardown_request(self, function: Function) -> Function:
        """Call ``function(request, error)`` when the request is over, whatever happened.

        ``error`` is the exception that no error handler took, else ``None``.
        """
        return self._add(self.hooks.teardown, function)

    def context_processor(self, function: Function) -> Function:
        """Call ``function(request)`` for each template; it returns names for the template."""
        return self._add(self.hooks.context_processors, function)

    def on_worker_start(self, function: Function) -> Function:
        """Call ``function(app)`` in each worker before it takes requests."""
        return self._add(self.hooks.worker_start, function)

    def on_worker_stop(self, function: Function) -> Function:
        """Call ``function(app)`` in each worker when it ends."""
        return self._add(self.hooks.worker_stop, function)

    def error_handler(self, error: int | type[BaseException]) -> Callable[[Function], Function]:
        """Return a decorator that registers ``function(request, error)``.

        ``error`` is a status code or an exception class. The handler for 500 also gets exceptions
        that nothing else handles, as ``InternalServerError`` with ``original_exception``.
        """
        _refuse_unknown_error(error)

        def register(function: Function) -> Function:
            self.add_error_handler(error, function)
            return function

        return register

    def add_error_handler(
        self, error: int | type[BaseException], function: Callable[..., Any] | str
    ) -> None:
        """Register ``function(request, error)`` for a status code or an exception class."""
        _refuse_unknown_error(error)
        self._refuse_unusable(function)
        self.hooks.error_handlers[error] = function

    def _add(self, registered: list[Any], function: Function) -> Function:
        self._refuse_unusable(function)
        registered.append(function)
        return function

    def _refuse_unusable(self, function: object) -> None:
        if not callable(function) and not isinstance(function, str):
            raise SetupError(
                f"{function!r} cannot be a hook of {self!r}. A hook is a function, or the import"
                " path of one: 'package.module:name'."
            )
        if self.hooks_composed:
            raise SetupError(
                f"The hook {function!r} comes too late: {self!r} has already answered a request."
                " Register hooks in the module that creates it."
            )


def _refuse_unknown_error(error: object) -> None:
    """Raise ``SetupError`` for what no error handler could ever be called for."""
    if isinstance(error, type) and issubclass(error, BaseException):
        return
    if isinstance(error, int) and 400 <= error <= 599:
        return
    raise SetupError(
        "An error handler is for the code of an HTTP error, like 404, or for a class of exceptions,"
        f" and not for {error!r}."
    )
