"""The counting app in a Swarm of several hosts, and visitors of its balancers."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.docker.swarm.hosts import Host, Hosts

PORT = 8000
NODES = 3
TWOFOLD = Path(sys.executable).with_name("twofold")
SETTINGS = """\
app = "{app}"
name = "{name}"
target = "swarm"
nodes = {nodes}
workers = 2
boot_timeout = 30

[containers]
image = "{image}"

[balancer]
bind = "0.0.0.0:{port}"
request_timeout = 10
"""


class Site:
    """A project's folder, the hosts, and the command that deploys the one to the others."""

    def __init__(
        self,
        folder: Path,
        hosts: Hosts,
        image: str,
        *,
        app: str = "counter:app",
        name: str = "counter",
        port: int = PORT,
        registry: str = "",
    ) -> None:
        self.name = name
        self.port = port
        self.folder = folder
        self.hosts = hosts
        self.image = image
        self.registry = registry
        # A name of its own: a build moves the tag `latest`, and the image must stay what it is.
        built = f"{registry}/{name}" if registry else f"{image}-{name}"
        (folder / "twofold.toml").write_text(
            SETTINGS.format(app=app, name=name, nodes=NODES, image=built, port=port)
        )
        # Nothing but a name: the same image on every host, and nothing to copy for a roll.
        (folder / "Dockerfile").write_text(f"FROM {image}\n")

    def write_first(self, line: str) -> None:
        """Into twofold.toml, before its tables, in place of what stood there."""
        toml = self.folder / "twofold.toml"
        key = line.partition("=")[0]
        others = [each for each in toml.read_text().splitlines() if not each.startswith(key)]
        toml.write_text("\n".join([line, *others, ""]))

    def build_something_else(self) -> None:
        """Of another content than any image before."""
        text = f"FROM {self.image}\nENV CONTENT={uuid.uuid4().hex}\n"
        (self.folder / "Dockerfile").write_text(text)

    def run(
        self, *arguments: str, host: int = 1, folder: Path | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """`twofold ARGUMENT…` on the engine of a host."""
        which = () if arguments[0] == "up" else ("--name", self.name)
        env = {name: text for name, text in os.environ.items() if name != "DOCKER_CONTEXT"}
        env |= {"DOCKER_HOST": self.hosts[host].engine, **environ}
        return subprocess.run(
            (str(TWOFOLD), *arguments, *which),
            cwd=folder or self.folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=900,
        )

    def twofold(self, *arguments: str) -> str:
        answer = self.run(*arguments)
        assert answer.returncode == 0, f"{arguments}:\n{answer.stdout}{answer.stderr}"
        return answer.stdout

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.twofold("status", "--json")))

    def nodes_by_host(self) -> Counter[str]:
        return Counter(node["host"] for node in self.status()["nodes"])

    def versions(self) -> set[str]:
        return {node["version"] for node in self.status()["nodes"]}

    def ready(self) -> bool:
        """Whether as many nodes as usual serve, on hosts that all answer the manager."""
        listed = self.hosts[1].docker("node", "ls", "--format", "{{.Status}}").split()
        nodes = self.status()["nodes"]
        return (
            listed == ["Ready"] * len(listed)
            and len(nodes) == NODES
            and all(slot["state"] == "in rotation" for node in nodes for slot in node["slots"])
        )

    def posts(self) -> Counter[str]:
        """How often each id was counted."""
        ask = "REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli --json hgetall posts"
        filters = ("--filter", "label=com.docker.swarm.service.name=counter_redis")
        [container] = self.hosts[1].docker("ps", "--quiet", *filters).split()
        counted = json.loads(self.hosts[1].docker("exec", container, "sh", "-c", ask))
        return Counter({name: int(count) for name, count in counted.items()})


class Visitors:
    """Each sends one request after another to one host's balancer, until the block ends."""

    def __init__(
        self, hosts: Iterable[Host], method: str, *, count: int = 6, port: int = PORT
    ) -> None:
        self.method = method
        self.port = port
        self.answered: list[str] = []
        """The ids of requests that were answered with 200."""
        self.failures: list[tuple[str, str]] = []
        """Id and reason of the others."""
        self.answers = Counter[str]()
        self._stopped = threading.Event()
        places = [host.address for host in hosts]
        self._threads = [
            threading.Thread(target=self._visit, args=(places[number % len(places)],))
            for number in range(count)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def go_on(self, requests: int = 200) -> None:
        """Until so many more have been answered."""
        wanted = len(self.answered) + requests
        eventually(lambda: len(self.answered) >= wanted, what=f"{requests} more answers")

    def _visit(self, address: str) -> None:
        connection = http.client.HTTPConnection(address, self.port, timeout=60)
        while not self._stopped.wait(0.01):
            name = uuid.uuid4().hex
            try:
                connection.request(self.method, f"/?{name}")
                answer = connection.getresponse()
                body = answer.read().decode()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append((name, repr(error)))
                connection.close()
                continue
            if answer.status == 200:
                self.answered.append(name)
                self.answers[body] += 1
            else:
                self.failures.append((name, f"{answer.status} {body[:60]}"))
        connection.close()


def eventually(condition: Callable[[], bool], *, what: str, deadline: float = 120) -> None:
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, f"not within {deadline} seconds: {what}"
        time.sleep(0.2)
