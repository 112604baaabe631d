"""Messages without values, translated once a language and not once a page.

``{{ _("Basket") }}`` and ``{% trans %}Basket{% endtrans %}`` come out the same for everybody who
reads the same language, and so does the text around them. All of it is put together when the first
page in a language needs it, and is then taken from a tuple. So a page with 50 messages costs hardly
more than the same page in plain text.

Jinja's extension ``i18n`` makes calls of both forms, which is what this looks for. A message with
values, a plural or a percent sign stays a call, and so does one in ``{% autoescape %}``.
"""

from __future__ import annotations

import functools
import logging
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from jinja2 import nodes
from jinja2.compiler import CodeGenerator
from markupsafe import Markup

from ..context import request_variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from gettext import NullTranslations

    from jinja2.compiler import Frame
    from jinja2.runtime import Context

logger = logging.getLogger(__name__)

# How the verb is called in a template, and how by the translations.
VERBS = {"_": "gettext", "gettext": "gettext", "pgettext": "pgettext"}
ARGUMENTS = {"gettext": 1, "pgettext": 2}

# Begins each part of a template that runs by itself and has such messages.
TRANSLATE_HERE = "translate the constant messages here"
Part = nodes.Template | nodes.Block | nodes.Macro | nodes.CallBlock


Message = tuple[str, tuple[str, ...]]
"""The verb as the template has it, and its arguments."""
Pieces = tuple[str | Message, ...]
"""What makes one text: messages, and what stands between them in the template."""


class ConstantMessages:
    """The constant texts of one template, with what they are in each language."""

    def __init__(self, texts: list[Pieces]) -> None:
        self.texts = texts
        self.names = {piece[0] for pieces in texts for piece in pieces if isinstance(piece, tuple)}
        self._translated: WeakKeyDictionary[NullTranslations, tuple[Markup, ...]] = (
            WeakKeyDictionary()
        )

    def for_(self, context: Context) -> tuple[Markup, ...]:
        """Return the texts as the reader of this page gets them."""
        environment: Any = context.environment
        for name in self.names:
            if context.resolve_or_missing(name) is not environment.globals[name]:
                # The template was given another verb of that name.
                return self._put_together(lambda verb, texts: context.call(context[verb], *texts))
        # A macro that is imported without context knows no request.
        request = context.get("request") or request_variable.get(None)
        translations = environment.translations_for(request)
        translated = self._translated.get(translations)
        if translated is None:
            translated = self._put_together(functools.partial(translate, translations))
            self._translated[translations] = translated
        return translated

    def _put_together(self, translate: Callable[[str, tuple[str, ...]], Any]) -> tuple[Markup, ...]:
        return tuple(
            Markup(  # noqa: S704  the template's own text, and messages, which are markup in Jinja
                "".join(piece if isinstance(piece, str) else translate(*piece) for piece in pieces)
            )
            for pieces in self.texts
        )


def translate(translations: NullTranslations, name: str, arguments: tuple[str, ...]) -> str:
    """Return a message in a language; as it stands in the template if its translation is unfit."""
    text: str = getattr(translations, VERBS[name])(*arguments)
    try:
        # As in a message with values, a percent sign is written twice.
        return text % ()
    except (TypeError, ValueError) as error:
        logger.error("The translation %r of %r cannot be used: %s", text, arguments[-1], error)
        return arguments[-1]


class MessageCodeGenerator(CodeGenerator):
    """Jinja's code generator, which takes constant messages from a tuple.

    ``messages_`` cannot meet a name of a template: those are compiled as ``l_0_name``.
    """

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:
        self._indexes: dict[nodes.Node, int] = {}
        if hasattr(self.environment, "translations_for"):
            texts = list(take_texts(node, assigned_names(node)))
            self._indexes = {call: index for index, (call, _) in enumerate(texts)}
            if texts:
                self.writeline(f"from {__name__} import ConstantMessages")
                self.writeline(f"MESSAGES = ConstantMessages({[pieces for _, pieces in texts]!r})")
        super().visit_Template(node, frame)

    def visit_ExprStmt(self, node: nodes.ExprStmt, frame: Frame) -> None:
        if isinstance(node.node, nodes.Const) and node.node.value is TRANSLATE_HERE:
            self.writeline("messages_ = MESSAGES.for_(context)")
        else:
            super().visit_ExprStmt(node, frame)

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:
        index = self._indexes.get(node)
        if index is None:
            super().visit_Call(node, frame, forward_caller=forward_caller)
        elif frame.eval_ctx.autoescape:
            self.write(f"messages_[{index}]")
        else:
            self.write(f"str(messages_[{index}])")


def assigned_names(template: nodes.Template) -> set[str]:
    """Return the names that a template gives a meaning of its own somewhere."""
    return {name.name for name in template.find_all(nodes.Name) if name.ctx != "load"}


def take_texts(part: Part, assigned: set[str]) -> Iterator[tuple[nodes.Call, Pieces]]:
    """Yield the constant texts of a template, each by the call that now stands for it.

    Each part that has some is marked.
    """
    for inner in parts_in(part):
        yield from take_texts(inner, assigned)
    found = {call for call in calls_in(part) if is_constant(call, assigned)}
    if not found:
        return
    texts: dict[nodes.Call, Pieces] = {call: (message_of(call),) for call in found}
    for node in [part, *below(part)]:
        for outputs in outputs_in(node):
            texts |= join_texts(outputs, found)
    standing = {call for call in calls_in(part) if call in found}
    yield from ((call, pieces) for call, pieces in texts.items() if call in standing)
    part.body.insert(0, nodes.ExprStmt(nodes.Const(TRANSLATE_HERE), lineno=part.lineno))


def outputs_in(node: nodes.Node) -> Iterator[nodes.Output]:
    """Yield what a node puts out, those that follow one another as one."""
    for _, field in node.iter_fields():
        if isinstance(field, list):
            for index in range(len(field) - 1, 0, -1):
                before, after = field[index - 1 : index + 1]
                if isinstance(before, nodes.Output) and isinstance(after, nodes.Output):
                    before.nodes.extend(after.nodes)
                    del field[index]
            yield from (item for item in field if isinstance(item, nodes.Output))


def join_texts(output: nodes.Output, messages: set[nodes.Call]) -> dict[nodes.Call, Pieces]:
    """Have one call stand for messages that follow one another and the text around them."""
    joined: dict[nodes.Call, Pieces] = {}
    kept: list[nodes.Expr] = []
    for fixed, run in groupby(output.nodes, lambda node: is_text(node) or node in messages):
        group = list(run)
        calls = [cast("nodes.Call", node) for node in group if not is_text(node)]
        if fixed and calls:
            pieces = [node.data if is_text(node) else message_of(node) for node in group]  # type: ignore[attr-defined, arg-type]
            joined[calls[0]] = tuple(pieces)
            kept.append(calls[0])
        else:
            kept.extend(group)
    output.nodes = kept
    return joined


def is_text(node: nodes.Node) -> bool:
    return isinstance(node, nodes.TemplateData)


def calls_in(part: Part) -> Iterator[nodes.Call]:
    """Yield the calls that the function which a part is compiled to has in its body."""
    for node in below(part):
        if isinstance(node, nodes.Call):
            yield node


def parts_in(part: Part) -> list[Part]:
    """Return the parts right inside of one."""
    return [node for node in below(part) if isinstance(node, Part)]


def below(part: Part) -> Iterator[nodes.Node]:
    """Yield what is in the body of a part, and the parts in it but not what is in those.

    The call that a call-block is for happens outside of it. The defaults of a macro's arguments
    belong to no body. Where it depends on the page what is escaped, nothing is constant.
    """
    waiting: list[nodes.Node] = list(part.body)
    while waiting:
        node = waiting.pop(0)
        yield node
        if isinstance(node, nodes.CallBlock):
            waiting.append(node.call)
        elif not isinstance(node, Part | nodes.EvalContextModifier):
            waiting.extend(node.iter_child_nodes())


def is_constant(call: nodes.Call, assigned: set[str]) -> bool:
    """Whether a call is a message without values."""
    verb = verb_of(call)
    return (
        verb in VERBS
        and verb not in assigned
        and len(call.args) == ARGUMENTS[VERBS[verb]]
        and all(isinstance(arg, nodes.Const) and type(arg.value) is str for arg in call.args)
        and "%" not in texts_of(call)[-1]
        and not (call.kwargs or call.dyn_args or call.dyn_kwargs)
    )


def verb_of(call: nodes.Call) -> str:
    return call.node.name if isinstance(call.node, nodes.Name) else ""


def texts_of(call: nodes.Call) -> tuple[str, ...]:
    return tuple(cast("nodes.Const", arg).value for arg in call.args)


def message_of(call: nodes.Call) -> Message:
    return verb_of(call), texts_of(call)
