"""A deployment as Kubernetes' objects, for `kubectl apply`."""

import re

from ...deployment import Deployment
from ...errors import SettingsError
from .balancer import balancer
from .environment import secret_keys
from .migration import Migration, longest, migration
from .network import network_policies
from .settings import KubernetesSettings, refuse_unsuitable, settings_of
from .text import PART
from .web import web

TAG = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)
REFERENCE = re.compile(r"[a-z0-9][a-z0-9._/:-]*(:[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64})", re.ASCII)


def render_kubernetes(deployment: Deployment, *, image: str | None = None) -> str:
    """All objects in one file; nothing in it is secret.

    `image` is a reference with a tag or a digest. Without it there is `containers.image` with the
    version as its tag.

    :raises SettingsError: a setting holds on one machine only, or cannot be.
    """
    refuse_unsuitable(deployment)
    settings = settings_of(deployment)
    reference = _image(deployment, image)
    job = migration(deployment, settings, reference)
    documents = [
        *([job.document] if job else []),
        *web(deployment, settings, reference),
        *balancer(deployment, settings),
        *network_policies(deployment),
    ]
    return _head(deployment, settings, job) + "---\n".join(documents)


def _image(deployment: Deployment, image: str | None) -> str:
    if image is not None:
        if not REFERENCE.fullmatch(image) or image.endswith(":latest"):
            raise SettingsError(
                f"--image {image}: must be an image with a version, as in "
                "registry.example.com/shop:1.4 or shop@sha256:…; `latest` would not be rolled out"
            )
        return image
    name = deployment.containers.image
    if name is None:
        raise SettingsError(
            "containers.image is missing: a cluster pulls the image from a registry. Set it in "
            'twofold.toml, as in [containers] image = "registry.example.com/shop", or give --image'
        )
    if not TAG.fullmatch(deployment.version) or deployment.version == "latest":
        raise SettingsError(
            f"version = {deployment.version!r} is the image's tag here, and cannot be one; give "
            "another with --version, or the whole reference with --image"
        )
    return f"{name}:{deployment.version}"


def _head(deployment: Deployment, settings: KubernetesSettings, job: Migration | None) -> str:
    keys = ", ".join(secret_keys(deployment))
    text = f"""\
# {deployment.name} on Kubernetes, made by `twofold render kubernetes`; change twofold.toml instead.
# The Secret {settings.secret} must be there, with {keys}.
"""
    if job is None:
        return text
    return f"""\
{text}#
# First the database, then the nodes:
#
#   kubectl apply -f FILE -l {PART}/component=migrate
#   kubectl wait --for=condition=complete --timeout={longest(deployment)}s job/{job.name}
#   kubectl apply -f FILE
"""
