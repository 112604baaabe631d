"""A page with 50 messages beside the same page in plain text: `python -m benchmarks.translations`.

Both are an order form with 20 rows of data, answered by one app in one process, without a server.
The page is asked for in German, so each message has a translation. `calls` is the same page with
Jinja's own way to translate, a call for each message.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from jinja2.compiler import CodeGenerator
from werkzeug.test import create_environ

from framework import App, Rule

from ..progress import tell
from ..tables import processor, table, verdict, versions

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework import Request

MESSAGES = 50
ROWS = [{"name": f"Thing {n}", "price": n * 1.25, "count": n % 7} for n in range(20)]
MOST = 1.3
"""Goal: the page with messages takes at most so many times the plain one's time."""
BATCH = 200


@dataclass
class Page:
    """One way to make the page, and its times."""

    name: str
    ask: Callable[[], bytes]
    seconds: list[float] = field(default_factory=list)
    """Processor time a request, one value a round."""


def write_templates(folder: Path) -> None:
    rows = (
        "<table>{% for row in rows %}<tr><td>{{ row.name }}</td><td>{{ row.price }}</td>"
        "<td>{{ row.count }}</td></tr>{% endfor %}</table>"
    )
    folder.mkdir()
    for name, label in (
        ("messages", '{{{{ _("Label number {n}") }}}}'),
        ("plain", "Beschriftung Nummer {n}"),
    ):
        labels = "".join(f"<p>{label.format(n=n)}</p>\n" for n in range(MESSAGES))
        (folder / f"{name}.html").write_text(f"<!doctype html>\n{labels}{rows}")


def write_catalogue(folder: Path) -> None:
    catalogue = Catalog(locale="de")
    for n in range(MESSAGES):
        catalogue.add(f"Label number {n}", f"Beschriftung Nummer {n}")
    path = folder / "de" / "LC_MESSAGES" / "messages.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_mo(file, catalogue)


def make_app(folder: Path, *, calls: bool = False) -> App:
    def page(request: Request, name: str) -> str:
        return request.render(f"{name}.html", rows=ROWS)

    app = App("no_such_package", urls=[Rule("/<name>", page)], config={"secret_key": "x" * 16})
    app.folder = folder
    if calls:
        app.jinja_environment.code_generator_class = CodeGenerator
    app.start_worker()
    return app


def asker(app: App, path: str) -> Callable[[], bytes]:
    environ = create_environ(path, headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.8"})

    def start_response(*_: Any) -> Any: ...

    return lambda: b"".join(app(environ.copy(), start_response))


def measure(pages: list[Page], rounds: int) -> None:
    for number in range(rounds):
        tell(f"round {number + 1} of {rounds}")
        for page in pages:
            begin = time.process_time()
            for _ in range(BATCH):
                page.ask()
            page.seconds.append((time.process_time() - begin) / BATCH)
    tell("")


def report(pages: list[Page], rounds: int) -> tuple[str, bool]:
    """Return what was measured, and whether the goal was reached."""
    plain = pages[0].seconds
    rows = []
    ratios = {}
    for page in pages:
        each = [mine / its for mine, its in zip(page.seconds, plain, strict=True)]
        ratios[page.name] = statistics.median(each)
        quarter = statistics.quantiles(each, n=4)
        rows.append(
            (
                page.name,
                f"{min(page.seconds) * 1e6:.1f}",
                f"{ratios[page.name]:.2f}",
                f"{quarter[0]:.2f} to {quarter[2]:.2f}",
            )
        )
    reached = ratios["messages"] <= MOST
    head = ("page", "µs (best)", "times plain (median)", "half of the rounds")
    goal = f"at most {MOST} times the plain page: {ratios['messages']:.2f}, {verdict(reached)}"
    where = f"{versions(['jinja2', 'babel'])}. {processor()}; {rounds} rounds of {BATCH} requests."
    return "\n\n".join([where, table(head, rows), goal]), reached


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        write_templates(Path(folder, "templates"))
        write_catalogue(Path(folder, "translations"))
        app, calling = make_app(Path(folder)), make_app(Path(folder), calls=True)
        pages = [
            Page("plain", asker(app, "/plain")),
            Page("messages", asker(app, "/messages")),
            Page("calls", asker(calling, "/messages")),
        ]
        if len({page.ask() for page in pages}) != 1:
            sys.exit("the pages differ, so their times mean nothing")
        measure(pages, rounds)
    text, reached = report(pages, rounds)
    print(text)  # noqa: T201
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
