"""The image of a version: built where the manager is, and brought to the hosts."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from ...deployment import Deployment
from ...docker.engine import Engine
from ...errors import EngineError, StartError
from ...render.containers import image_name

Report = Callable[[str], None]

BUILD_TIMEOUT = 1800.0
PUSH_TIMEOUT = 1800.0
COPY_TIMEOUT = 600.0


def has_registry(name: str) -> bool:
    """Whether an image's name says which registry it is in: `registry.example.com/shop`."""
    first, slash, _ = name.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")


def built_image(engine: Engine, deployment: Deployment, report: Report) -> str:
    """Build the image of the code of now; returns what Swarm is to start.

    From a registry that is the digest, after a push; else the image's id, which every host must
    have. The version is no part of the image: the same code is the same image.

    :raises EngineError: with the last lines of the build, or what the registry said.
    """
    name = image_name(deployment)
    context = (deployment.directory / deployment.containers.build).resolve()
    dockerfile = context / deployment.containers.dockerfile
    if not dockerfile.is_file():
        raise StartError(
            f"there is no {dockerfile} to build the image of; `twofold new` writes one, and "
            "containers.build and containers.dockerfile in twofold.toml say where it is"
        )
    report(f"building the image {name} from {context}")
    tag = f"{name}:{deployment.version}"
    options = ("--file", str(dockerfile), "--tag", tag, "--tag", f"{name}:latest")
    builder = Engine(engine.host, engine.context, {**engine.env, "DOCKER_BUILDKIT": "1"})
    builder.follow("build", "--progress", "plain", *options, str(context), line=_step(report))
    if not has_registry(name):
        return engine.run("image", "inspect", "--format", "{{.Id}}", tag).strip()
    report(f"pushing {tag}")
    engine.run("push", "--quiet", tag, timeout=PUSH_TIMEOUT)
    digests = engine.run("image", "inspect", "--format", '{{join .RepoDigests " "}}', tag).split()
    for digest in digests:
        if digest.startswith(f"{name}@"):
            return digest
    raise EngineError(f"the registry gave {tag} no digest; is it there? `docker pull {tag}` tells")


def copy_to_hosts(engine: Engine, deployment: Deployment, image: str, report: Report) -> None:
    """Bring an image without a registry to the hosts whose engines are known, if it is missing.

    :raises EngineError: one of them does not take it.
    """
    tag = f"{image_name(deployment)}:{deployment.version}"
    for host, address in deployment.swarm.engines.items():
        other = Engine(address, env=engine.env)
        if other.ask("image", "inspect", "--format", "{{.Id}}", image).returncode == 0:
            continue
        report(f"copying the image to {host}")
        with tempfile.TemporaryDirectory(prefix="twofold-") as folder:
            archive = str(Path(folder, "image.tar"))
            engine.run("save", "--output", archive, tag, timeout=COPY_TIMEOUT)
            other.run("load", "--quiet", "--input", archive, timeout=COPY_TIMEOUT)


def check_on_hosts(missing: Mapping[str, str], deployment: Deployment, image: str) -> None:
    """:raises StartError: with the hosts that could not start the image, and why."""
    without = sorted(host for host, problem in missing.items() if "No such image" in problem)
    if without and has_registry(image):
        raise StartError(
            f"{', '.join(without)} could not fetch {image}. Is its registry reachable from there, "
            "and may the user of `docker login` here read it? One that speaks plain HTTP has to be "
            "in `insecure-registries` of each host's daemon.json. "
            f"`docker -H ssh://{without[0]} pull {image}` tells more"
        )
    if without:
        tag = f"{image_name(deployment)}:{deployment.version}"
        raise StartError(
            f"the image {tag} ({image[:19]}) is not on {', '.join(without)}, and its name says no "
            "registry. Name one in containers.image, as in 'registry.example.com/shop'; or name "
            "the hosts' engines in [swarm.engines], and it is copied; or copy it yourself: "
            f"`docker save {tag} | docker -H ssh://{without[0]} load`"
        )
    if missing:
        told = "; ".join(f"{host}: {problem}" for host, problem in sorted(missing.items()))
        raise StartError(f"the image cannot be started everywhere: {told}")


def _step(report: Report) -> Callable[[str], None]:
    def step(line: str) -> None:
        # As in `#7 [dependencies 2/3] RUN …`; what a step prints has no bracket there.
        number, _, text = line.partition(" ")
        if number.startswith("#") and text.startswith("["):
            report(f"build: {text}")

    return step
