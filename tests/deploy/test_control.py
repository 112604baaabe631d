import os
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.errors import DeployError, NoAnswer, NotRunning, StartError
from deploy.supervisor.control import Command, ControlServer, Message, ask


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # A short path: unix sockets have room for 107 bytes.
    monkeypatch.chdir(tmp_path)
    return Path("control")


def serve(path: Path, command: Command) -> None:
    """What a supervisor's main thread does."""
    if command.name == "break":
        command.fail("it broke")
    else:
        command.report("half")
        command.finish(command.arguments["nodes"])


def test_a_command_reports_and_returns(path: Path) -> None:
    threads: list[threading.Thread] = []

    def submit(command: Command) -> None:
        threads.append(threading.Thread(target=serve, args=(path, command)))
        threads[-1].start()

    server = ControlServer(path, dict, submit)
    server.start()
    progress: list[str] = []
    assert ask(path, {"command": "scale", "nodes": 3}, progress.append) == 3
    assert progress == ["half"]
    with pytest.raises(DeployError, match="it broke"):
        ask(path, {"command": "break"}, progress.append)
    server.close()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)


def test_status_is_answered_while_a_command_is_executed(path: Path) -> None:
    waiting: list[Command] = []
    server = ControlServer(path, lambda: {"nodes": 2}, waiting.append)
    server.start()
    results: list[object] = []
    asker = threading.Thread(
        target=lambda: results.append(ask(path, {"command": "scale"}, lambda _: None))
    )
    asker.start()
    while not waiting:
        pass
    assert ask(path, {"command": "status"}, lambda _: None) == {"nodes": 2}
    waiting[0].finish("done")
    asker.join()
    server.close()
    assert results == ["done"]


def test_a_status_that_cannot_be_had_is_an_error(path: Path) -> None:
    def status() -> Message:
        raise DeployError("no figures")

    server = ControlServer(path, status, lambda _: None)
    server.start()
    with pytest.raises(DeployError, match="no figures"):
        ask(path, {"command": "status"}, lambda _: None)
    server.close()


def test_nonsense_does_not_end_the_server(path: Path) -> None:
    server = ControlServer(path, lambda: {"ok": True}, lambda _: None)
    server.start()
    with pytest.raises(DeployError):
        ask(path, ["not a request"], lambda _: None)  # type: ignore[arg-type]
    assert ask(path, {"command": "status"}, lambda _: None) == {"ok": True}
    server.close()


def test_nobody_at_the_socket_means_not_running(path: Path) -> None:
    with pytest.raises(NotRunning, match="went away"):
        ask(path, {"command": "status"}, lambda _: None)


def test_a_supervisor_that_is_silent_is_given_up(
    path: Path, eventually: Callable[..., None]
) -> None:
    waiting: list[Command] = []
    server = ControlServer(path, dict, waiting.append)
    server.start()
    with pytest.raises(NoAnswer, match=rf"does not answer(.|\n)*kill -9 {os.getpid()}`"):
        ask(path, {"command": "scale"}, lambda _: None, timeout=0.1)
    eventually(lambda: bool(waiting))
    waiting[0].finish(None)
    server.close()


def test_a_supervisor_whom_many_wait_for_is_given_up(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stopped, socket.socket(socket.AF_UNIX) as waiting:
        stopped.bind(str(path))
        stopped.listen(0)
        waiting.connect(str(path))
        with pytest.raises(NoAnswer, match=re.escape("does not answer")):
            ask(path, {"command": "status"}, lambda _: None, timeout=0.1)


def test_a_status_that_cannot_be_read_is_told_as_that(path: Path) -> None:
    def status() -> Message:
        # As from /proc, when a process ends while it is read.
        raise ProcessLookupError("gone")

    server = ControlServer(path, status, lambda _: None)
    server.start()
    with pytest.raises(DeployError, match=r"the status could not be read: .*gone"):
        ask(path, {"command": "status"}, lambda _: None)
    server.close()


def test_a_socket_that_cannot_be_made_is_named(path: Path) -> None:
    path.touch()
    with pytest.raises(StartError, match=r"control cannot be made: Address already in use"):
        ControlServer(path, dict, lambda _: None)
