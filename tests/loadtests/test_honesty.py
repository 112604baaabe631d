"""A planted bottleneck is named correctly, with real nodes, balancer, store and generator.

The faults are so big that noise cannot hide them, and where the machine itself was too busy to tell
anything, the point is measured again a few times.
"""

import contextlib
import os
import signal
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import binaries
from deploy.balancer import BalancerClient
from deploy.cgroups import CGROUPS, own_groups
from deploy.procfs import children
from deploy.quota_groups import PREFIX
from deploy.render.haproxy import BACKEND
from deploy.rundir import RunDirectory
from deploy.targets.local import LocalTarget
from tests.framework.redis_servers import Server
from tests.loadtests.planted import BUSY_USER, Experiment

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

WAIT = "time.sleep(0.05)"
LOCK = """
        with open(os.path.join(PLACE, "lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            time.sleep(0.02)
"""
BURN = """
        end = time.thread_time() + 0.005
        while time.thread_time() < end:
            pass
"""
STORE_DELAY = 0.05


def test_an_app_that_only_waits_is_named_so(tmp_path: Path) -> None:
    found, _ = Experiment(tmp_path, WAIT).run([1, 2])
    assert found.name == "waiting in the app", found


def test_a_lock_over_all_workers_is_a_serial_part(tmp_path: Path) -> None:
    found, _ = Experiment(tmp_path, LOCK).run([1, 2])
    assert found.name == "a lock or other serial part in the app", found


def test_visitors_who_do_not_fill_the_slots_are_too_little_load(tmp_path: Path) -> None:
    found, _ = Experiment(tmp_path, WAIT, users_per_place=0.25).run([1])
    assert found.name == "too little load", found


def test_a_generator_that_is_busy_with_itself_is_named_and_voids_the_point(tmp_path: Path) -> None:
    suite = BUSY_USER.format(seconds=0.05)
    found, [measurement] = Experiment(tmp_path, WAIT, suite=suite).run([1])
    assert found.name == "the load generator", found
    assert any("the load generator" in reason for reason in measurement.void)


def test_a_slow_store_is_named(tmp_path: Path) -> None:
    store = Server(str(binaries.store()), tmp_path)
    try:
        with slow_link(store.port) as port:
            experiment = Experiment(
                tmp_path,
                "store.get('x')",
                setup="import redis\nstore = redis.Redis.from_url(os.environ['REDIS_URL'])",
                settings={"redis_url": f"redis://127.0.0.1:{port}"},
            )
            found, _ = experiment.run([1])
    finally:
        store.stop()
    assert found.name == "the store", found


def test_a_node_that_is_held_back_is_named(tmp_path: Path) -> None:
    found, _ = Experiment(tmp_path, WAIT, meddle=stopped_most_of_the_time).run([2])
    assert found.name == "a slow node", found
    assert found.evidence.startswith("node2 ")


def test_a_node_with_a_smaller_budget_is_named_with_what_holds_it(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path, BURN, settings={"cpus": 0.3}, meddle=with_a_small_quota)
    found, _ = experiment.run([2])
    assert found.name == "a slow node", found
    assert "node2" in found.evidence
    assert "held back" in found.evidence


def test_nodes_that_use_up_their_budgets_are_named(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path, BURN, settings={"cpus": 0.2}, meddle=needs_a_quota)
    found, _ = experiment.run([2])
    assert found.name == "the app's nodes (CPU)", found
    assert "quota" in found.evidence


def test_a_slot_that_the_balancer_slights_is_named(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path, WAIT, settings={"workers": 3}, meddle=one_slot_slighted)
    found, _ = experiment.run([1])
    assert found.name == "uneven slots", found
    assert found.evidence.startswith("node1-2 ")


def test_a_worker_that_dies_meanwhile_voids_the_point(tmp_path: Path) -> None:
    _, [measurement] = Experiment(tmp_path, WAIT, meddle=a_worker_killed_now_and_then).run([1])
    assert any("lost or replaced a worker" in reason for reason in measurement.void)


@contextlib.contextmanager
def slow_link(port: int) -> Iterator[int]:
    """A port that leads to another one, from which every answer comes late."""

    class Link(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as store:
                back = threading.Thread(target=pass_on, args=(store, self.request, STORE_DELAY))
                back.start()
                pass_on(self.request, store, 0.0)
                back.join()

    class Links(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Links(("127.0.0.1", 0), Link) as links:
        thread = threading.Thread(target=links.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield links.server_address[1]
        links.shutdown()
        thread.join()


def pass_on(source: socket.socket, sink: socket.socket, delay: float) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            time.sleep(delay)
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def meanwhile(action: threading.Thread, ending: threading.Event) -> Iterator[None]:
    action.start()
    try:
        yield
    finally:
        ending.set()
        action.join()


@contextlib.contextmanager
def stopped_most_of_the_time(target: LocalTarget) -> Iterator[None]:
    """The second node's workers stand still for nine tenths of the time."""
    workers = target.status().nodes[1].workers
    ending = threading.Event()

    def send(sig: signal.Signals) -> None:
        for pid in workers:
            os.kill(pid, sig)

    def stop_and_go() -> None:
        while not ending.is_set():
            send(signal.SIGSTOP)
            ending.wait(0.36)
            send(signal.SIGCONT)
            ending.wait(0.04)

    with meanwhile(threading.Thread(target=stop_and_go), ending):
        yield


@contextlib.contextmanager
def needs_a_quota(target: LocalTarget) -> Iterator[None]:
    budget = target.status().nodes[0].budget
    if budget is None or "quota" not in budget.mechanism:
        pytest.skip("no control group may be made here")
    yield


@contextlib.contextmanager
def with_a_small_quota(target: LocalTarget) -> Iterator[None]:
    """The second node's quota is a sixth of what it should be."""
    with needs_a_quota(target):
        pid = target.status().nodes[1].pid
        assert pid is not None
        group = cgroup_of(pid)
        if (group / "cpu.max").exists():
            (group / "cpu.max").write_text("1000 20000")
        else:
            (group / "cpu.cfs_quota_us").write_text("1000")
        yield


def cgroup_of(pid: int) -> Path:
    """The directory of the control group that holds the process to its budget."""
    groups = own_groups(Path(f"/proc/{pid}/cgroup").read_text())
    for controller, root in (("cpu", CGROUPS / "cpu"), ("", CGROUPS)):
        group = groups.get(controller, "")
        if PREFIX in group:
            return root / group.lstrip("/")
    raise AssertionError(f"process {pid} is in no group of ours: {groups}")


@contextlib.contextmanager
def one_slot_slighted(target: LocalTarget) -> Iterator[None]:
    """The balancer gives one of three slots a single request at a time."""
    balancer = BalancerClient(RunDirectory(target.name).haproxy_socket)
    balancer._command(f"set maxconn server {BACKEND}/node1-2 1")
    yield


@contextlib.contextmanager
def a_worker_killed_now_and_then(target: LocalTarget) -> Iterator[None]:
    master = target.status().nodes[0].pid
    assert master is not None
    ending = threading.Event()

    def kill() -> None:
        while not ending.wait(2.0):
            for pid in children(master):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    with meanwhile(threading.Thread(target=kill), ending):
        yield
