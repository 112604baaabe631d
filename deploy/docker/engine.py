"""The command `docker`, which finds its engine by DOCKER_HOST or by its context."""

import contextlib
import os
import re
import selectors
import subprocess
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO

from .. import processes
from ..errors import EngineError
from .complaints import explained

OLDEST_ENGINE = (20, 10)
OLDEST_COMPOSE = (2, 20)
ANSWER_TIMEOUT = 60.0
LAST_LINES = 15
BUFFER_SIZE = 65536

Line = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine; `host` and `context` are as in `docker --host` and `docker --context`."""

    host: str | None = None
    context: str | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """For the command, besides this process's own environment."""

    def run(self, *arguments: str, given: str = "", timeout: float = ANSWER_TIMEOUT) -> str:
        """What `docker ARGUMENT…` prints; `given` is its input, `timeout` is in seconds.

        :raises EngineError: with what is wrong and what to do.
        """
        answer = self.ask(*arguments, given=given, timeout=timeout)
        if answer.returncode:
            raise EngineError(explained(arguments, answer.stderr or answer.stdout))
        return answer.stdout

    def ask(
        self, *arguments: str, given: str = "", timeout: float = ANSWER_TIMEOUT
    ) -> subprocess.CompletedProcess[str]:
        """The same, for a caller who judges the exit code."""
        try:
            return processes.capture(
                self.argv(*arguments), env=self._environment(), given=given, timeout=timeout
            )
        except FileNotFoundError:
            raise EngineError(explained(arguments, "command not found")) from None
        except subprocess.TimeoutExpired:
            raise EngineError(
                f"`docker {arguments[0]}` did not answer within {timeout:g} s; is the engine "
                "overloaded, or does it hang? `docker info` tells"
            ) from None

    def follow(self, *arguments: str, line: Line) -> None:
        """Run what takes long, and pass on what it prints, line by line.

        :raises EngineError: with its last lines, when it fails.
        """
        last: deque[str] = deque(maxlen=LAST_LINES)
        with contextlib.closing(self.lines(*arguments)) as lines:
            while True:
                try:
                    text = next(lines)
                except StopIteration as end:
                    code: int = end.value
                    break
                last.append(text)
                line(text)
        if code:
            raise EngineError(explained(arguments, "\n".join(last)))

    def lines(self, *arguments: str, patience: float | None = None) -> Generator[str, None, int]:
        """The lines that it prints as they come; the generator returns the exit code.

        `patience` is for how many seconds nothing may come before it is ended; None: for ever.
        """
        try:
            process = processes.spawn_talking(self.argv(*arguments), env=self._environment())
        except FileNotFoundError:
            raise EngineError(explained(arguments, "command not found")) from None
        with process:
            try:
                assert process.stdout is not None  # noqa: S101  # asked for
                for line in _read_lines(process.stdout, patience):
                    yield line.decode("utf-8", "replace").rstrip()
            finally:
                # Of who stops reading; a program that has ended does not notice.
                process.terminate()
        return process.returncode

    def held(self, *arguments: str) -> processes.Process:
        """Start what is to end with this process: its input ends then."""
        return processes.spawn_held(self.argv(*arguments), env=self._environment())

    def argv(self, *arguments: str) -> list[str]:
        where = []
        if self.context:
            where += ["--context", self.context]
        if self.host:
            where += ["--host", self.host]
        return ["docker", *where, *arguments]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.env}

    def version(self) -> str:
        """Of the engine.

        :raises EngineError: there is none, or it is too old.
        """
        found = self.run("version", "--format", "{{.Server.Version}}").strip()
        if _numbers(found) < OLDEST_ENGINE:
            raise EngineError(
                f"the Docker engine is {found}, and {_shown(OLDEST_ENGINE)} is the oldest that "
                "this works with; upgrade Docker (https://docs.docker.com/engine/install/)"
            )
        return found

    def check_compose(self) -> None:
        """:raises EngineError: there is no engine, or no Compose v2, or they are too old."""
        self.version()
        answer = self.ask("compose", "version", "--short")
        found = answer.stdout.strip().removeprefix("v")
        if answer.returncode or _numbers(found) < OLDEST_COMPOSE:
            there = f"Compose is {found}" if found[:1].isdigit() else "docker has no `compose`"
            raise EngineError(
                f"{there}, and {_shown(OLDEST_COMPOSE)} is the oldest that this works with "
                "(the command `docker-compose` is Compose v1, which has ended); install the "
                "plugin (https://docs.docker.com/compose/install/linux/)"
            )


def _read_lines(stream: IO[bytes], patience: float | None) -> Iterator[bytes]:
    if patience is None:
        yield from stream
        return
    begun = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while selector.select(patience):
            piece = os.read(stream.fileno(), BUFFER_SIZE)
            if not piece:
                break
            *whole, begun = (begun + piece).split(b"\n")
            yield from whole
    if begun:
        yield begun


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _shown(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
