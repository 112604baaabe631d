"""Whether a node that was started serves: asked of each worker, before visitors get there."""

import time
from collections.abc import Callable

from ..deployment import Slot
from ..errors import StartError
from ..probes import ProbeAnswer, probe
from .parts import RunningNode

PROBE_TIMEOUT = 2.0

Pause = Callable[[float], object]


def wait_ready(running: RunningNode, pause: Pause) -> None:
    """Wait until each worker answers its readiness check; `pause` waits some seconds.

    :raises StartError: it will not; with the last lines of its log and its last answer.
    """
    longest = running.deployment.boot_timeout
    deadline = time.monotonic() + longest
    for slot in running.node.slots:
        answer = _probe(running, slot)
        while not answer.ready:
            if running.part.exit_code is not None:
                code = running.part.exit_code
                raise StartError(_not_started(running, f"ended with code {code}", answer))
            if time.monotonic() > deadline:
                problem = f"was not ready after {longest:g} s (boot_timeout)"
                raise StartError(_not_started(running, problem, answer))
            pause(0.05)
            answer = _probe(running, slot)


def _probe(running: RunningNode, slot: Slot) -> ProbeAnswer:
    path = running.deployment.readiness_path
    return probe(slot.host, slot.port, path, timeout=PROBE_TIMEOUT)


def warm_up(running: RunningNode, pause: Pause) -> None:
    """Send each worker the requests that make the first visitor's one quick.

    :raises StartError: an answer was a failure.
    """
    deployment = running.deployment
    longest = deployment.balancer.request_timeout
    paths = deployment.warm_up.paths or (deployment.readiness_path,)
    for slot in running.node.slots:
        for path in paths * deployment.warm_up.requests:
            answer = probe(slot.host, slot.port, path, timeout=longest)
            if not answer.ready:
                raise StartError(_not_warm(running, path, answer))
            pause(0)


def _not_started(running: RunningNode, problem: str, answer: ProbeAnswer) -> str:
    return (
        f"{running.name} did not start: gunicorn {problem}.\n"
        f"The last lines of its log:\n{running.part.last_log_lines()}\n"
        f"The last answer to GET {running.deployment.readiness_path}: {answer.text}"
    )


def _not_warm(running: RunningNode, path: str, answer: ProbeAnswer) -> str:
    return (
        f"{running.name} is ready, but fails when it is warmed up.\n"
        f"The answer to GET {path}: {answer.text}\n"
        f"The last lines of its log:\n{running.part.last_log_lines()}"
    )
