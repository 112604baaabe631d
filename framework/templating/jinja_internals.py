"""Faster code for templates. With ``constant_messages`` it alone knows Jinja's compiler inside.

Jinja compiles a template to Python. Two things that a page does most often are written out in that
code instead of being called, with the same results:

- the output of a value: text is escaped without being wrapped in ``Markup`` first, and numbers
  not at all;
- ``row.name``: a key of a plain dict is found without an ``AttributeError``, an attribute of an
  object without a call.

The compiler's methods and markupsafe's inner function are private. :func:`code_generator` looks
whether they are as they have to be, and otherwise gives Jinja's own generator.
"""

from __future__ import annotations

import functools
import logging
from collections import ChainMap
from decimal import Decimal
from gettext import NullTranslations
from typing import TYPE_CHECKING, Any

import jinja2
import markupsafe
from jinja2 import nodes, runtime
from jinja2.compiler import CodeGenerator

from .constant_messages import MessageCodeGenerator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jinja2.compiler import Frame

logger = logging.getLogger(__name__)


class _Escapes(dict[type, "Callable[[Any], str]"]):
    """What makes HTML of a value, by its exact type; ``markupsafe.escape`` for all others."""

    def __missing__(self, kind: type) -> Callable[[Any], str]:
        return markupsafe.escape


to_html: Mapping[type, Callable[[Any], str]] = _Escapes(
    {
        # Missing only where markupsafe has changed, which the check below finds out.
        str: getattr(markupsafe, "_escape_inner", markupsafe.escape),
        markupsafe.Markup: str,
        # Written without any character that would have to be escaped.
        **dict.fromkeys((int, float, bool, type(None)), repr),
        Decimal: str,
    }
)


def item_of(environment: jinja2.Environment, value: Any, name: str) -> Any:
    """Return ``value[name]`` or an undefined value: what Jinja does where no attribute is found."""
    try:
        return value[name]
    except (AttributeError, TypeError, LookupError):
        return environment.undefined(obj=value, name=name)


class FastCodeGenerator(MessageCodeGenerator):
    """Jinja's code generator with the output of values and the look-up of names written out.

    ``value_`` and ``found_`` cannot meet a name of a template: those are compiled as ``l_0_name``.
    """

    def __init__(self, environment: jinja2.Environment, *args: Any, **options: Any) -> None:
        super().__init__(environment, *args, **options)
        kind = type(environment)
        known = not environment.is_async and not environment.sandboxed
        self._own_getattr = known and kind.getattr is jinja2.Environment.getattr
        self._own_getitem = known and kind.getitem is jinja2.Environment.getitem

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:
        self.writeline(f"from {__name__} import item_of, to_html")
        super().visit_Template(node, frame)

    def _is_escaped(self, frame: Frame) -> bool:
        return bool(frame.eval_ctx.autoescape) and not frame.eval_ctx.volatile

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if not self._is_escaped(frame):
            super()._output_child_pre(node, frame, finalize)
            return
        self.write("to_html[type(value_ := (")
        if finalize.src is not None:
            self.write(finalize.src)

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        super()._output_child_post(node, frame, finalize)
        if self._is_escaped(frame):
            self.write(")](value_)")

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:
        if not self._own_getattr:
            super().visit_Getattr(node, frame)
            return
        name = repr(node.attr)
        self.write("(")
        if not hasattr(dict, node.attr):
            self._write_dict_lookup(node.node, name, frame)
            self.write(f"found_ if (found_ := getattr(value_, {name}, missing)) is not missing")
        else:
            self.write("found_ if (found_ := getattr((value_ := (")
            self.visit(node.node, frame)
            self.write(f")), {name}, missing)) is not missing")
        self.write(f" else item_of(environment, value_, {name}))")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:
        if not self._own_getitem or not _is_text(node.arg):
            super().visit_Getitem(node, frame)
            return
        name = repr(node.arg.as_const())
        self.write("(")
        self._write_dict_lookup(node.node, name, frame)
        self.write(f"environment.getitem(value_, {name}))")

    def _write_dict_lookup(self, owner: nodes.Expr, name: str, frame: Frame) -> None:
        """Write the case of a plain dict, up to and with its ``else``."""
        self.write("found_ if type(value_ := (")
        self.visit(owner, frame)
        self.write(f")) is dict and (found_ := value_.get({name}, missing)) is not missing else ")


def _is_text(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) and type(node.value) is str


class FastTemplate(jinja2.Template):
    """A template whose global names are put into a plain dict before they are copied.

    Jinja keeps them in a ``ChainMap``, which is slow to copy name by name.
    """

    def new_context(
        self,
        vars: dict[str, Any] | None = None,
        shared: bool = False,
        locals: Mapping[str, Any] | None = None,
    ) -> runtime.Context:
        names: Any = self.globals
        if type(names) is ChainMap:
            own, common = names.maps
            names = {**common, **own} if own else common
        return runtime.new_context(
            self.environment, self.name, self.blocks, vars, shared, names, locals
        )


_CHECK = """
{%- macro cell(value) %}<td>{{ value }}</td>{% endmacro -%}
{% for row in rows %}{{ row.name }} {{ row['name'] }} {{ row.items }} {{ loop.index }} {{ row }}
{{- cell(row.missing) }}{% endfor %}{% autoescape false %}{{ rows[0].name }}{% endautoescape %}
{%- for value in values %}{{ value }}{% if value is string %}{{ value.real }}{% endif %}{% endfor %}
{%- macro label(text=_("none")) %}{% trans %}a <b>{% endtrans %}{{ text }}{{ caller() }}
{%- endmacro %}
{%- call label() %}{{ pgettext("menu", "open") }}{% endcall %}
{%- block part %}{{ _("in <a> block") }}{% for x in values %}{{ _("x") }}{% endfor %}{% endblock %}
"""


@functools.cache
def code_generator() -> type[CodeGenerator]:
    """Return the fast code generator if it fits the installed Jinja, else Jinja's own.

    What both make of one template is compared, once a process.
    """
    names = {
        "rows": [{"name": "<a>", "items": 1}, {"name": markupsafe.Markup("<b>")}],
        "values": ["<", markupsafe.Markup("<"), 1, 1.5, None, True, ["<"]],
    }
    try:
        if _render(FastCodeGenerator, names) == _render(CodeGenerator, names):
            return FastCodeGenerator
        cause = "a template came out differently"
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
    logger.warning(
        "Templates are rendered by Jinja %s as it is, which is slower: its inside is not what this"
        " version was made for (%s).",
        _version(),
        cause,
    )
    return CodeGenerator


def _render(generator: type[CodeGenerator], names: dict[str, Any]) -> str:
    environment: Any = jinja2.Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
    environment.code_generator_class = generator
    translations = NullTranslations()
    environment.translations_for = lambda _: translations
    environment.install_gettext_translations(translations, newstyle=True)
    return str(environment.from_string(_CHECK).render(names))


def _version() -> str:
    from importlib.metadata import version

    return version("jinja2")
