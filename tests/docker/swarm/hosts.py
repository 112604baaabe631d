"""Several Docker hosts on one machine, for tests across hosts.

Each host is a network namespace with an address, a host name and a Docker engine of its own; a
bridge joins them. So a host can be cut off, killed and started again as a real one can. It needs
root, iptables, ip, nsenter and dockerd.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PREFIX = "tfh"
STATE = Path("/var/tmp")  # engines need a real disk
TOOLS = ("docker", "dockerd", "ip", "iptables", "nsenter", "unshare", "sysctl")
ENGINE_TIMEOUT = 60.0


def why_not() -> str | None:
    """Why there can be no hosts here, or None."""
    if os.geteuid() != 0:
        return "several Docker hosts need root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"several Docker hosts need {', '.join(missing)}"
    probe = f"{PREFIX}probe{os.getpid()}"
    if _ask("ip", "netns", "add", probe).returncode:
        return "network namespaces cannot be made here"
    _ask("ip", "netns", "del", probe)
    return None


@dataclass(slots=True)
class Host:
    """One of them; hosts are counted from 1."""

    group: int
    number: int
    folder: Path
    dockerd: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return f"host{self.number}"

    @property
    def namespace(self) -> str:
        return f"{PREFIX}{self.group}h{self.number}"

    @property
    def address(self) -> str:
        return f"10.99.{self.group}.{10 + self.number}"

    @property
    def engine(self) -> str:
        """As in DOCKER_HOST."""
        return f"unix://{self.folder}/docker.sock"

    @property
    def cable(self) -> str:
        return f"{PREFIX}{self.group}v{self.number}"

    def docker(self, *arguments: str) -> str:
        return _run("docker", "--host", self.engine, *arguments)

    def logs(self, service: str) -> list[str]:
        """Of a service of the Swarm that this host manages: the lines of all its containers."""
        answer = _ask("docker", "--host", self.engine, "service", "logs", "--timestamps", service)
        return [*answer.stdout.splitlines(), *answer.stderr.splitlines()]

    def cut(self) -> None:
        """Pull the cable: nothing arrives, nothing leaves, everything goes on inside."""
        _run("ip", "link", "set", self.cable, "down")

    def mend(self) -> None:
        _run("ip", "link", "set", self.cable, "up")

    def start(self) -> None:
        """Start the engine, with all that it knew before."""
        # Only the network and the name are its own: `ip netns exec` would hide /sys/fs/cgroup.
        enter = ("nsenter", f"--net=/run/netns/{self.namespace}", "unshare", "--uts")
        script = 'hostname "$0" && exec dockerd "$@"'
        options = (
            *("--config-file", str(self.folder / "daemon.json"), "--host", self.engine),
            *("--data-root", str(self.folder / "data"), "--exec-root", str(self.folder / "exec")),
            *("--pidfile", str(self.folder / "pid"), "--cgroup-parent", f"/{self.namespace}"),
        )
        with (self.folder / "log").open("ab") as log:
            self.dockerd = subprocess.Popen(
                (*enter, "sh", "-c", script, self.name, *options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Until the engine answers."""
        end = time.monotonic() + ENGINE_TIMEOUT
        while _ask("docker", "--host", self.engine, "info").returncode:
            log = (self.folder / "log").read_text(errors="replace")
            assert time.monotonic() < end, f"{self.name} has no engine:\n{log[-2000:]}"
            time.sleep(0.2)

    def kill(self) -> None:
        """As a power cut would: the engine and all its containers at once."""
        _kill(self.folder)
        if self.dockerd:
            self.dockerd.wait()
        # What a restart of the machine would clear.
        _unmount(self.folder)
        shutil.rmtree(self.folder / "exec", ignore_errors=True)
        (self.folder / "pid").unlink(missing_ok=True)


class Hosts:
    """A set of hosts, until the block ends; the first is called host1."""

    def __init__(self, count: int) -> None:
        sweep()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}-", dir=STATE))
        self.group = _free_group()
        owner = {"pid": os.getpid(), "began": _began(os.getpid()), "group": self.group}
        (self._folder / "owner.json").write_text(json.dumps(owner))
        self._hosts: list[Host] = []
        try:
            _join(self.group)
            for _ in range(count):
                self.add()
        except BaseException:
            self.close()
            raise

    def __getitem__(self, number: int) -> Host:
        return self._hosts[number - 1]

    def __iter__(self) -> Iterator[Host]:
        return iter(tuple(self._hosts))

    @property
    def gateway(self) -> str:
        """This machine's address, as the hosts know it."""
        return f"10.99.{self.group}.1"

    def add(self) -> Host:
        """One more, whose engine answers."""
        host = Host(self.group, len(self._hosts) + 1, self._folder / str(len(self._hosts) + 1))
        host.folder.mkdir()
        _run("ip", "netns", "add", host.namespace)
        _run(
            *("ip", "link", "add", host.cable, "type", "veth"),
            *("peer", "name", "eth0", "netns", host.namespace),
        )
        _run("ip", "link", "set", host.cable, "master", _bridge(self.group), "up")
        inside = ("ip", "-n", host.namespace)
        _run(*inside, "addr", "add", f"{host.address}/24", "dev", "eth0")
        for link in ("eth0", "lo"):
            _run(*inside, "link", "set", link, "up")
        _run(*inside, "route", "add", "default", "via", self.gateway)
        driver = _run("docker", "info", "--format", "{{.Driver}}").strip()
        settings = {
            "storage-driver": driver,
            "mtu": 1400,
            # That of the tests speaks plain HTTP.
            "insecure-registries": [f"{self.gateway}/32"],
        }
        (host.folder / "daemon.json").write_text(json.dumps(settings))
        host.start()
        self._hosts.append(host)
        host.wait()
        return host

    def remove(self, host: Host) -> None:
        """The one that was added last."""
        host.kill()
        _ask("ip", "netns", "del", host.namespace)
        _ask("ip", "link", "del", host.cable)
        self._hosts.remove(host)
        shutil.rmtree(host.folder, ignore_errors=True)

    def load(self, *images: str, into: Iterable[Host] | None = None) -> None:
        """Copy images of the machine's own engine into the hosts, or into some."""
        archive = self._folder / "images.tar"
        _run("docker", "save", "--output", str(archive), *images)
        # One after the other: they share the disk and the processors.
        for host in self if into is None else into:
            host.docker("load", "--quiet", "--input", str(archive))
        archive.unlink()

    def swarm(self) -> None:
        """Make a Swarm of all of them, which host1 manages."""
        self[1].docker("swarm", "init", "--advertise-addr", self[1].address)
        for host in tuple(self)[1:]:
            self.join(host)

    def join(self, host: Host) -> None:
        token = self[1].docker("swarm", "join-token", "--quiet", "worker").strip()
        place = ("--advertise-addr", host.address, f"{self[1].address}:2377")
        host.docker("swarm", "join", "--token", token, *place)

    def close(self) -> None:
        for host in self._hosts:
            host.kill()
        _remove(self._folder, self.group)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def sweep() -> None:
    """Remove the sets whose test run was killed."""
    for folder in STATE.glob(f"{PREFIX}-*"):
        with contextlib.suppress(OSError, ValueError, KeyError):
            owner = json.loads((folder / "owner.json").read_text())
            if _began(owner["pid"]) != owner["began"]:
                _remove(folder, owner["group"])


def _remove(folder: Path, group: int) -> None:
    _kill(folder)
    for name in _names("/run/netns", f"{PREFIX}{group}h"):
        _ask("ip", "netns", "del", name)
    for name in _names("/sys/class/net", f"{PREFIX}{group}v"):
        _ask("ip", "link", "del", name)
    for rule in _rules(group):
        while _ask("iptables", *rule[:1], "-D", *rule[1:]).returncode == 0:
            pass
    _ask("ip", "link", "del", _bridge(group))
    _unmount(folder)
    _remove_groups(group)
    shutil.rmtree(folder, ignore_errors=True)


def _unmount(folder: Path) -> None:
    mounts = Path("/proc/mounts").read_text().splitlines()
    inside = [line.split()[1] for line in mounts if line.split()[1].startswith(f"{folder}/")]
    for place in sorted(inside, reverse=True):
        _ask("umount", "--lazy", place)


def _remove_groups(group: int) -> None:
    """The control groups of the hosts' containers, which are empty now."""
    for pattern in (f"{PREFIX}{group}h*", f"*/{PREFIX}{group}h*"):
        for top in Path("/sys/fs/cgroup").glob(pattern):
            for folder, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()


def _kill(folder: Path) -> None:
    """Everything that an engine of this folder has started, containers included."""
    for _ in range(50):
        found = _processes(folder)
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def _processes(folder: Path) -> list[int]:
    """Engines and shims name their folder; what runs in containers descends from the shims."""
    parents: dict[int, int] = {}
    named = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError, IndexError):
            stat = (entry / "stat").read_text()
            fields = stat.rpartition(")")[2].split()
            if fields[0] == "Z":
                continue
            parents[int(entry.name)] = int(fields[1])
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if any(f"{folder}/" in word for word in words) and int(entry.name) != os.getpid():
                named.add(int(entry.name))
    found = set(named)
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return sorted(found)
        found |= more


def _join(group: int) -> None:
    """The bridge between the hosts, and their way to what this machine reaches."""
    _run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    _run("ip", "link", "add", _bridge(group), "type", "bridge")
    _run("ip", "addr", "add", f"10.99.{group}.1/24", "dev", _bridge(group))
    _run("ip", "link", "set", _bridge(group), "up")
    for rule in _rules(group):
        _run("iptables", *rule[:1], "-I", *rule[1:])


def _rules(group: int) -> list[tuple[str, ...]]:
    """Each with its table first, then chain and rule."""
    bridge, network = _bridge(group), f"10.99.{group}.0/24"
    return [
        ("--table=filter", "FORWARD", "-i", bridge, "-j", "ACCEPT"),
        ("--table=filter", "FORWARD", "-o", bridge, "-j", "ACCEPT"),
        *[("--table=nat", "POSTROUTING", "-s", network, "!", "-o", bridge, "-j", "MASQUERADE")],
    ]


def _bridge(group: int) -> str:
    return f"{PREFIX}{group}"


def _free_group() -> int:
    taken = _names("/sys/class/net", PREFIX)
    return next(number for number in range(1, 250) if _bridge(number) not in taken)


def _names(folder: str, prefix: str) -> list[str]:
    path = Path(folder)
    return (
        [each.name for each in path.iterdir() if each.name.startswith(prefix)]
        if path.is_dir()
        else []
    )


def _began(pid: int) -> str:
    """When a process started, in the kernel's ticks; empty if it has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _ask(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def _run(*command: str) -> str:
    answer = _ask(*command)
    assert answer.returncode == 0, f"{command}:\n{answer.stdout}{answer.stderr}"
    return answer.stdout
