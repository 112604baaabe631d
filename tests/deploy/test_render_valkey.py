from pathlib import Path

from deploy.render.valkey import render_valkey


def test_the_store_listens_on_its_address_and_wants_the_password() -> None:
    text = render_valkey(host="127.9.9.254", port=6379, password="hush", directory=Path("/run/x"))
    lines = text.splitlines()
    for line in ("bind 127.9.9.254", "port 6379", "requirepass hush", 'dir "/run/x"'):
        assert line in lines
    assert "maxmemory-policy noeviction" in lines
