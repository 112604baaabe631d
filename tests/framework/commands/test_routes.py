from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from framework.commands.routes import routes

if TYPE_CHECKING:
    from pathlib import Path

URLS = """\
from framework import Blueprint, Mount, Rule
from map_site.old import Old, old

def index(request):
    return ""

urls = [
    Rule("/", index),
    Blueprint("cart", prefix="/cart", views="map_site.cart", rules=[
        Rule("/", "show"),
        Rule("/", "add", methods=["POST", "PUT"]),
    ]),
    Rule("/basket", redirect_to="cart.show"),
    Mount("/legacy", old),
    Mount("/older", Old(), endpoint="a_mount"),
    Rule("/broken", "map_site.broken:page", endpoint="broken"),
    Rule("/lost", "map_site.cart:shwo", endpoint="lost"),
    Rule("/exits", "map_site.exits:page", endpoint="exits"),
]
"""
FILES = {
    "__init__.py": "from framework import App\napp = App('map_site', urls='map_site.urls')\n",
    "urls.py": URLS,
    "cart.py": "def show(request): ...\ndef add(request): ...\n",
    "broken.py": "import json\nfrom map_site.helpers import x\n",
    "helpers.py": "import no_such_dependency\n",
    "exits.py": "raise SystemExit('no database')\n",
    "old.py": """\
def old(environ, start_response): ...
class Old:
    def __call__(self, environ, start_response): ...
""",
}


@pytest.fixture
def site(project: Path) -> Path:
    """The project with a package that has a larger map, and views that cannot be imported."""
    folder = project / "map_site"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    (project / "twofold.toml").write_text('app = "map_site:app"\n')
    return folder


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(routes, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def test_map_is_printed_in_columns_without_importing_a_view(site: Path) -> None:
    code, output = run()
    assert (code, output) == (
        0,
        """\
METHOD    RULE       ENDPOINT          VIEW                  BLUEPRINT
GET       /          index             map_site.urls:index   -
any       /basket    redirect /basket  -> cart.show          -
GET       /broken    broken            map_site.broken:page  -
GET       /cart/     cart.show         map_site.cart:show    cart
POST|PUT  /cart/     cart.add          map_site.cart:add     cart
GET       /exits     exits             map_site.exits:page   -
any       /legacy/*  legacy            map_site.old:old      -
GET       /lost      lost              map_site.cart:shwo    -
any       /older/*   a_mount           map_site.old:Old      -
""",
    )
    assert not {"map_site.cart", "map_site.broken"} & set(sys.modules)


def test_map_is_sorted_and_filtered(site: Path) -> None:
    by_endpoint = [line.split()[1] for line in run("--sort", "endpoint")[1].splitlines()[1:]]
    assert by_endpoint[:3] == ["/older/*", "/broken", "/cart/"]
    for text, rules in [("CART", 4), ("post", 1), ("/old", 1), ("nothing like it", 0)]:
        assert len(run("--filter", text)[1].splitlines()) - 1 == rules, text


def test_json_has_every_column(site: Path) -> None:
    code, output = run("map_site:app", "--json", "--filter", "cart.add")
    assert code == 0
    assert json.loads(output) == {
        "routes": [
            {
                "methods": ["POST", "PUT"],
                "rule": "/cart/",
                "endpoint": "cart.add",
                "view": "map_site.cart:add",
                "blueprint": "cart",
            }
        ]
    }


def test_views_that_cannot_be_imported_are_all_reported(site: Path) -> None:
    code, output = run("--resolve")
    assert code == 1
    assert (
        output
        == f"""\
broken  map_site.broken:page
  {site / "helpers.py"}:1
  ModuleNotFoundError: No module named 'no_such_dependency'
exits  map_site.exits:page
  {site / "exits.py"}:1
  SystemExit: no database
lost  map_site.cart:shwo
  The module 'map_site.cart' has no 'shwo' (endpoint 'lost', import path 'map_site.cart:shwo').\
 Did you mean 'show'?
3 of 9 views cannot be loaded.
"""
    )


def test_failures_are_in_the_json_too(site: Path) -> None:
    code, output = run("--resolve", "--json", "--filter", "broken")
    assert code == 1
    assert json.loads(output)["failures"] == [
        {
            "endpoint": "broken",
            "view": "map_site.broken:page",
            "error": "ModuleNotFoundError: No module named 'no_such_dependency'",
            "line": f"{site / 'helpers.py'}:1",
        }
    ]


def test_views_that_can_be_imported_are_counted(site: Path) -> None:
    assert run("--resolve", "--filter", "cart") == (1, run("--resolve", "--filter", "cart")[1])
    assert run("--resolve", "--filter", "cart.show") == (0, "All 2 views can be loaded.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["map_site:ap"], "has no 'ap'"),
        (["--sort", "colour"], "'colour' is not one of"),
        (["no_such_site:app"], "no module 'no_such_site'"),
    ],
)
def test_wrong_usage_exits_with_2(site: Path, arguments: list[str], message: str) -> None:
    code, output = run(*arguments)
    assert code == 2
    assert message in output


def test_map_that_contradicts_itself_exits_with_2(site: Path) -> None:
    (site / "urls.py").write_text("from framework import Rule\nurls = [Rule('/', 'index')]\n")
    code, output = run()
    assert code == 2
    assert "Error: The view 'index' of '/' names no module." in output


def test_error_in_the_url_module_is_raised_as_itself(site: Path) -> None:
    (site / "urls.py").write_text("import jsno\n")
    result: Any = CliRunner().invoke(routes, [])
    assert isinstance(result.exception, ModuleNotFoundError)
    assert result.exception.name == "jsno"
