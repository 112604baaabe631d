import socket
from pathlib import Path

import pytest

from deploy import addresses
from deploy.deployment import Balancer, Deployment
from deploy.errors import StartError
from deploy.profiles import profile

DEPLOYMENT = Deployment("a", "a:app", Path("/"), nodes=1, workers=1, profile=profile("threads"))


def test_a_block_gives_nodes_balancer_and_store_addresses_of_their_own() -> None:
    block = addresses.Block("127.99.9")
    hosts = {block.node(number, DEPLOYMENT).host for number in range(1, addresses.MAX_NODES + 1)}
    assert len(hosts | {block.balancer, block.store}) == addresses.MAX_NODES + 2


def test_the_lowest_free_number_is_next() -> None:
    assert addresses.free_number([]) == 1
    assert addresses.free_number([2, 3]) == 1
    assert addresses.free_number([3, 1]) == 2


def test_a_roll_of_a_full_machine_is_refused() -> None:
    with pytest.raises(StartError, match=f"there are {addresses.MAX_NODES} nodes.*a roll needs"):
        addresses.free_number(range(1, addresses.MAX_NODES + 1))


def test_a_block_in_use_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    choices = iter([10, 10, 10, 11])
    monkeypatch.setattr("secrets.randbelow", lambda _: next(choices))
    with socket.socket() as taken:
        taken.bind(("127.74.11.254", addresses.STORE_PORT))
        taken.listen()
        assert addresses.free_block().prefix == "127.74.12"


def test_without_a_free_block_the_error_says_what_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(addresses, "_bind_error", lambda host, port: OSError("no"))
    with pytest.raises(StartError, match=r"127\.0\.0\.0/8"):
        addresses.free_block()


def test_for_port_zero_a_free_one_is_reserved() -> None:
    with addresses.reserve(Balancer("127.0.0.1:0")) as reserved:
        port = reserved.getsockname()[1]
        assert port > 0
        assert addresses.claim(Balancer(f"127.0.0.1:{port}")) == f"127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("bind", "words"),
    [
        ("192.0.2.1:8000", "choose an address of this machine"),
        ("no-such-host.invalid:8000", "choose an address of this machine"),
    ],
)
def test_an_address_of_another_machine_is_refused(bind: str, words: str) -> None:
    with pytest.raises(StartError, match=words):
        addresses.claim(Balancer(bind))


def test_a_port_in_use_is_refused_with_the_setting_that_names_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(StartError, match=f"balancer.bind {bind}: another process"):
            addresses.claim(Balancer(bind))


def test_a_listening_socket_accepts_or_says_why_it_cannot() -> None:
    with addresses.reserve(Balancer("127.0.0.1:0")) as visitors:
        port = visitors.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(visitors.getsockname())
        bind = f"127.0.0.1:{port}"
        with addresses.reserve(Balancer(bind)) as second:
            addresses.listen(visitors)
            with socket.create_connection(visitors.getsockname()):
                visitors.accept()[0].close()
            with pytest.raises(StartError, match=f"balancer.bind {bind}: another process"):
                addresses.listen(second)
        with pytest.raises(StartError, match=f"balancer.bind {bind}: another process"):
            addresses.reserve(Balancer(bind))


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_not_reserved(host: str) -> None:
    with pytest.raises(StartError, match="choose an address of this machine"):
        addresses.reserve(Balancer(f"{host}:8000"))


def test_a_privileged_port_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(host: str) -> socket.socket:
        raise PermissionError(13, "denied")

    monkeypatch.setattr(addresses, "_socket", denied)
    with pytest.raises(StartError, match="needs root"):
        addresses.claim(Balancer("127.0.0.1:80"))
