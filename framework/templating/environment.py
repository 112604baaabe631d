"""The Jinja environment: where templates are found and what they know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2
from jinja2.runtime import Context
from jinja2.utils import missing, pass_context

from ..context import request_variable
from ..exceptions import SetupError
from ..suggestions import did_you_mean
from .cache import template_cache
from .jinja_internals import FastTemplate, code_generator

if TYPE_CHECKING:
    from collections.abc import Callable
    from gettext import NullTranslations

    from ..app_parts import AppParts
    from ..wrappers import Request

TEMPLATE_EXTENSIONS = (
    *("html", "htm", "xhtml", "xml", "svg", "txt", "md", "js", "css"),
    *("jinja", "jinja2", "j2"),
)
"""Files in template folders with one of these are compiled when a production worker starts."""


class LazySessionContext(Context):
    """Names in a template. ``session`` opens the session when a template asks for it."""

    def resolve_or_missing(self, key: str) -> Any:
        """Return the value of a name, or Jinja's ``missing``."""
        # Jinja's own method is written out here, for this runs for each name in a template.
        if key in self.vars:
            return self.vars[key]
        if key in self.parent:
            return self.parent[key]
        if key == "session" and (request := self.resolve_or_missing("request")) is not missing:
            return request.session
        return missing


class Environment(jinja2.Environment):
    """Jinja's environment with our context and templates."""

    context_class = LazySessionContext
    template_class = FastTemplate
    translations_for: Callable[[Request | None], NullTranslations]


class MissingTemplate(jinja2.TemplateNotFound):
    """There is no such template; the message, made when it is read, says where it was sought."""

    def __init__(self, name: str, loader: FolderLoader) -> None:
        super().__init__(name)
        self._loader = loader

    def __str__(self) -> str:
        folders = ", ".join(repr(folder) for folder in self._loader.searchpath)
        hint = did_you_mean(str(self.name), self._loader.list_templates())
        return f"There is no template {self.name!r} in {folders}.{hint}"


class FolderLoader(jinja2.FileSystemLoader):
    """Finds templates in folders; says in which it looked, and what the name may have been."""

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """Return the text of a template, its file, and what tells whether it is up to date."""
        try:
            return super().get_source(environment, template)
        except jinja2.TemplateNotFound:
            raise MissingTemplate(template, self) from None


def make_environment(app: AppParts) -> Environment:
    """Return the environment of ``app``: everything is escaped but ``.txt`` and ``.md``."""
    debug = app.config.debug
    environment = Environment(
        loader=FolderLoader(app.template_folders()),
        autoescape=jinja2.select_autoescape(
            disabled_extensions=("txt", "md", "txt.jinja", "txt.jinja2", "txt.j2"),
            default=True,
            default_for_string=True,
        ),
        auto_reload=debug,
        cache_size=400 if debug else -1,
        bytecode_cache=template_cache(app.config.template_cache_folder),
    )
    environment.code_generator_class = code_generator()
    environment.globals["url_for"] = _UrlFor(app)
    environment.globals.update(app.template_globals)
    environment.filters.update(app.template_filters)
    environment.tests.update(app.template_tests)
    environment.translations_for = app.translations_for
    _install_translations(environment)
    return environment


def _install_translations(environment: Environment) -> None:
    """Give templates ``{% trans %}``, ``_``, ``gettext`` and its kin, in the request's language."""

    def verb(name: str) -> Callable[..., str]:
        @pass_context
        def translate(context: Context, *texts: Any) -> str:
            # A macro that is imported without context knows no request.
            request = context.get("request") or request_variable.get(None)
            translated: str = getattr(environment.translations_for(request), name)(*texts)
            return translated

        return translate

    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        **{name: verb(name) for name in ("gettext", "ngettext", "pgettext", "npgettext")},
        newstyle=True,
    )


class _UrlFor:
    """``url_for`` for macros that are imported without context, which know no request."""

    def __init__(self, app: AppParts) -> None:
        self._app = app

    def __call__(self, endpoint: str, /, **values: Any) -> str:
        request = request_variable.get(None)
        return (request or self._app).url_for(endpoint, **values)


def compile_all(environment: jinja2.Environment) -> None:
    """Compile every template, so that a broken one ends the worker and not a request.

    Raises :class:`SetupError` with all that are broken, where they are and why.
    """
    problems = []
    for name in environment.list_templates(extensions=TEMPLATE_EXTENSIONS):
        try:
            environment.get_template(name)
        except jinja2.TemplateSyntaxError as error:
            place = f"{error.filename or error.name}, line {error.lineno}"
            problems.append(f"{name!r}: {error.message} ({place})")
        except UnicodeDecodeError as error:
            problems.append(f"{name!r}: it is not text in UTF-8 ({error})")
    if problems:
        raise SetupError("\n  ".join(["Templates that cannot be compiled:", *problems]))
