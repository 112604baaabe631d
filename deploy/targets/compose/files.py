"""The files of a Compose project on this machine: rendered, and secrets that are made once.

Containers are bound to these files for as long as they live, so the folder outlives the command.
It is not in the project's own folder: secrets there would end up in an image or in git.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ...deployment import Deployment
from ...errors import StartError
from ...render.compose import render_compose
from ...render.prometheus import render_prometheus
from ...render.secrets import FOLDER_VARIABLE, new_secrets, secret_names

OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)

# The users in the containers must be able to read the files; the folder keeps everybody else out.
READABLE = 0o644
PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class ProjectFiles:
    """Where the files of the deployment of this name are."""

    name: str

    @property
    def folder(self) -> Path:
        state = os.environ.get("XDG_STATE_HOME")
        home = Path(state) if state else Path.home() / ".local" / "state"
        return home / "twofold" / "compose" / self.name

    @property
    def compose(self) -> Path:
        return self.folder / "docker-compose.yml"

    @property
    def version(self) -> Path:
        """What is added to the Compose file when the image is built."""
        return self.folder / "version.yml"

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    def write(self, deployment: Deployment) -> None:
        """Render them for this version; secrets that are there stay as they are.

        The balancer's file is `write_balancer`'s: it says what the balancer that runs has read.

        :raises StartError: the folder cannot be written, or a secret is yours to write.
        """
        texts = {
            self.compose: render_compose(deployment),
            self._prometheus: render_prometheus(deployment),
            self.version: _version(deployment),
        }
        try:
            self.secrets.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(PRIVATE)
            for path, text in texts.items():
                _write(path, text)
            self._make_secrets(deployment)
        except OSError as error:
            raise StartError(f"{self.folder} cannot be written: {error}") from None

    def write_balancer(self, text: str) -> None:
        """What HAProxy reads when it starts, and when it is told to."""
        try:
            _write(self._haproxy, text)
        except OSError as error:
            raise StartError(f"{self._haproxy} cannot be written: {error}") from None

    @property
    def balancer(self) -> str:
        """What HAProxy has read."""
        return self._haproxy.read_text(encoding="utf-8") if self._haproxy.exists() else ""

    def _make_secrets(self, deployment: Deployment) -> None:
        env = deployment.env
        named = {"redis_url": deployment.redis_url, "database_url": env.get("DATABASE_URL")}
        # A store that runs beside the nodes is the one that they use.
        texts = {**named, **new_secrets(deployment)}
        texts["secret_key"] = env.get("SECRET_KEY") or texts["secret_key"]
        for name in secret_names(deployment):
            path = self.secrets / name
            if path.exists():
                continue
            text = texts.get(name)
            if not text:
                raise StartError(
                    f"the secret {name} is yours to write, for it leads to a server of your own: "
                    f"put it into {path}"
                )
            _write(path, text)

    @property
    def variables(self) -> dict[str, str]:
        """What the Compose file takes from the environment."""
        return {
            FOLDER_VARIABLE: str(self.secrets),
            "HAPROXY_CONFIG": str(self._haproxy),
            "PROMETHEUS_CONFIG": str(self._prometheus),
        }

    @property
    def _haproxy(self) -> Path:
        return self.folder / "haproxy.cfg"

    @property
    def _prometheus(self) -> Path:
        return self.folder / "prometheus.yml"

    def remove(self, *, secrets: bool) -> None:
        """Without the `secrets` a database that is kept could not be opened any more."""
        if secrets:
            shutil.rmtree(self.folder, ignore_errors=True)


def context_of(deployment: Deployment) -> Path:
    """The build context, from which the Compose file's relative paths are."""
    return (deployment.directory / deployment.containers.build).resolve()


def overrides_of(deployment: Deployment) -> list[Path]:
    """What the user adds to the Compose file: a file beside it, as Compose itself finds it."""
    there = [context_of(deployment) / name for name in OVERRIDES]
    return [path for path in there if path.exists()][:1]


def _version(deployment: Deployment) -> str:
    """The image has its version in it, not the service: Compose would make every node anew."""
    return (
        "services:\n  web:\n    build:\n"
        f'      args: {{ VERSION: "{deployment.version}" }}\n'
        f'      labels: {{ twofold.version: "{deployment.version}" }}\n'
    )


def _write(path: Path, text: str) -> None:
    # In place: a container is bound to the file that is there, not to its name.
    path.write_text(text, encoding="utf-8")
    path.chmod(READABLE)
