"""How a command of load tests ends when it cannot go on: with one message and an exit code."""

from __future__ import annotations

import importlib.util
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from deploy.errors import DeployError
from deploy.interrupts import ended_like_interrupted
from loadtests.errors import LoadTestError

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPTED = 130
EXTRA = ("locust", "numpy", "scipy", "matplotlib", "rich", "tomlkit")


@contextmanager
def ended_in_order(ctx: click.Context) -> Iterator[None]:
    """Around all that a command does; what was started is stopped by then."""
    try:
        with ended_like_interrupted():
            require_extra()
            yield
    except (LoadTestError, DeployError) as error:
        click.echo(f"Error: {error}", err=True)
        ctx.exit(error.exit_code)
    except OSError as error:
        # Such as a full disk: Python's own exit code, 1, would say that a limit is surely missed.
        click.echo(f"Error: {error}", err=True)
        ctx.exit(LoadTestError.exit_code)
    except KeyboardInterrupt:
        click.echo("Interrupted. What was started is stopped.", err=True)
        ctx.exit(INTERRUPTED)


def require_extra() -> None:
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise LoadTestError(
            f"Load tests need {', '.join(missing)}, and not all of it is installed. "
            "Run: pip install 'twofold[loadtests]'"
        )
