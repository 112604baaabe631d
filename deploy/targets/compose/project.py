"""A deployment's project as Docker Compose sees it: its containers, and Compose's own verbs."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...deployment import Deployment
from ...docker.api import EngineApi
from ...docker.complaints import explained
from ...docker.engine import Engine, Line
from ...errors import EngineError, StartError
from ...render.containers import image_name
from .files import ProjectFiles, context_of, overrides_of

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
ONE_OFF = "com.docker.compose.oneoff"

UP_TIMEOUT = 600.0
LAST_LINES = 15


@dataclass(frozen=True, slots=True)
class Container:
    """One of the project's, as the engine lists it."""

    id: str
    service: str
    number: int
    image: str
    """The image's id."""
    created: int
    """Seconds since the epoch."""
    state: str
    """`created`, `running`, `restarting`, `exited` …"""
    addresses: tuple[tuple[str, str], ...]
    """Network and address of each; none while it does not run."""

    def address_in(self, network: str) -> str | None:
        return dict(self.addresses).get(network)


class Project:
    """The project of one deployment."""

    def __init__(self, name: str, engine: Engine, api: EngineApi) -> None:
        self.name = name
        self.files = ProjectFiles(name)
        self.api = api
        self._plain_engine = engine

    @property
    def engine(self) -> Engine:
        return self._plain_engine

    @property
    def front(self) -> str:
        """The network where the balancer meets the nodes."""
        return f"{self.name}_front"

    def containers(self, *services: str) -> list[Container]:
        """Those of the services, or all; nodes in the order of their numbers."""
        found = map(_container, self.api.containers(f"{PROJECT}={self.name}", f"{ONE_OFF}=False"))
        wanted = [each for each in found if not services or each.service in services]
        return sorted(wanted, key=lambda each: (each.service, each.number))

    def balancer(self) -> Container | None:
        return next((each for each in self.containers("balancer") if each.state == "running"), None)

    def prepare(self, deployment: Deployment) -> None:
        """Write the files of this version, and have Compose read them.

        :raises DeployError: a setting has no meaning in containers, or Compose does not take what
            the user has added.
        """
        self.files.write(deployment)
        services = self.compose(deployment, "config", "--services").split()
        for needed in ("balancer", "web"):
            if needed not in services:
                raise EngineError(f"the Compose files have no service {needed!r}")

    def build(self, deployment: Deployment, report: Callable[[str], None]) -> str:
        """Build the image, and give its tag to it; its id is returned.

        :raises EngineError: with the last lines of the build.
        """

        def step(line: str) -> None:
            # As in `#7 [dependencies 2/3] RUN …`; what a step prints has no bracket there.
            number, _, text = line.partition(" ")
            if number.startswith("#") and text.startswith("["):
                report(f"build: {text}")

        context = context_of(deployment)
        dockerfile = context / deployment.containers.dockerfile
        if not dockerfile.is_file():
            raise StartError(
                f"there is no {dockerfile} to build the image of; `twofold new` writes one, and "
                "containers.build and containers.dockerfile in twofold.toml say where it is"
            )
        report(f"building the image {image_name(deployment)} from {context}")
        self._follow(deployment, "--progress", "plain", "build", "web", line=step)
        return self.image_id(deployment)

    def image_id(self, deployment: Deployment) -> str:
        """Of the image that the tag leads to."""
        tag = image_name(deployment)
        return self.engine.run("image", "inspect", "--format", "{{.Id}}", tag).strip()

    def select(self, deployment: Deployment, image: str) -> None:
        """Have files and tag lead to this version: Compose starts what it finds there."""
        self.files.write(deployment)
        self.engine.run("tag", image, image_name(deployment))

    def up(self, deployment: Deployment, line: Line) -> None:
        """Everything, with so many nodes as the deployment says."""
        scale = f"web={deployment.nodes}"
        self._follow(
            deployment, *("--progress", "plain", "up", "--detach", "--no-build", "--scale", scale),
            line=line,
        )  # fmt: skip

    def migrate(self, deployment: Deployment, line: Line) -> None:
        """The one-off job, of the image that the tag leads to."""
        self._follow(deployment, "run", "--rm", "--no-deps", "--no-TTY", "migrate", line=line)

    def add_node(self, deployment: Deployment) -> Container:
        """One container more, of the image that the tag leads to; the others stay as they are."""
        before = {each.id for each in self.containers("web")}
        # Not `up --no-deps`: Compose then takes the service for another one, without dependencies,
        # and its next plain `up` would make the container anew. And not `up` with them: the
        # migrations would run again.
        self.compose(
            deployment,
            *("create", "--no-recreate", "--no-build", "--quiet-pull"),
            *("--scale", f"web={len(before) + 1}", "web"),
        )
        new = [each for each in self.containers("web") if each.id not in before]
        if len(new) != 1:
            raise StartError(
                f"Compose made {len(new)} containers instead of one; does someone else change "
                f"the project {self.name} at this moment?"
            )
        self.engine.run("start", new[0].id)
        return new[0]

    def stop(self, containers: Sequence[str], *, seconds: float) -> None:
        """Stop nodes that nothing is in flight in, and remove them.

        A first SIGTERM has a node leave rotation and wait for the balancer's checks, which has been
        seen to already; the second ends it. After a harder signal Docker would start it again.
        """
        for _ in range(2):
            # One that does not run any more is refused, and is as good as stopped.
            self.engine.ask("kill", "--signal", "TERM", *containers)
        with contextlib.suppress(EngineError):
            self.engine.ask("wait", *containers, timeout=seconds)
        removed = self.engine.ask("rm", "--force", "--volumes", *containers)
        if removed.returncode and "No such container" not in removed.stderr:
            raise EngineError(explained(("rm",), removed.stderr))

    def last_lines(self, container: str) -> str:
        """Of a container's log, as a block of text in a message."""
        said = self.engine.ask("logs", "--tail", str(LAST_LINES), container)
        lines = (said.stdout + said.stderr).strip().splitlines()[-LAST_LINES:]
        return "\n".join(f"  {line}" for line in lines) or "  (nothing)"

    def down(self, *, volumes: bool, line: Line) -> None:
        """Stop and remove its containers and networks, and the volumes if told so."""
        options = ["--volumes"] if volumes else []
        # By its labels alone: the files may have gone.
        self.engine.follow(
            *("compose", "--progress", "plain", "--project-name", self.name),
            *("down", "--remove-orphans", *options),
            line=line,
        )

    def compose(self, deployment: Deployment, *arguments: str) -> str:
        """What `docker compose ARGUMENT…` prints, for this version's files."""
        engine = self._engine_for(deployment)
        return engine.run("compose", *self._options(deployment), *arguments, timeout=UP_TIMEOUT)

    def _follow(self, deployment: Deployment, *arguments: str, line: Line) -> None:
        engine = self._engine_for(deployment)
        engine.follow("compose", *self._options(deployment), *arguments, line=line)

    def _options(self, deployment: Deployment) -> list[str]:
        files = [self.files.compose, *overrides_of(deployment), self.files.version]
        named = [word for path in files for word in ("--file", str(path))]
        context = str(context_of(deployment))
        return ["--project-name", self.name, "--project-directory", context, *named]

    def _engine_for(self, deployment: Deployment) -> Engine:
        engine = self._plain_engine
        port = str(deployment.balancer.address[1])
        env = {
            **engine.env,
            **self.files.variables,
            "PORT": port,
            "WEB_IMAGE": image_name(deployment),
        }
        return Engine(engine.host, engine.context, env)


def _container(listed: dict[str, Any]) -> Container:
    labels = listed["Labels"]
    networks = (listed.get("NetworkSettings") or {}).get("Networks") or {}
    return Container(
        id=listed["Id"],
        service=labels[SERVICE],
        number=int(labels.get(NUMBER, 0)),
        image=listed["ImageID"],
        created=listed["Created"],
        state=listed["State"],
        addresses=tuple(
            (name, each["IPAddress"]) for name, each in networks.items() if each["IPAddress"]
        ),
    )
