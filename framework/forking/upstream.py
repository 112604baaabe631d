"""The package that is forked: its files, its licence, its version."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from .files import Files, read_files
from .record import read_origin

PACKAGE = __name__.rpartition(".forking.")[0]
FOLDER = Path(__file__).parents[1]
LICENSE = "LICENSE"


@dataclass(frozen=True)
class Upstream:
    """One version of a package that can be forked."""

    package: str
    version: str
    files: Files


def installed() -> Upstream:
    """The package that this module is part of; a fork is of the version that it came from.

    :raises ForkError: it is neither installed nor a fork with a record.
    """
    distribution = distribution_of(PACKAGE)
    files = read_files(FOLDER)
    # A fork has its licence among its own files.
    if LICENSE not in files and (text := license_of(distribution)):
        files[LICENSE] = text
    version = distribution.version if distribution else read_origin(FOLDER).version
    return Upstream(PACKAGE.rpartition(".")[2], version, files)


def distribution_of(package: str) -> Distribution | None:
    """The distribution whose command forks `package`, which is the one that brought it."""
    command = f"{package}.commands."
    for distribution in distributions():
        if any(point.module.startswith(command) for point in distribution.entry_points):
            return distribution
    return None


def license_of(distribution: Distribution | None) -> bytes | None:
    for path in (distribution.files if distribution else None) or ():
        if path.name == LICENSE:
            return Path(str(path.locate())).read_bytes()
    return None
