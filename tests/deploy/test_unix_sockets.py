import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import addresses
from deploy.deployment import Balancer
from deploy.errors import StartError
from deploy.unix_sockets import PathSocket


@pytest.fixture
def path() -> Iterator[Path]:
    """A path that is short enough."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "s"


def reserve(path: Path) -> socket.socket:
    return addresses.reserve(Balancer(f"unix:{path}", socket_mode=0o640))


def test_the_file_has_its_mode_before_anybody_can_connect_and_goes_with_the_socket(
    path: Path,
) -> None:
    with reserve(path) as door:
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        with socket.socket(socket.AF_UNIX) as visitor, pytest.raises(ConnectionRefusedError):
            visitor.connect(str(path))
        addresses.listen(door)
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.connect(str(path))
    assert not path.exists()


def test_a_stale_socket_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as ended:
        ended.bind(str(path))
        ended.listen()
    assert path.exists()
    with reserve(path) as door:
        addresses.listen(door)


def test_a_socket_in_use_is_refused_and_left_alone(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(StartError, match=f"balancer.bind unix:{path}: another process"):
            reserve(path)
        assert path.exists()


def test_a_file_that_is_no_socket_is_refused_and_left_alone(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(StartError, match="not a socket"):
        reserve(path)
    assert path.read_text() == "precious"


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(StartError, match="no folder /no/such"):
        reserve(Path("/no/such/socket"))


def test_a_path_that_is_too_long_is_refused(path: Path) -> None:
    with pytest.raises(StartError, match="path too long"):
        reserve(path.with_name("x" * 120))


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_writable_is_named(path: Path) -> None:
    path.parent.chmod(0o500)
    with pytest.raises(StartError, match="must be able to write"):
        reserve(path)


def test_who_lost_the_path_to_another_says_so_and_removes_nothing(path: Path) -> None:
    first = reserve(path)
    second = reserve(path)
    assert isinstance(first, PathSocket)
    with pytest.raises(StartError, match="another process took the path"):
        addresses.listen(first)
    first.close()
    addresses.listen(second)
    assert path.exists()
    second.close()
    assert not path.exists()
