"""Small suites for tests."""

import textwrap
from pathlib import Path

END_AFTER = """
import gevent
from locust import events
from locust.runners import WorkerRunner


@events.init.add_listener
def end_when_enough(environment, **_):
    if not isinstance(environment.runner, WorkerRunner):
        gevent.spawn(wait_and_end, environment)


def wait_and_end(environment):
    while environment.stats.total.num_requests < ENOUGH:
        gevent.sleep(0.1)
    gevent.sleep(1.5)  # so that there is a whole record
    environment.runner.quit()
"""


def end_after(requests: int) -> str:
    """The part of a suite that ends the run, in order, once there were so many requests."""
    return END_AFTER.replace("ENOUGH", str(requests))


def write_suite(path: Path, task: str, before: str = "", user: str = "FastHttpUser") -> None:
    """A suite of one user class with one task."""
    path.write_text(
        f"from locust import FastHttpUser, task\n{before}\n"
        f"class Visitor({user}):\n    @task\n    def visit(self):\n"
        + textwrap.indent(textwrap.dedent(task), " " * 8)
    )
