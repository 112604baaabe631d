"""What can go wrong in a load test, each with the exit code of the command.

LoadTestError       wrong usage, configuration or surroundings: exit 2
├── LocustFailed    Locust did not start, died or fell silent
└── AppUnreachable  no request was answered well, so there is nothing to measure
"""


class LoadTestError(Exception):
    """A load test that cannot go on; the message says what, where and what next."""

    exit_code = 2


class LocustFailed(LoadTestError):
    """Locust did not start, died or fell silent; the message ends with its last output."""


class AppUnreachable(LoadTestError):
    """Every request failed, or none was answered."""
