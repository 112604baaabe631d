"""The errors of this package. HTTP errors are Werkzeug's: raise ``werkzeug.exceptions.NotFound``.

AppError
├── SetupError                the app is put together wrongly
│   ├── ConfigError           settings that are missing, ill-typed or unknown
│   ├── RoutingError          rules, blueprints or mounts that contradict each other
│   └── ImportPathError       no module or name at an import path
├── URLBuildError             no URL for this endpoint and these values (also a LookupError)
├── ReturnValueError          a view returned what is not a response (also a TypeError)
└── NoCurrentRequest          asked for the current request outside of one (also a RuntimeError)
"""

from __future__ import annotations


class AppError(Exception):
    """The base of all errors raised by this package."""


class SetupError(AppError):
    """The app is put together wrongly; raised before the first request wherever possible."""


class ConfigError(SetupError):
    """One or more settings cannot be used; the message lists all of them."""


class RoutingError(SetupError):
    """Rules, blueprints or mounts contradict each other or are incomplete."""


class ImportPathError(SetupError):
    """There is no module, or no such name in the module, at an import path."""


class URLBuildError(AppError, LookupError):
    """No URL can be built for an endpoint and values."""


class ReturnValueError(AppError, TypeError):
    """A view, hook or error handler returned a value that cannot become a response."""


class NoCurrentRequest(AppError, RuntimeError):
    """The current request was asked for where none is being answered."""
