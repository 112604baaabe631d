import pytest

from deploy.errors import SettingsError
from deploy.explain import explain, table
from deploy.profiles import Setting

SETTINGS = [Setting("timeout", 40, "a heartbeat"), Setting("bind", ["a:1", "a:2"], "slots")]


def test_every_setting_has_its_reason() -> None:
    assert explain(SETTINGS, {}) == [
        Setting("timeout", 40, "a heartbeat"),
        Setting("bind", ["a:1", "a:2"], "slots"),
    ]


def test_what_gunicorn_takes_from_the_environment_is_shown_as_such() -> None:
    found = explain(SETTINGS, {"GUNICORN_CMD_ARGS": "--timeout 9 --max-requests=1000"})
    assert found[0] == Setting("timeout", 9, "GUNICORN_CMD_ARGS, in place of 40: a heartbeat")
    assert found[2:] == [Setting("max_requests", 1000, "GUNICORN_CMD_ARGS")]


@pytest.mark.parametrize("text", ["--timeout soon", "--no-such-thing", "'open"])
def test_arguments_that_gunicorn_refuses_are_an_error(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingsError, match="GUNICORN_CMD_ARGS"):
        explain(SETTINGS, {"GUNICORN_CMD_ARGS": text})
    assert capsys.readouterr().err == ""


def test_the_argument_that_gunicorn_refuses_is_named() -> None:
    with pytest.raises(SettingsError, match=r"--timeout: invalid .* value: 'soon'"):
        explain(SETTINGS, {"GUNICORN_CMD_ARGS": "--timeout soon"})


def test_a_long_value_and_a_long_reason_do_not_break_the_columns() -> None:
    lines = table(
        [
            Setting("bind", [f"127.0.0.1:{8000 + port}" for port in range(4)], "slots"),
            Setting("timeout", 40, "because " * 20),
            Setting("empty", "", "nothing"),
        ]
    ).splitlines()
    assert lines[0].startswith("bind     127.0.0.1:8000, 127.0.0.1:8001")
    assert lines[1].split() == ["slots"]
    assert lines[1].index("slots") == lines[2].index("because")
    assert all(len(line) <= 96 for line in lines[1:])
    assert lines[-1].split() == ["empty", "''", "nothing"]
