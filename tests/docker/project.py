"""The shop's Compose file as a project of its own, visitors who buy, and small helpers."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import secrets
import socket
import subprocess
import threading
import time
from collections import Counter
from contextlib import closing
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
PROFILES = ("--profile", "load", "--profile", "obs")
FILES = ("--file", "docker-compose.yml", "--file", "tests/docker/slow-machine.yml")
ITEMS = 12
ENOUGH = 50  # of one item; the shop refuses more than 99
PAUSE = 0.03  # seconds between two requests of one visitor


class Project:
    """The Compose file under a project name and ports of its own, with an image that is there."""

    def __init__(self, image: str, secrets_folder: Path | None) -> None:
        self.name = f"twofold-test-{secrets.token_hex(4)}"
        self.port = free_port()
        self.locust_port = free_port()
        self.prometheus_port = free_port()
        self.env = {
            **os.environ,
            "PORT": str(self.port),
            "LOCUST_PORT": str(self.locust_port),
            "PROMETHEUS_PORT": str(self.prometheus_port),
            "WEB_IMAGE": image,
        }
        if secrets_folder:
            self.env["SECRETS"] = str(secrets_folder)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # The checkout's own .env is the developer's, not the test's.
        options = ("--project-name", self.name, "--env-file", "/dev/null", *PROFILES)
        return run("docker", "compose", *FILES, *options, *arguments, env=self.env)

    def compose(self, *arguments: str) -> str:
        return succeeded(self.run(*arguments))

    def start(self) -> None:
        """Everything that a plain `up` starts."""
        self.compose("up", "--detach", "--no-build", "--wait", "balancer", "web")
        eventually(lambda: self.answering() == self.slots(), what="every slot in rotation")

    def scale(self, nodes: int) -> None:
        """Have so many nodes, with every worker ready and in rotation."""
        options = ("--detach", "--no-build", "--no-recreate", "--wait", "--scale", f"web={nodes}")
        self.compose("up", *options, "balancer", "web")
        eventually(lambda: self.answering() == self.slots(), what=f"{nodes} nodes in rotation")

    def containers(self, service: str) -> list[dict[str, Any]]:
        ids = self.compose("ps", "--all", "--quiet", service).split()
        return list(json.loads(docker("inspect", *ids))) if ids else []

    def nodes(self) -> set[str]:
        return {container["Config"]["Hostname"] for container in self.containers("web")}

    def slots(self) -> set[tuple[str, str]]:
        """Each worker of each node."""
        return {(node, slot) for node in self.nodes() for slot in ("1", "2")}

    def answering(self) -> set[tuple[str, str]]:
        """The slots that answer a handful of requests."""
        with closing(Visitor(self.port)) as visitor:
            try:
                answers = [visitor.get("/served-by.json") for _ in range(30)]
            except (OSError, http.client.HTTPException):
                return set()
        return {served_by(body) for status, body in answers if status == 200}

    def balancer_processes(self) -> set[str]:
        """HAProxy's own process ids; the engine's health checks come and go beside them."""
        [balancer] = self.containers("balancer")
        _, *rows = docker("top", balancer["Id"], "-o", "pid,comm").splitlines()
        processes = {pid for pid, name in map(str.split, rows) if name == "haproxy"}
        assert processes, rows
        return processes

    def down(self) -> None:
        self.compose("down", "--volumes", "--timeout", "5")

    def leftovers(self) -> str:
        label = f"label=com.docker.compose.project={self.name}"
        return (
            docker("ps", "--all", "--quiet", "--filter", label)
            + docker("volume", "ls", "--quiet", "--filter", label)
            + docker("network", "ls", "--quiet", "--filter", label)
        )


class Visitor:
    """One visitor with a kept-alive connection and a cookie."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.cookies = SimpleCookie()
        self.bought = Counter[str]()

    def get(self, path: str) -> tuple[int, bytes]:
        return self._request("GET", path, None)

    def add(self, item_id: int) -> int:
        form = urlencode({"item_id": item_id, "quantity": 1})
        status, _ = self._request("POST", "/cart/add", form)
        if status == 303:
            self.bought[str(item_id)] += 1
        return status

    def remove(self, item_id: int) -> int:
        status, _ = self._request("POST", "/cart/remove", urlencode({"item_id": item_id}))
        if status == 303:
            del self.bought[str(item_id)]
        return status

    def cart(self) -> dict[str, Any]:
        status, body = self.get("/cart/contents")
        assert status == 200, body
        contents: dict[str, Any] = json.loads(body)
        return contents

    def close(self) -> None:
        self.connection.close()

    def _request(self, method: str, path: str, form: str | None) -> tuple[int, bytes]:
        headers = {"Cookie": self.cookies.output(attrs=[], header="", sep=";").strip()}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            self.connection.request(method, path, form, headers)
            response = self.connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        for cookie in response.headers.get_all("Set-Cookie", []):
            self.cookies.load(cookie)
        return response.status, body


class Traffic:
    """Some visitors who look and buy, steadily, until the block ends."""

    def __init__(self, port: int, visitors: int = 6) -> None:
        self.visitors = [Visitor(port) for _ in range(visitors)]
        self.requests = Counter[str]()
        self.failures: list[tuple[str, object]] = []
        self.slots: set[tuple[str, str]] = set()
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._shop, args=(visitor,)) for visitor in self.visitors
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        for visitor in self.visitors:
            visitor.close()

    def failed(self, method: str) -> list[object]:
        return [problem for failed, problem in self.failures if failed == method]

    def _shop(self, visitor: Visitor) -> None:
        for number in itertools.count():
            if self._stopped.wait(PAUSE):
                return
            self._look(visitor)
            self._buy(visitor, number % ITEMS + 1)

    def _look(self, visitor: Visitor) -> None:
        self.requests["GET"] += 1
        try:
            status, body = visitor.get("/served-by.json")
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(("GET", repr(error)))
            return
        if status == 200:
            self.slots.add(served_by(body))
        else:
            self.failures.append(("GET", status))

    def _buy(self, visitor: Visitor, item_id: int) -> None:
        self.requests["POST"] += 1
        enough = visitor.bought[str(item_id)] >= ENOUGH
        try:
            answer: object = visitor.remove(item_id) if enough else visitor.add(item_id)
        except (OSError, http.client.HTTPException) as error:
            answer = repr(error)
        if answer != 303:
            self.failures.append(("POST", answer))


def served_by(body: bytes) -> tuple[str, str]:
    """The node and the slot, from `/served-by.json`."""
    answer = json.loads(body)
    return answer["node"], answer["slot"]


def published(project: Project, service: str) -> list[dict[str, str]]:
    return [
        binding
        for container in project.containers(service)
        for bindings in container["NetworkSettings"]["Ports"].values()
        for binding in bindings or []
    ]


def eventually(condition: Callable[[], bool], *, what: str, deadline: float = 120) -> None:
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, f"not within {deadline} seconds: {what}"
        time.sleep(0.2)


def run(*command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=900)


def succeeded(answer: subprocess.CompletedProcess[str]) -> str:
    assert answer.returncode == 0, f"{answer.args}:\n{answer.stdout}{answer.stderr}"
    return answer.stdout


def docker(*arguments: str) -> str:
    return succeeded(run("docker", *arguments))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
