"""`twofold serve`: one node, as a user starts it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy import addresses, node, procfs
from deploy.cli import main
from deploy.deployment import Balancer, Deployment
from deploy.errors import SettingsError, StartError
from deploy.profiles import PROFILES
from deploy.resources import Limit, Resources, WorkerCount

pytestmark = pytest.mark.integration

Eventually = Callable[..., None]


@pytest.fixture
def port() -> int:
    """A port with some free ones above it."""
    while True:
        with addresses.reserve(Balancer("127.0.0.1:0")) as reserved:
            found = reserved.getsockname()[1]
        try:
            node.consecutive_binds(f"127.0.0.1:{found}", 4)
        except StartError:
            continue
        return found


@pytest.fixture
def serve(project: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        code = "from deploy.cli import main; main(prog_name='twofold')"
        argv = [sys.executable, "-c", code, "serve", "site_app:app", "-C", str(project)]
        argv += ["--workers", "2"]
        started.append(
            subprocess.Popen(
                [*argv, *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, "TWOFOLD_NODE": "here"},
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=60)


def ask(port: int, timeout: float = 30) -> list[str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode().split()
    finally:
        connection.close()


def ask_again_and_again(port: int) -> list[str]:
    """For an answer that may go astray, or come late."""
    for _ in range(30):
        with suppress(OSError):
            return ask(port, timeout=2)
    raise AssertionError("no answer")


def is_stopped(pid: int) -> bool:
    """Whether every thread has heard SIGSTOP. Until then one of them may accept a connection."""
    stats = [stat.read_text() for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


def answers(port: int) -> bool:
    try:
        return bool(ask(port))
    except OSError:
        return False


@pytest.mark.parametrize("profile", PROFILES)
def test_each_worker_has_a_port_of_its_own_also_after_a_reload_and_an_upgrade(
    serve: Callable[..., subprocess.Popen[str]], port: int, eventually: Eventually, profile: str
) -> None:
    process = serve("--bind", f"127.0.0.1:{port}", "--profile", profile)
    eventually(lambda: answers(port) and answers(port + 1))
    for _ in range(3):
        first, second = ask(port), ask(port + 1)
        assert (first[:2], second[:2]) == (["here", "1"], ["here", "2"])

    workers = set(procfs.children(process.pid))
    process.send_signal(signal.SIGHUP)
    eventually(lambda: not workers & set(procfs.children(process.pid)))
    assert [ask(port + index)[1] for index in (0, 1)] == ["1", "2"]

    process.send_signal(signal.SIGTTOU)
    os.kill(int(ask(port + 1)[2]), signal.SIGKILL)
    assert [ask(port + index)[1] for index in (0, 1)] == ["1", "2"]


def test_an_upgrade_in_place_keeps_the_slots(
    serve: Callable[..., subprocess.Popen[str]], port: int, eventually: Eventually
) -> None:
    process = serve("--bind", f"127.0.0.1:{port}")
    eventually(lambda: answers(port) and answers(port + 1))
    old = set(procfs.children(process.pid))
    process.send_signal(signal.SIGUSR2)
    eventually(lambda: len(set(procfs.children(process.pid)) - old) == 1)
    [new] = set(procfs.children(process.pid)) - old
    eventually(lambda: len(procfs.children(new)) == 2)
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    try:
        eventually(lambda: {int(ask(port)[2]), int(ask(port + 1)[2])} == set(procfs.children(new)))
        assert [ask(port + index)[1] for index in (0, 1)] == ["1", "2"]
    finally:
        os.kill(new, signal.SIGTERM)
        eventually(lambda: not procfs.runs(new))


def test_a_replaced_worker_that_waits_for_its_connections_does_not_hold_up_the_stop(
    serve: Callable[..., subprocess.Popen[str]],
    port: int,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--keep-alive 600 --graceful-timeout 600")
    process = serve("--bind", f"127.0.0.1:{port}")
    eventually(lambda: answers(port) and answers(port + 1))
    old = set(procfs.children(process.pid))
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        kept.request("GET", "/")
        assert int(kept.getresponse().read().split()[2]) in old
        process.send_signal(signal.SIGHUP)
        # The one without connections is gone, and the other has its successor.
        eventually(lambda: len(set(procfs.children(process.pid)) & old) == 1)
        eventually(lambda: len(procfs.children(process.pid)) == 3)
        eventually(lambda: answers(port) and int(ask(port)[2]) not in old)
        process.terminate()
        assert process.wait(60) == 0
    finally:
        kept.close()


def test_workers_end_with_a_killed_master(
    serve: Callable[..., subprocess.Popen[str]], port: int, eventually: Eventually
) -> None:
    process = serve("--bind", f"127.0.0.1:{port}", "--profile", "processes")
    eventually(lambda: answers(port) and answers(port + 1))
    workers = procfs.children(process.pid)
    process.kill()
    eventually(lambda: not any(map(procfs.runs, workers)))


def test_gunicorns_own_variable_has_the_last_word(
    serve: Callable[..., subprocess.Popen[str]], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--timeout 77 --print-config")
    output, _ = serve("--bind", f"127.0.0.1:{port}").communicate(timeout=60)
    settings = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    found = {key.strip(): value.strip() for key, value in settings.items()}
    assert found["timeout"] == "77"
    assert found["keepalive"] == "75"
    assert found["control_socket_disable"] == "True"


HOOKS = """
import os
workers = 7
accesslog = "access.log"
told = os.open("told", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def on_starting(server): os.write(told, b"on_starting ")
def post_fork(server, worker): os.write(told, b"post_fork%d " % worker.slot)
def post_worker_init(worker): os.write(told, b"post_worker_init ")
def child_exit(server, worker): os.write(told, b"child_exit ")
def worker_exit(server, worker): os.write(told, b"worker_exit ")
def on_exit(server): os.write(told, b"on_exit ")
"""


def test_a_configuration_file_adds_hooks_and_logs_to_what_the_node_is_told(
    serve: Callable[..., subprocess.Popen[str]],
    project: Path,
    port: int,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (project / "gunicorn.conf.py").write_text(HOOKS)
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--config gunicorn.conf.py")
    process = serve("--bind", f"127.0.0.1:{port}")
    eventually(lambda: answers(port) and answers(port + 1))
    process.terminate()
    process.wait(60)
    assert "GET / HTTP/1.1" in (project / "access.log").read_text()
    assert Counter((project / "told").read_text().split()) == {
        "on_starting": 1,
        "post_fork0": 1,
        "post_fork1": 1,
        "post_worker_init": 2,
        "child_exit": 2,
        "worker_exit": 2,
        "on_exit": 1,
    }


def test_workers_share_the_one_port_that_a_platform_knows(
    serve: Callable[..., subprocess.Popen[str]],
    port: int,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORT", str(port))
    process = serve()
    eventually(lambda: answers(port))
    assert not answers(port + 1)
    eventually(lambda: len(procfs.children(process.pid)) == 2)
    seen: set[tuple[str, ...]] = set()

    # The kernel chooses, and often the same one; a stopped worker leaves it no choice.
    for worker in procfs.children(process.pid):
        os.kill(worker, signal.SIGSTOP)
        eventually(partial(is_stopped, worker))
        seen.add(tuple(ask_again_and_again(port)[1:3]))
        os.kill(worker, signal.SIGCONT)
    assert len({slot for slot, _ in seen}) == 2


def test_a_preload_that_gevent_would_come_too_late_for_is_refused(
    serve: Callable[..., subprocess.Popen[str]], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--worker-class gevent --preload")
    process = serve("--bind", f"127.0.0.1:{port}")
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "preload_app is set" in output
    assert "--profile greenlets" in output


@pytest.mark.parametrize(("options", "looked_at"), [("", "True"), ("--preload", "False")])
def test_the_collector_of_a_worker_leaves_alone_what_the_master_has_loaded(
    serve: Callable[..., subprocess.Popen[str]],
    project: Path,
    port: int,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    options: str,
    looked_at: str,
) -> None:
    (project / "site_app.py").write_text(
        "import gc, gunicorn.arbiter\n"
        "OWN, MASTERS = [], vars(gunicorn.arbiter)\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    seen = [any(thing is one for thing in gc.get_objects()) for one in (OWN, MASTERS)]\n"
        "    return [repr(seen).encode()]\n"
    )
    monkeypatch.setenv("GUNICORN_CMD_ARGS", options)
    serve("--bind", f"127.0.0.1:{port}")
    eventually(lambda: answers(port))
    assert ask(port) == [f"[{looked_at},", "False]"]


def test_a_driver_that_blocks_greenlets_is_named_at_the_start(
    serve: Callable[..., subprocess.Popen[str]], project: Path, port: int, eventually: Eventually
) -> None:
    app = project / "site_app.py"
    app.write_text(f"import psycopg2\n{app.read_text()}")
    process = serve("--bind", f"127.0.0.1:{port}", "--profile", "greenlets")
    eventually(lambda: answers(port))
    process.terminate()
    output, _ = process.communicate(timeout=60)
    assert "blocks all greenlets of a worker: psycopg2" in output


def test_an_open_number_of_workers_is_what_the_node_can_carry(
    deployment: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    three = Resources(Limit(2.5, "quota"), Limit(2**40, "limit"))
    monkeypatch.setattr(node, "find_resources", lambda *_: three)
    plan = node.plan_node(deployment(), bind=f"127.0.0.1:{port}")
    assert (plan.workers.workers, len(plan.binds)) == (3, 3)
    told = node.plan_node(deployment(workers=2), bind=f"127.0.0.1:{port}")
    assert told.workers == WorkerCount(2, "command line")


@pytest.mark.parametrize("text", ["web", "0", "70000"])
def test_a_port_that_is_none_is_refused(
    deployment: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("PORT", text)
    with pytest.raises(SettingsError, match="environment variable PORT"):
        node.plan_node(deployment(), bind=None)


def test_the_settings_are_explained_and_nothing_starts(project: Path) -> None:
    arguments = ["serve", "site_app:app", "-C", str(project), "--workers", "1", "--explain"]
    text = CliRunner().invoke(main, arguments)
    assert text.exit_code == 0
    assert "longer than any request" in " ".join(text.output.split())
    found = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).output)
    assert {"name": "workers", "value": 1, "reason": "command line"} in found["settings"]
    (redis,) = found["connections"]
    assert (redis["name"], redis["connections"]["rolling"]) == ("Redis", 12)
    assert "Redis        " in text.output


@pytest.mark.parametrize("explained", [(), ("--explain",)])
def test_arguments_that_break_the_slots_are_refused_before_the_start(
    serve: Callable[..., subprocess.Popen[str]],
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    explained: tuple[str, ...],
) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--workers 7")
    process = serve("--bind", f"127.0.0.1:{port}", *explained)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    problem = "Error: environment variable GUNICORN_CMD_ARGS: 7 workers, but 2 addresses"
    assert output.splitlines()[-1].startswith(problem)
    assert ("in place of 2" in output) == bool(explained)


def test_an_empty_number_of_workers_is_none(
    serve: Callable[..., subprocess.Popen[str]],
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Eventually,
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "")
    told, _ = serve("--bind", f"127.0.0.1:{port}", "--explain").communicate(timeout=60)
    assert "Traceback" not in told
    serve("--bind", f"127.0.0.1:{port}")
    eventually(lambda: answers(port))


def test_a_wrong_number_of_workers_is_refused_before_gunicorn_reads_it(
    serve: Callable[..., subprocess.Popen[str]], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "abc")
    process = serve("--bind", f"127.0.0.1:{port}")
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert told == (
        "Error: environment variable WEB_CONCURRENCY: workers = 'abc': must be a whole number\n"
    )


@pytest.mark.parametrize("toml", ['redis_url = "{}"', '[env]\nREDIS_URL = "{}"'])
def test_the_store_that_the_file_names_gets_to_the_node(
    deployment: Callable[..., Deployment],
    project: Path,
    port: int,
    toml: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (project / "twofold.toml").write_text(toml.format("redis://elsewhere"))
    bind = f"127.0.0.1:{port}"
    assert node.plan_node(deployment(), bind=bind).env["REDIS_URL"] == "redis://elsewhere"
    # As in a container, where setting both would be refused.
    monkeypatch.setenv("REDIS_URL_FILE", "/run/secrets/redis_url")
    assert "REDIS_URL" not in node.plan_node(deployment(), bind=bind).env


def test_a_second_port_in_use_is_named(port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + 1))
        taken.listen()
        with pytest.raises(StartError, match=f"--bind 127.0.0.1:{port + 1}: another process"):
            node.consecutive_binds(f"127.0.0.1:{port}", 2)


def test_there_must_be_room_for_all_ports() -> None:
    with pytest.raises(SettingsError, match="room for 2 ports"):
        node.consecutive_binds("127.0.0.1:65535", 2)


def test_an_old_gunicorn_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gunicorn").mkdir()
    (tmp_path / "gunicorn" / "__init__.py").write_text(
        "version_info = (23, 0, 0)\n__version__ = '23.0.0'\n"
    )
    found = subprocess.run(
        [sys.executable, "-m", "deploy.gunicorn"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode != 0
    assert "gunicorn 23.0.0 is too old" in found.stderr
    assert "Traceback" not in found.stderr
