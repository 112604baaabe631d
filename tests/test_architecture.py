"""The borders between the packages: which module may import which, and what an import loads."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("framework", "deploy", "loadtests")
HEAVY = {
    "framework": {
        *("redis", "hiredis", "ormsgpack", "sqlalchemy", "babel", "gevent", "gunicorn", "flask"),
    },
    "deploy": {"redis", "gevent", "gunicorn", "rich", "werkzeug", "jinja2"},
    "deploy.cli": {"redis", "gevent", "gunicorn", "rich", "werkzeug", "numpy", "locust"},
    "loadtests": {"locust", "numpy", "scipy", "matplotlib", "rich", "gevent"},
    "loadtests.cli": {"locust", "numpy", "scipy", "matplotlib", "rich", "gevent"},
    "loadtests.plan.cli": {"locust", "numpy", "scipy", "matplotlib", "rich", "gevent"},
    "loadtests.tune.cli": {"locust", "numpy", "scipy", "matplotlib", "rich", "tomlkit"},
}


def modules(package: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imported_names(
    module: str, path: Path, *, at_start_only: bool = False
) -> Iterator[tuple[int, str]]:
    """Yield (relative level, absolute module name) for each import that happens at run time.

    With ``at_start_only``, imports inside functions are left out.
    """
    is_package = path.name == "__init__.py"

    def visit(node: ast.AST) -> Iterator[tuple[int, str]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt) and is_type_checking(child):
                continue
            if at_start_only and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if isinstance(child, ast.Import):
                yield from ((0, alias.name) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = module.split(".")
                if child.level:
                    keep = len(base) - child.level + (1 if is_package else 0)
                    prefix = ".".join(base[:keep])
                    name = f"{prefix}.{child.module}" if child.module else prefix
                else:
                    name = child.module or ""
                yield child.level, name
                yield from ((child.level, f"{name}.{alias.name}") for alias in child.names)
            else:
                yield from visit(child)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("framework", {"deploy", "loadtests"}),
        ("deploy", {"framework", "loadtests"}),
        ("loadtests", {"framework"}),
    ],
)
def test_packages_import_in_one_direction_only(package: str, forbidden: set[str]) -> None:
    crossings = [
        f"{module} imports {name}"
        for module, path in modules(package)
        for _, name in imported_names(module, path)
        if name.split(".")[0] in forbidden
    ]
    assert crossings == []


def test_framework_imports_itself_relatively_only() -> None:
    absolute = [
        f"{module} imports {name}"
        for module, path in modules("framework")
        for level, name in imported_names(module, path)
        if level == 0 and name.split(".")[0] == "framework"
    ]
    assert absolute == []


def test_only_the_suites_import_locust() -> None:
    importers = {
        module
        for package in PACKAGES
        for module, path in modules(package)
        for _, name in imported_names(module, path)
        if name.split(".")[0] == "locust"
    }
    assert importers
    assert {module for module in importers if not module.startswith("loadtests.suites.")} == set()


def test_only_the_part_for_flask_users_imports_flask() -> None:
    importers = {
        module
        for module, path in modules("framework")
        for _, name in imported_names(module, path)
        if name.split(".")[0] == "flask"
    }
    assert importers
    assert {
        module for module in importers if not module.startswith("framework.contrib.flask")
    } == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    paths = {module: path for package in PACKAGES for module, path in modules(package)}
    graph: dict[str, set[str]] = {
        module: {
            name
            for _, name in imported_names(module, path, at_start_only=True)
            # A package is imported before its modules in any case, so an edge to it says nothing.
            if name in paths and name != module and not module.startswith(f"{name}.")
        }
        for module, path in paths.items()
    }
    done: set[str] = set()

    def walk(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail[trail.index(module) :], module))
        if module not in done:
            for target in sorted(graph[module]):
                walk(target, (*trail, module))
            done.add(module)

    for module in graph:
        walk(module, ())


@pytest.mark.parametrize("module", sorted(HEAVY))
def test_import_is_light(module: str) -> None:
    script = f"import {module}, sys, json; print(json.dumps(list(sys.modules)))"
    loaded = json.loads(run_python(script, cwd=ROOT))
    assert {name.split(".")[0] for name in loaded} & HEAVY[module] == set()


def test_a_hello_app_loads_only_what_it_uses() -> None:
    script = """
import sys
from framework import App, Rule

def hello(request):
    return "hello"

app = App("demo", urls=[Rule("/", hello)], config={"secret_key": "only for this test"})
app.start_worker()
environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "localhost",
           "wsgi.url_scheme": "http", "SERVER_NAME": "localhost", "SERVER_PORT": "80"}
assert app(environ, lambda status, headers: None) == [b"hello"]
print(*sys.modules)
"""
    loaded = set(run_python(script, cwd=ROOT).split())
    parts = {"sessions", "templating", "static_files", "testing", "commands", "contrib"}
    own = {name for name in loaded if name.startswith(tuple(f"framework.{part}" for part in parts))}
    libraries = {"jinja2", "itsdangerous", "click"}
    # Of the standard library, what takes long to import and Werkzeug does without.
    slow = {"importlib.metadata", "decimal", "tomllib", "asyncio", "unittest"}
    assert own | (loaded & (HEAVY["framework"] | libraries | slow)) == set()


def test_a_renamed_copy_of_the_framework_serves_a_request(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "framework", tmp_path / "renamed", ignore=shutil.ignore_patterns("__pycache__")
    )
    script = """
import sys
from renamed import App, Rule
from renamed.testing import TestClient

app = App("demo", urls=[Rule("/<name>", lambda request, name: f"hello {name}", endpoint="hello")],
          config={"debug": True, "secret_key": "only for this test"})
response = TestClient(app).get("/copy")
print(response.status, response.text, "framework" in sys.modules)
"""
    assert run_python(script, cwd=tmp_path) == "200 OK hello copy False"


def run_python(script: str, *, cwd: Path) -> str:
    """Run ``script`` in a fresh interpreter that sees only ``cwd`` and the installed libraries."""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=cwd, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
