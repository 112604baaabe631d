"""Ends a run whose suite asks the app for nothing, and says so, before the app is blamed for it.

An app that does not answer has connections open to it; a suite that sends nothing has none.
"""

import logging
from typing import Any

import gevent
import psutil
from locust import events
from locust.runners import MasterRunner

QUIET = 10
"""Seconds that users may run without a connection; a task may begin with some waiting."""


class Silence:
    """Whether users are at work and nothing comes of it."""

    def __init__(self, environment: Any) -> None:
        self.environment = environment
        self.requested = False
        self.at_work = not is_scheduled(environment)
        self.exception: str | None = None
        environment.events.request.add_listener(self.on_request)
        environment.events.user_error.add_listener(self.on_user_error)
        environment.events.arrival.add_listener(self.on_arrival)

    def on_request(self, **_: object) -> None:
        self.requested = True
        self.environment.events.request.remove_listener(self.on_request)

    def on_arrival(self, **_: object) -> None:
        self.at_work = True

    def on_user_error(self, exception: BaseException, **_: object) -> None:
        self.exception = f"{type(exception).__name__}: {exception}"

    def watch(self) -> None:
        """Return after the first request; end Locust if there is none for too long."""
        quiet = 0
        while not self.requested and quiet < QUIET:
            gevent.sleep(1)
            quiet = quiet + 1 if self.is_idle() else 0
        if not self.requested:
            self.environment.process_exit_code = 1
            # Locust prints its tables before, so these are its last words.
            self.environment.events.quit.add_listener(self.explain)
            self.environment.runner.quit()

    def is_idle(self) -> bool:
        runner = self.environment.runner
        at_work = self.at_work and runner.user_count > 0
        return at_work and not connected(getattr(runner, "master_port", None))

    def explain(self, **_: object) -> None:
        names = ", ".join(user_class.__name__ for user_class in self.environment.user_classes)
        raised = f" Its tasks raised {self.exception}." if self.exception else ""
        logging.error(
            f"The suite sent no request in {QUIET} s: users of {names} run, but none has opened "
            f"a connection.{raised} A task sends requests with self.client, which HttpUser and "
            "FastHttpUser have; another kind of user fires Locust's event `request` itself."
        )


def is_scheduled(environment: Any) -> bool:
    """Whether the users are sources of arrivals, of which the first may be long in coming."""
    return any(hasattr(user_class, "visitor_classes") for user_class in environment.user_classes)


def connected(master_port: int | None) -> bool:
    """Whether this process has a connection, beside the one to Locust's master."""
    ports = [
        connection.raddr.port
        for connection in psutil.Process().net_connections("tcp")
        if connection.raddr
    ]
    return any(port != master_port for port in ports)


def start(environment: Any, **_: object) -> None:
    """Begin to watch, where there are users."""
    if not isinstance(environment.runner, MasterRunner):
        gevent.spawn(Silence(environment).watch)


events.init.add_listener(start)
