"""The fast code generator against Jinja's own: same templates, same values, same results."""

from __future__ import annotations

import logging
import random
from collections import OrderedDict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import jinja2
import markupsafe
import pytest
from jinja2.compiler import CodeGenerator
from jinja2.exceptions import SecurityError
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from framework.templating import jinja_internals
from framework.templating.jinja_internals import FastCodeGenerator, FastTemplate, code_generator

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATES = {
    "plain": "{{ a }}|{{ b }}|{{ c }}|{{ missing }}",
    "attribute": "{{ a.name }}|{{ a.items }}|{{ a.x.name }}|{{ a['name'] }}|{{ a['x']['name'] }}",
    "methods": "{{ a.keys() | list }}|{{ a.get('name') }}|{{ b.upper() }}|{{ a.pop }}",
    "items": "{{ a[0] }}|{{ a[b] }}|{{ a['name'].x }}|{{ (a or b).name }}|{{ a[1:2] }}",
    "nested": "{{ a[a.name].name }}|{{ [a.name, b.name][0] }}|{{ {'k': a.name}.k }}",
    "constants": "{{ 'abc'.upper() }}|{{ '<' }}|{{ 1.5 }}|{{ none }}|{{ {}.x }}",
    "loop": "{% for r in a %}{{ loop.index }}{{ r }}{{ r.name }}{% else %}none{{ b }}{% endfor %}",
    "filtered": "{% for r in a if r.name %}{{ r.name.x }}{% endfor %}",
    "recursive": "{% for r in a recursive %}{{ r }}{{ loop(r.x) if r.x }}{% endfor %}",
    "conditions": "{% if a.name %}{{ a.name }}{% elif b is defined %}{{ b }}{% endif %}",
    "inline": "{{ a.name if a.name else b }}|{{ 'x' if c }}|{{ a ~ b.name }}",
    "filters": "{{ a|default('<d>') }}|{{ b|e }}|{{ b|safe }}|{{ a|string|upper }}|{{ c|tojson }}",
    "map": "{{ a|map(attribute='name')|join(', ') }}",
    "tests": "{{ a is string }}{{ a.name is defined }}{{ a['name'] is none }}",
    "macro": "{% macro m(x, y='<') %}{{ x.name }}{{ y }}{{ caller() if caller }}{% endmacro %}"
    "{{ m(a) }}{{ m(b, c) }}{% call m(a) %}{{ b }}{% endcall %}",
    "block_set": "{% set x %}{{ a.name }}{{ b }}{% endset %}{{ x }}{{ x.name }}"
    "{% set y = a.name %}{{ y }}",
    "namespace": "{% set ns = namespace(v=a) %}{{ ns.v }}{{ ns.v.name }}"
    "{% set ns.v = b %}{{ ns.v }}",
    "with": "{% with x = a.x %}{{ x.name }}{{ x }}{% endwith %}"
    "{% filter upper %}{{ b }}{% endfilter %}",
    "unescaped": "{% autoescape false %}{{ a }}{{ a.name }}{{ b|e }}{% endautoescape %}{{ a }}",
    "volatile": "{% autoescape flag %}{{ a }}{{ a.name }}{{ a['name'] }}{% endautoescape %}{{ b }}",
    "base": "<{% block one %}{{ a.name }}{% endblock %}|"
    "{% block two scoped %}{{ b }}{% endblock %}>",
    "child": "{% extends 'base' %}{% block one %}{{ super() }}"
    "{{ a }}{{ self.two() }}{% endblock %}",
    "maybe_child": "{% if c %}{% extends 'base' %}{% endif %}{{ a.name }}"
    "{% block two %}!{% endblock %}",
    "includes": "{% include 'plain' %}{% include 'attribute' without context %}"
    "{% include ['nothing', 'tests'] %}{% include 'nothing' ignore missing %}",
    "imports": "{% import 'macro' as l %}{% from 'macro' import m with context %}"
    "{{ l.m(a) }}{{ m(b) }}{{ l.nothing }}{{ l }}",
    "translated": "{% trans n=a.name %}Hello {{ n }}{% endtrans %}{{ _('<b>') }}",
}


class Thing:
    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __str__(self) -> str:
        return "<thing>"


class WithItems(Thing):
    def __getitem__(self, name: str) -> str:
        if name != "name":
            raise LookupError(name)
        return "<item>"


class WithProperties:
    name = property(lambda self: "<property>")

    @property
    def x(self) -> Any:
        return self.nothing

    def __getattr__(self, name: str) -> str:
        if name.startswith(("_", "jinja", "no")):
            raise AttributeError(name)
        return f"<{name}>"


class Failing:
    @property
    def name(self) -> str:
        raise ZeroDivisionError("failing")

    def __str__(self) -> str:
        raise ZeroDivisionError("failing")


class WithHTML:
    def __html__(self) -> Any:
        return 5

    def __str__(self) -> str:
        return "not this"


class WithDefault(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "<default>"


class OwnMarkup(Markup):
    pass


class OwnText(str):
    __slots__ = ()


def random_value(source: random.Random, depth: int = 0) -> Any:
    simple = [
        *(
            "<b> & 'text'",
            "plain",
            "",
            "name",
            "ä",
            Markup("<i>"),
            OwnMarkup("<u>"),
            OwnText("<t>"),
        ),
        *(0, 1, -5, True, False, None, 1.5, float("inf"), 10**30, Decimal("1.50"), b"<bytes>"),
        *(WithHTML(), WithProperties(), Failing(), jinja2.Undefined(name="lost"), len, Thing),
    ]
    if depth > 2 or source.random() < 0.4:
        return source.choice(simple)

    def inner() -> Any:
        return random_value(source, depth + 1)

    names = {key: inner() for key in ("name", "x", "items", "<k>") if source.random() < 0.7}
    return source.choice(
        [
            lambda: names,
            lambda: Thing(**names),
            lambda: WithItems(**names),
            lambda: OrderedDict(names),
            lambda: WithDefault(names),
            lambda: [inner() for _ in range(source.randrange(4))],
            lambda: (inner(), inner()),
        ]
    )()


def environment(generator: type[CodeGenerator], undefined: type[jinja2.Undefined]) -> Any:
    made: Any = jinja2.Environment(
        loader=jinja2.DictLoader(TEMPLATES),
        autoescape=True,
        undefined=undefined,
        extensions=["jinja2.ext.i18n"],
    )
    made.code_generator_class = generator
    if generator is FastCodeGenerator:
        made.template_class = FastTemplate
    made.install_gettext_callables(lambda text: text, lambda *texts: texts[0], newstyle=True)
    made.globals["everywhere"] = "<global>"
    return made


def outcome(template: jinja2.Template, values: dict[str, Any]) -> tuple[str, str]:
    try:
        return "text", template.render(values)
    except Exception as error:
        return type(error).__name__, str(error)


@pytest.mark.parametrize(
    "undefined", [jinja2.Undefined, jinja2.ChainableUndefined, jinja2.StrictUndefined]
)
def test_results_are_those_of_jinja(undefined: type[jinja2.Undefined]) -> None:
    stock, fast = environment(CodeGenerator, undefined), environment(FastCodeGenerator, undefined)
    source = random.Random(20)
    rendered = 0
    for _ in range(150):
        values = {name: random_value(source) for name in "abc"}
        values["flag"] = source.random() < 0.5
        for name in TEMPLATES:
            expected = outcome(stock.get_template(name), values)
            assert outcome(fast.get_template(name), values) == expected, (name, values)
            rendered += expected[0] == "text"
    assert rendered > 500


def test_every_template_compiles_to_other_code() -> None:
    stock, fast = (
        environment(generator, jinja2.Undefined) for generator in (CodeGenerator, FastCodeGenerator)
    )
    for text in TEMPLATES.values():
        assert stock.compile(text, raw=True) != fast.compile(text, raw=True)
    assert "to_html[type(" in fast.compile(TEMPLATES["plain"], raw=True)


def test_finalize_is_applied_to_values() -> None:
    def finalize(value: Any) -> Any:
        return "<nothing>" if value is None else value

    shown = []
    for generator in (CodeGenerator, FastCodeGenerator):
        made = jinja2.Environment(autoescape=True, finalize=finalize)
        made.code_generator_class = generator
        shown.append(
            made.from_string("{{ a }}{{ none }}{{ b.name }}").render(a=None, b={"name": 1})
        )
    # Jinja does not apply it to a constant that it has escaped when compiling.
    assert shown[0] == shown[1] == "&lt;nothing&gt;None1"


def test_line_of_an_error_is_that_of_the_template() -> None:
    made = environment(FastCodeGenerator, jinja2.Undefined)
    template = made.from_string("one\n{{ a }}\n{{ a.name.x }}")
    with pytest.raises(jinja2.UndefinedError) as caught:
        template.render(a={})
    assert caught.traceback[-1].lineno + 1 == 3


class OwnLookUps(jinja2.Environment):
    def getattr(self, obj: Any, attribute: str) -> Any:
        return f"attribute {attribute}"

    def getitem(self, obj: Any, argument: Any) -> Any:
        return f"item {argument}"


def test_look_ups_that_an_environment_replaces_are_called() -> None:
    made = OwnLookUps(autoescape=True)
    made.code_generator_class = FastCodeGenerator
    assert made.from_string("{{ a.b }} {{ a['c'] }}").render(a={"b": 1}) == "attribute b item c"


def test_sandbox_keeps_its_own_look_ups() -> None:
    made = SandboxedEnvironment(autoescape=True)
    made.code_generator_class = FastCodeGenerator
    with pytest.raises(SecurityError):
        made.from_string("{{ ''.__class__.__mro__ }}").render()


class OtherSandbox(jinja2.Environment):
    sandboxed = True


def test_nothing_is_written_out_for_any_kind_of_sandbox() -> None:
    made = OtherSandbox(autoescape=True)
    made.code_generator_class = FastCodeGenerator
    code = made.compile("{{ a.b }}{{ a['c'] }}", raw=True)
    assert "environment.getattr(" in code
    assert "environment.getitem(" in code


def test_async_environment_keeps_its_own_look_ups() -> None:
    async def late() -> str:
        return "<"

    made = jinja2.Environment(autoescape=True, enable_async=True)
    made.code_generator_class = FastCodeGenerator
    values = {"a": {"b": late(), "c": late()}, "d": 1}
    assert made.from_string("{{ a.b }}{{ a['c'] }}{{ d }}").render(values) == "&lt;&lt;1"


def test_globals_of_a_template_come_before_those_of_the_environment() -> None:
    made = environment(FastCodeGenerator, jinja2.Undefined)
    text = "{{ everywhere }}{{ added }}{{ own }}"
    assert made.from_string(text).render() == "&lt;global&gt;"
    template = made.from_string(text, globals={"own": "<own>", "everywhere": 1})
    made.globals["added"] = 2
    assert template.render() == "12&lt;own&gt;"
    assert template.render(everywhere=3) == "32&lt;own&gt;"
    plain = FastTemplate.from_code(made, made.compile(text), {"own": 5})
    assert plain.render() == "5"


@pytest.fixture
def fresh_check() -> Iterator[None]:
    code_generator.cache_clear()
    yield
    code_generator.cache_clear()


@pytest.mark.usefixtures("fresh_check")
def test_the_installed_jinja_fits(caplog: pytest.LogCaptureFixture) -> None:
    assert code_generator() is FastCodeGenerator
    assert caplog.messages == []


def changed_output(self: Any, *args: Any) -> None:
    self.write("str(")


def raising(self: Any, *args: Any) -> None:
    raise TypeError("takes other arguments now")


@pytest.mark.usefixtures("fresh_check")
@pytest.mark.parametrize(
    ("method", "cause"),
    [
        (changed_output, "a template came out differently|SyntaxError"),
        (raising, "TypeError: takes other arguments now"),
    ],
)
def test_jinja_that_has_changed_is_used_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, method: Any, cause: str
) -> None:
    monkeypatch.setattr(FastCodeGenerator, "_output_child_pre", method)
    assert code_generator() is CodeGenerator
    assert code_generator() is CodeGenerator
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert any(each in record.getMessage() for each in cause.split("|"))


@pytest.mark.usefixtures("fresh_check")
def test_output_that_differs_is_noticed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(jinja_internals, "to_html", jinja_internals._Escapes({str: str}))
    assert code_generator() is CodeGenerator
    assert "a template came out differently" in caplog.text


@pytest.mark.parametrize(
    "value", ["<", Markup("<"), 1, True, None, 1.5, Decimal("NaN"), [1], 10**30]
)
def test_output_is_what_markupsafe_makes_of_it(value: object) -> None:
    assert jinja_internals.to_html[type(value)](value) == str(markupsafe.escape(value))
