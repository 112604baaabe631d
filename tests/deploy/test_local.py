"""The local target with the real parts: gunicorn, HAProxy, Valkey."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from deploy import procfs, rundir
from deploy.deployment import Deployment
from deploy.errors import DeployError, NotRunning, StartError
from deploy.profiles import PROFILES
from deploy.status import DeploymentStatus
from deploy.supervisor.control import ControlServer, ask
from deploy.targets.local import LocalTarget
from tests.deploy.test_live import STATUS

pytestmark = pytest.mark.integration

Start = Callable[..., LocalTarget]
Make = Callable[..., Deployment]
Eventually = Callable[..., None]

FLASK_APP = """\
from flask import Flask, request

app = Flask(__name__)

@app.get("/")
def index():
    return f"{request.remote_addr} {request.headers['X-Forwarded-For']}"
"""


def get(url: str, path: str = "/", **headers: str) -> str:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        assert response.status == 200, response.read()
        return response.read().decode()
    finally:
        connection.close()


def pids(status: DeploymentStatus) -> set[int]:
    """Every process of a deployment."""
    assert status.store is not None
    parts = [node.pid for node in status.nodes] + [status.balancer.pid, status.store.pid]
    own = {pid for pid in parts if pid is not None}
    return own | {child for pid in own for child in procfs.children(pid)}


def none_runs(processes: set[int]) -> bool:
    return not any(map(procfs.runs, processes))


def port_is_free(url: str) -> bool:
    host, _, port = url.removeprefix("http://").rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError:
            return False
    return True


class Load:
    """Visitors who send GETs and POSTs as fast as they are answered."""

    def __init__(self, url: str) -> None:
        self.host = url.removeprefix("http://")
        self.answered: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        visitors = [
            threading.Thread(target=self._visit, args=(method,)) for method in ("GET", "POST") * 3
        ]
        for visitor in visitors:
            visitor.start()
        try:
            yield
        finally:
            self._stop.set()
            for visitor in visitors:
                visitor.join()

    def _visit(self, method: str) -> None:
        while not self._stop.is_set():
            connection = http.client.HTTPConnection(self.host, timeout=30)
            try:
                for _ in range(40):
                    if self._stop.is_set():
                        break
                    connection.request(method, "/", body=b"a=1" if method == "POST" else None)
                    response = connection.getresponse()
                    response.read()
                    if response.status == 200:
                        self.answered[method] += 1
                    else:
                        self.failed[f"{method} {response.status}"] += 1
            except (OSError, http.client.HTTPException) as error:
                self.failed[f"{method} {error!r}"] += 1
            finally:
                connection.close()


@pytest.mark.parametrize("profile", PROFILES)
def test_each_slot_is_answered_by_one_worker_and_scaling_under_load_loses_nothing(
    start: Start, profile: str
) -> None:
    target = start(profile=profile)
    seen = Counter(get(target.url) for _ in range(24))
    assert len(seen) == 4
    assert len({answer.split()[2] for answer in seen}) == 4
    assert {" ".join(answer.split()[:2]) for answer in seen} == {
        "node1 1",
        "node1 2",
        "node2 1",
        "node2 2",
    }
    for slot in target.status().slots:
        answers = [get(f"http://{slot.address}").split() for _ in range(4)]
        assert {f"{node}-{number}" for node, number, _, _ in answers} == {slot.name}
    load = Load(target.url)
    with load.running():
        names = []
        for nodes in (1, 3, 1):
            status = target.scale(nodes)
            names.append([slot.name for slot in status.slots])
    assert names[0] == names[2] == ["node1-1", "node1-2"]
    assert len(names[1]) == 6
    assert load.failed == {}
    assert min(load.answered["GET"], load.answered["POST"]) > 50


@pytest.mark.parametrize("profile", PROFILES)
def test_an_unmodified_flask_app_runs(start: Start, project: Path, profile: str) -> None:
    (project / "flask_app.py").write_text(FLASK_APP)
    target = start("flask_app:app", profile=profile, nodes=1, workers=1)
    # Without a readiness page the app answers 404, and is ready.
    _, visitor = get(target.url, **{"X-Forwarded-For": "1.2.3.4"}).split()
    assert visitor == "127.0.0.1"
    assert target.status().nodes[0].state == "in rotation"


def test_status_counts_what_was_served(start: Start) -> None:
    target = start(nodes=1)
    before = target.status()
    answered = Counter("-".join(get(target.url).split()[:2]) for _ in range(10))
    after = target.status()
    assert after.balancer.requests - before.balancer.requests == 10
    assert {slot.name: slot.requests for slot in after.slots} == answered
    assert after.balancer.responses_5xx == 0
    assert after.nodes[0].cpu_seconds >= before.nodes[0].cpu_seconds > 0
    assert after.store is not None
    assert "@" not in after.store.url_without_password
    assert DeploymentStatus.from_json(json.loads(json.dumps(after.to_json()))) == after


def test_a_request_in_flight_is_seen_and_finished_by_a_scale_down(
    start: Start, project: Path, eventually: Eventually
) -> None:
    target = start(profile="processes", workers=1)
    answers: list[str] = []
    visitors = [
        threading.Thread(target=lambda: answers.append(get(target.url, "/wait"))) for _ in range(2)
    ]
    for visitor in visitors:
        visitor.start()
    eventually(lambda: [slot.in_flight for slot in target.status().slots] == [1, 1])
    scaling = threading.Thread(target=target.scale, args=(1,))
    scaling.start()
    eventually(lambda: target.status().nodes[1].state == "draining")
    assert answers == []
    (project / "go").touch()
    for thread in (scaling, *visitors):
        thread.join()
    assert {answer.split()[0] for answer in answers} == {"node1", "node2"}
    assert [node.name for node in target.status().nodes] == ["node1"]


def test_a_slot_survives_its_worker(start: Start, eventually: Eventually) -> None:
    target = start(nodes=1)
    victim = next(int(a.split()[2]) for a in iter(lambda: get(target.url), "") if " 1 " in a)
    os.kill(victim, signal.SIGKILL)
    seen = [get(target.url).split() for _ in range(10)]
    assert {slot for _, slot, _, _ in seen} == {"1", "2"}
    assert str(victim) not in {pid for _, _, pid, _ in seen}
    assert [node.restarts for node in target.status().nodes] == [0]


def test_a_node_is_not_replaced_behind_its_supervisor(start: Start, eventually: Eventually) -> None:
    target = start(nodes=1, workers=1)
    master = target.status().nodes[0].pid
    assert master is not None
    os.kill(master, signal.SIGUSR2)
    log = rundir.RunDirectory(target.name).log("node1")
    eventually(lambda: "Not replacing this node: say `twofold roll`" in log.read_text())
    assert len(procfs.children(master)) == 1
    assert get(target.url)


def test_what_dies_is_started_again(start: Start, eventually: Eventually) -> None:
    target = start()
    before = target.status()
    node, store = before.nodes[0], before.store
    assert store is not None
    for pid in (node.pid, store.pid, before.balancer.pid):
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def recovered() -> bool:
        now = target.status()
        return (
            all(slot.state == "in rotation" for slot in now.slots)
            and now.nodes[0].restarts == 1
            and now.store is not None
            and None not in (now.store.pid, now.balancer.pid, now.nodes[0].pid)
            and now.store.pid != store.pid
            and now.balancer.pid != before.balancer.pid
        )

    eventually(recovered)
    # A balancer that has just begun takes every slot for one that serves until it has looked.
    eventually(lambda: len({get(target.url) for _ in range(12)}) == 4)
    assert target.status().nodes[0].cpu_seconds >= node.cpu_seconds
    assert target.scale(1).slots[0].name == "node1-1"


def test_what_waits_too_long_gets_503_with_retry_after(
    start: Start, project: Path, eventually: Eventually
) -> None:
    target = start(profile="processes", nodes=1, workers=1, **{"balancer.queue_timeout": 0.2})
    busy = threading.Thread(target=get, args=(target.url, "/wait"))
    busy.start()
    eventually(lambda: target.status().slots[0].in_flight == 1)
    connection = http.client.HTTPConnection(target.url.removeprefix("http://"), timeout=30)
    connection.request("POST", "/", body=b"x")
    response = connection.getresponse()
    assert (response.status, response.getheader("Retry-After")) == (503, "1")
    connection.close()
    # It counts a response when all of it has left.
    eventually(lambda: target.status().balancer.responses_5xx == 1)
    (project / "go").touch()
    busy.join()


def test_nodes_share_a_store_and_a_key_that_the_deployment_made(
    start: Start, project: Path
) -> None:
    (project / "shows.py").write_text(
        "import os\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [(os.environ['REDIS_URL'] + ' ' + os.environ['SECRET_KEY']).encode()]\n"
    )
    [shown] = {get(start("shows:app", workers=1).url) for _ in range(1)}
    url, key = shown.split()
    with redis.Redis.from_url(url) as client:
        assert client.ping()
    without_password = "redis://" + url.rpartition("@")[2]
    with redis.Redis.from_url(without_password) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    assert len(key) > 30


def test_a_given_store_is_used(start: Start, project: Path) -> None:
    store = start(name="one", nodes=1, workers=1)
    url = variables_of_node(store)["REDIS_URL"]
    user = start(name="two", nodes=1, workers=1, redis_url=url)
    status = user.status().store
    assert status is not None
    assert status.pid is None
    assert user.url != store.url
    assert {directory.name for directory in rundir.running()} == {"one", "two"}
    with pytest.raises(NotRunning, match=r"several deployments are running.*one, two"):
        LocalTarget.find()
    assert LocalTarget.find("two").url == user.url


def test_one_node_is_told_of_in_the_singular(deployment: Make) -> None:
    said: list[str] = []
    LocalTarget.up(deployment(nodes=1, workers=1), owned=True, report=said.append).down(said.append)
    assert "starting 1 node of 1 worker" in said
    assert "stopping 1 node" in said


def test_the_table_env_names_a_store_too(start: Start, project: Path) -> None:
    store = start(name="one", nodes=1, workers=1)
    url = variables_of_node(store)["REDIS_URL"]
    (project / "twofold.toml").write_text(f'[env]\nREDIS_URL = "{url}"\n')
    user = start(name="two", nodes=1, workers=1)
    status = user.status().store
    assert status is not None
    assert (status.pid, status.url_without_password) == (
        None,
        "redis://" + url.rpartition("@")[2],
    )
    assert variables_of_node(user)["REDIS_URL"] == url


def variables_of_node(target: LocalTarget) -> dict[str, str]:
    process = target.status().nodes[0].pid
    environ = Path(f"/proc/{process}/environ").read_text().split("\0")
    return {line.partition("=")[0]: line.partition("=")[2] for line in environ}


class Impatient(LocalTarget):
    """Asks a deployment that has locked its run directory, and listens only after that."""

    servers: list[ControlServer]

    def status(self) -> DeploymentStatus:
        try:
            return super().status()
        except NotRunning:
            server = ControlServer(self._rundir.control_socket, STATUS.to_json, lambda _: None)
            server.start()
            self.servers.append(server)
            raise


def test_a_deployment_is_found_in_its_first_moment() -> None:
    directory = rundir.RunDirectory("shop")
    lock = directory.create()
    Impatient.servers = []
    try:
        assert Impatient.find("shop").url == STATUS.url
    finally:
        for server in Impatient.servers:
            server.close()
        os.close(lock)
        directory.remove()


# Endings


def test_down_leaves_nothing(start: Start) -> None:
    target = start(nodes=1)
    processes = pids(target.status())
    target.down()
    assert none_runs(processes)
    assert port_is_free(target.url)
    assert not rundir.root().exists()
    target.down()


@pytest.mark.parametrize("victim", ["supervisor", "guard", "both"])
def test_a_killed_supervisor_leaves_nothing(
    start: Start, eventually: Eventually, victim: str
) -> None:
    target = start(nodes=1, workers=1)
    guard = target._guard
    assert guard is not None
    [supervisor] = procfs.children(guard.process.pid)
    processes = pids(target.status()) | {supervisor}
    if victim in ("guard", "both"):
        guard.process.kill()
    if victim in ("supervisor", "both"):
        os.kill(supervisor, signal.SIGKILL)
    eventually(lambda: none_runs(processes))
    eventually(lambda: port_is_free(target.url))
    if victim == "both":
        # Nobody is left who could; whoever looks next sweeps.
        eventually(lambda: rundir.running() == [])
    eventually(lambda: not rundir.root().exists())
    with pytest.raises(NotRunning):
        target.status()


def test_a_guard_that_is_killed_while_down_waits_is_not_taken_for_another(
    start: Start, project: Path, eventually: Eventually
) -> None:
    target = start(nodes=1, workers=1)
    guard = target._guard
    assert guard is not None
    [supervisor] = procfs.children(guard.process.pid)
    visitor = threading.Thread(target=get, args=(target.url, "/wait"))
    visitor.start()
    eventually(lambda: target.status().slots[0].in_flight == 1)

    def kill_the_guard(progress: str) -> None:
        guard.process.kill()
        guard.process.wait()
        (project / "go").touch()

    socket = rundir.RunDirectory(target.name).control_socket
    ended = ask(socket, {"command": "down"}, kill_the_guard)
    assert ended == {"pids": [supervisor, guard.process.pid]}
    visitor.join()


OWNER = """\
import sys, time
from pathlib import Path
from deploy.settings import load_deployment
from deploy.targets.local import LocalTarget

values = {"app": "site_app:app", "nodes": 1, "workers": 1, "balancer.bind": "127.0.0.1:0"}
deployment = load_deployment(Path(sys.argv[1]), values)
target = LocalTarget.up(deployment, owned=True, report=lambda text: print(text, flush=True))
print("up", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("moment", ["starting", "up"])
def test_a_killed_owner_leaves_nothing(project: Path, eventually: Eventually, moment: str) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(project)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert any(line.startswith(moment) for line in owner.stdout)
    [guard] = procfs.children(owner.pid)
    processes = {guard, *procfs.children(guard)}
    if moment == "up":
        processes |= pids(LocalTarget.find().status())
    owner.kill()
    owner.wait()
    owner.stdout.close()
    eventually(lambda: none_runs(processes))
    eventually(lambda: not rundir.root().exists())


# Errors: each one message, and nothing left running (the fixture looks for files).


def refused(make: Deployment) -> str:
    with pytest.raises(StartError) as error:
        LocalTarget.up(make, owned=True)
    assert rundir.running() == []
    return str(error.value)


def test_a_deployment_stopped_while_it_starts_says_so(
    deployment: Make, project: Path, eventually: Eventually
) -> None:
    (project / "slow.py").write_text("import time\ntime.sleep(60)\n")
    told: list[str] = []

    def start() -> None:
        with pytest.raises(DeployError) as error:
            LocalTarget.up(deployment("slow:app"), owned=True)
        told.append(str(error.value))

    starting = threading.Thread(target=start)
    starting.start()
    name = deployment("slow:app").name
    eventually(rundir.RunDirectory(name).control_socket.exists)
    LocalTarget(name, "").down()
    starting.join(timeout=60)
    assert told == ["the deployment was stopped"]
    assert rundir.running() == []


def test_a_port_in_use_is_named(deployment: Make) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        message = refused(deployment(**{"balancer.bind": bind}))
    assert f"balancer.bind {bind}: another process listens" in message


def test_a_name_already_running_is_refused_and_left_alone(start: Start, deployment: Make) -> None:
    running = start(nodes=1, workers=1)
    with pytest.raises(StartError, match=r"'site_app' is already running.*twofold down"):
        LocalTarget.up(deployment(), owned=True)
    assert get(running.url)


def test_an_app_that_cannot_be_imported_shows_its_own_error(
    deployment: Make, project: Path
) -> None:
    (project / "broken.py").write_text("import site_app\nimport no_such_module_here\n")
    message = refused(deployment("broken:app"))
    assert "ModuleNotFoundError: No module named 'no_such_module_here'" in message
    assert f"{project / 'broken.py'}, line 2" in message
    assert "'broken:app'" in message


def test_a_store_that_refuses_is_named_without_its_password(deployment: Make) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        message = refused(deployment(redis_url=f"redis://:hush@127.0.0.1:{port}/0"))
    assert f"redis_url = 'redis://127.0.0.1:{port}/0'" in message
    assert "refused" in message
    assert "hush" not in message


def test_a_store_that_hangs_is_given_up(deployment: Make) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        message = refused(deployment(redis_url=f"redis://127.0.0.1:{port}/0"))
    assert "no answer within 2 s" in message


@pytest.mark.parametrize(
    ("profile", "line", "words"),
    [
        ("threads", "raise RuntimeError('no key is set')", "RuntimeError: no key is set"),
        ("greenlets", "raise SystemExit(1)", "Worker died while booting"),
        ("processes", "os.kill(os.getpid(), 9)", "Worker died while booting"),
    ],
)
def test_a_worker_that_dies_at_boot_ends_the_start_with_its_log(
    deployment: Make, project: Path, profile: str, line: str, words: str
) -> None:
    (project / "dies.py").write_text(
        f"import os\nclass App:\n    def start_worker(self):\n        {line}\n"
        "    def __call__(self, environ, start_response):\n        ...\napp = App()\n"
    )
    message = refused(deployment("dies:app", profile=profile, nodes=1, workers=2))
    assert "node1 did not start: gunicorn ended with code" in message
    assert words in message
    assert "The last answer to GET /readyz: no answer" in message


def test_a_failed_scale_up_leaves_the_running_nodes_alone(start: Start, project: Path) -> None:
    target = start(nodes=1, workers=1)
    (project / "site_app.py").write_text("raise RuntimeError('a bad version')")
    with pytest.raises(DeployError, match="a bad version"):
        target.scale(2)
    assert [node.state for node in target.status().nodes] == ["in rotation"]
    assert get(target.url)


def test_a_command_that_fails_unexpectedly_is_answered_and_ends_nothing(start: Start) -> None:
    target = start(nodes=1, workers=1)
    with pytest.raises(DeployError, match="failed unexpectedly, TypeError"):
        target.scale("two")  # type: ignore[arg-type]
    assert [node.state for node in target.status().nodes] == ["in rotation"]
    assert len(target.scale(2).nodes) == 2


def test_scaling_to_nothing_is_refused(start: Start) -> None:
    target = start(nodes=1, workers=1)
    with pytest.raises(DeployError, match=r"nodes = 0.*twofold down"):
        target.scale(0)


def test_gunicorn_settings_that_break_the_slots_are_refused(
    deployment: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--workers 3")
    assert "3 workers, but 2 addresses" in refused(deployment(nodes=1))


def test_an_owner_that_loses_patience_with_an_import_leaves_nothing(
    deployment: Make, project: Path, eventually: Eventually
) -> None:
    (project / "hangs.py").write_text("import time\ntime.sleep(100)\n")
    reported: list[str] = []

    def report(text: str) -> None:
        reported.append(text)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LocalTarget.up(deployment("hangs:app"), owned=True, report=report)
    assert len(reported) == 1
    assert not rundir.root().exists()
