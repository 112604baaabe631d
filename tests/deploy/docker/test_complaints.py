"""What Docker complains of, in its own words, and what is made of that."""

from __future__ import annotations

import pytest

from deploy.docker.complaints import explained


@pytest.mark.parametrize(
    ("arguments", "complaint", "said"),
    [
        (
            ["version"],
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker "
            "daemon running?",
            "no Docker engine answers at unix:///var/run/docker.sock; start it",
        ),
        (
            ["ps"],
            "failed to connect to the docker API at tcp://10.0.0.7:2376; check if the path is "
            "correct and if the daemon is running",
            "no Docker engine answers at tcp://10.0.0.7:2376; start it",
        ),
        (
            ["ps"],
            "permission denied while trying to connect to the Docker daemon socket at "
            "unix:///var/run/docker.sock: dial unix /var/run/docker.sock: connect: permission "
            "denied",
            "add the user to the group `docker`",
        ),
        (
            ["push", "--quiet", "registry.example.com/shop:2"],
            'Get "https://registry.example.com/v2/": dial tcp: lookup registry.example.com: no '
            "such host",
            "a registry does not take or give an image; is it reachable",
        ),
        (["push", "x/shop:2"], "no basic auth credentials", "(`docker login REGISTRY`)?"),
        (
            ["push", "registry.example.com/shop:2"],
            "denied: requested access to the resource is denied",
            "(`docker login REGISTRY`)?",
        ),
        (
            ["build", "."],
            "#8 [2/2] RUN cat /x\n#8 ERROR: Permission denied: /x\nfailed to solve: exit code: 1",
            "the image does not build; the step that failed is in the Dockerfile:\n  #8 [2/2]",
        ),
        (["version"], "command not found", "there is no command `docker`; install Docker"),
        (
            ["ps"],
            'unable to resolve docker endpoint: context "far": context not found: open meta.json',
            "there is no such Docker context; `docker context ls` shows",
        ),
        (
            ["compose", "--project-name", "shop", "--file", "x.yml", "build", "web"],
            "#9 4.2 error: could not write to '/opt/venv/x': No space left on device\n"
            "failed to solve: write /var/lib/docker/tmp/x: no space left on device",
            "the engine's disk is full; `docker system df` shows",
        ),
        (
            ["compose", "--progress", "plain", "--project-name", "shop", "build", "web"],
            "#8 [web 4/4] RUN false\n#8 ERROR: exit code: 1\nfailed to solve: exit code: 1",
            "the image does not build; the step that failed is in the Dockerfile:\n  #8 [web 4/4]",
        ),
        (
            ["compose", "--project-name", "shop", "up", "--detach"],
            " Container shop-web-1  Started\nError response from daemon: driver failed programming "
            "external connectivity on endpoint shop-balancer-1: Bind for 127.0.0.1:8000 failed: "
            "port is already allocated",
            "the port that visitors connect to is taken; choose another by --bind or balancer.bind",
        ),
        (
            ["compose", "config"],
            "services.deploy.replicas: can't set container_name and web as container name must be "
            "unique: invalid compose project",
            "the service `web` has a fixed container_name",
        ),
        (
            ["compose", "--file", "a.yml", "logs", "wbe"],
            "no such service: wbe",
            "the Compose files have no service wbe",
        ),
        (
            ["stack", "deploy"],
            "This node is not a swarm manager. Use `docker swarm init` to connect this node.",
            "the engine is no manager of a Swarm; say `docker swarm init` there",
        ),
    ],
)
def test_what_is_known_comes_with_a_way_out(
    arguments: list[str], complaint: str, said: str
) -> None:
    assert said in explained(arguments, complaint)


def test_what_is_not_known_is_shown_as_it_is() -> None:
    assert explained(["exec", "--interactive", "x", "cat"], "lost in space\n") == (
        "`docker exec` failed:\n  lost in space"
    )
    assert explained(["wait", "x"], "") == "`docker wait` failed:\n  (it said nothing)"


def test_what_went_well_is_left_out() -> None:
    said = explained(["compose", "up"], " Container a-1  Creating\n Container a-1  Started\nboom")
    assert said == "`docker compose up` failed:\n  boom"
