"""Sessions for everything a change needs: `nox --list` shows them, `nox -s NAME` runs one."""

from __future__ import annotations

from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "tests"]


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests that need neither Docker nor a browser."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-m", "not docker and not browser", *session.posargs)


@nox.session
def integration(session: nox.Session) -> None:
    """Run the tests that start real gunicorn, HAProxy, Valkey or Locust processes."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-m", "integration", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install("ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy, which decides, and read them a second time with pyright."""
    session.install("-e", ".[dev,types]")
    session.run("mypy")
    session.run("pyright")


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel, install it elsewhere and serve a request with it.

    Flat packages at the root are importable from a checkout whether or not they are packaged.
    """
    session.install("build")
    out = Path(session.create_tmp())
    script = Path(session.invoked_from, "tests/packaging/use_installed.py")
    for stale in out.glob("*.whl"):
        stale.unlink()
    session.run("python", "-m", "build", "--wheel", "--outdir", str(out), ".")
    [built] = out.resolve().glob("*.whl")
    session.install(f"{built}[local,loadtests]")
    # Outside the checkout, so that only what is in the wheel can be imported.
    session.chdir(out)
    session.run("python", str(script))


@nox.session
def minimum(session: nox.Session) -> None:
    """Run the framework's tests with the oldest supported versions of its libraries."""
    session.install("-e", ".[dev]")
    session.install("werkzeug==3.1.0", "jinja2==3.1.0", "itsdangerous==2.2.0", "blinker==1.9.0")
    session.run("pytest", "tests/framework", *session.posargs)


@nox.session
def docker(session: nox.Session) -> None:
    """Run the tests that need a Docker engine."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-m", "docker", "tests/docker", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Open the pages in a real browser."""
    session.install("-e", ".[dev,browser]")
    session.run("pytest", "-m", "browser", "tests/browser", *session.posargs)
