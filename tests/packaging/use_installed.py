"""Uses the installed wheel from outside the checkout: a page, a session, the command.


Run by the `wheel` session of nox, in an environment that holds the wheel and no checkout.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import deploy
import framework
import loadtests
from framework import App, Rule
from framework.testing import TestClient

CHECKOUT = Path(__file__).resolve().parents[2]


def count(request: framework.Request) -> str:
    visits = request.session.incr("visits")
    return f"visit {visits}"


def main() -> None:
    for package in (framework, deploy, loadtests):
        location = Path(package.__file__ or "").resolve()
        if location.is_relative_to(CHECKOUT) and "site-packages" not in location.parts:
            sys.exit(f"{package.__name__} comes from the checkout: {location}")

    config = {"debug": True, "secret_key": "for this run"}
    app = App("demo", urls=[Rule("/", count)], config=config)
    client = TestClient(app)
    pages = [client.get("/").text, client.get("/").text]
    if pages != ["visit 1", "visit 2"]:
        sys.exit(f"the session was not kept: {pages}")
    if "404" not in client.get("/nowhere").text:
        sys.exit("the error page does not show its code")

    for arguments in (["--help"], ["up", "--help"], ["verify", "--help"]):
        subprocess.run(["twofold", *arguments], check=True, stdout=subprocess.DEVNULL)
    sys.stdout.write("the installed wheel works\n")


if __name__ == "__main__":
    main()
