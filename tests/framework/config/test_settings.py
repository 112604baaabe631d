from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import pytest

from framework import App, Config, setting
from framework.exceptions import ConfigError, SetupError
from framework.testing import make_request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class ShopConfig(Config):
    delay: float = setting(0.05, "Seconds a look-up takes.")
    title: str = setting("Shop", "Shown on every page.")
    currency: Optional[str] = setting(None, "Three letters.")  # noqa: UP045 - users write this too


def test_every_setting_has_a_help_text() -> None:
    assert [name for name, setting in Config.declared().items() if not setting.help] == []


def test_defaults_are_safe_for_production() -> None:
    config = Config.load({})
    assert (config.debug, config.session_cookie_secure, config.secret_key) == (False, True, None)
    assert (config.session_idle_timeout, config.session_absolute_timeout) == (1_209_600, 2_592_000)
    assert (config.max_content_length, config.max_form_memory_size) == (16_777_216, 500_000)
    assert (config.max_form_parts, config.session_redis_timeout) == (1000, 0.25)


def test_settings_cannot_be_changed_afterwards() -> None:
    config = Config()
    with pytest.raises(AttributeError, match=r"Config\.debug cannot be changed"):
        config.debug = True
    assert not config.debug


def test_settings_come_from_code_then_the_environment_then_the_default() -> None:
    environ = {"DEBUG": "yes", "DELAY": "2", "TITLE": "Env"}
    config = ShopConfig.load(environ, {"title": "Code"})
    assert (config.debug, config.delay, config.title, config.currency) == (True, 2.0, "Code", None)


def test_settings_come_from_a_file_after_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        'title = "File"\ncurrency = "EUR"\ndelay = 3\ntrusted_hosts = ["a.org"]\ndebug = true\n'
    )
    config = ShopConfig.load({"TITLE": "Env"}, {"debug": False}, file)
    assert (config.title, config.currency, config.debug) == ("Env", "EUR", False)
    assert (repr(config.delay), config.trusted_hosts) == ("3.0", ("a.org",))
    other = tmp_path / "other.toml"
    other.write_text('currency = "CHF"\n')
    assert ShopConfig.load({"CONFIG_FILE": str(other)}, {}, file).currency == "CHF"
    assert ShopConfig.load({"CONFIG_FILE": ""}, {}, file).currency == "EUR"


def test_problems_in_a_file_name_the_file_and_the_key(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('delay = "0.1"\nttile = "x"\n[session]\ncookie_name = "a"\n')
    with pytest.raises(ConfigError) as caught:
        ShopConfig.load({}, {}, file)
    assert set(str(caught.value).splitlines()[1:]) == {
        f"  {file}: ttile: there is no such setting. Did you mean 'title'?",
        f"  {file}: session: there is no such setting.",
        f"  {file}: delay: '0.1' is not a number.",
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"\xff", "can't decode"), (b"a = ", r"Invalid value \(at end")],
)
def test_file_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "settings.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"the configuration file '{file}' cannot be .*{reason}"):
        ShopConfig.load({"CONFIG_FILE": str(file)})


def test_app_reads_the_file_beside_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TITLE", raising=False)
    (tmp_path / "settings.toml").write_text('title = "File"\n')

    class Shop(App):
        config_class = ShopConfig

    app = Shop("no_such_package", urls=[], config_file="settings.toml")
    app.folder = tmp_path
    assert app.config.describe()[-2] == ("title", "'File'", str(tmp_path / "settings.toml"))


def test_view_gets_the_settings_of_its_app_typed() -> None:
    class Shop(App):
        config_class = ShopConfig

    request = make_request(Shop("no_such_package", urls=[], config={"delay": 2}))
    assert ShopConfig.of(request).delay == 2.0
    plain = make_request(App("no_such_package", urls=[], config={}))
    assert Config.of(plain) is plain.app.config
    with pytest.raises(
        SetupError, match=r"are a Config, not a ShopConfig. Set config_class = Shop"
    ):
        ShopConfig.of(plain)


def test_description_tells_where_each_setting_comes_from(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hush, hush, hush")
    (tmp_path / "settings.toml").write_text("delay = 1\n")
    config = ShopConfig.load(
        {"SECRET_KEY_FILE": str(tmp_path / "key"), "MAX_FORM_PARTS": "1000"},
        {"title": "Code"},
        tmp_path / "settings.toml",
    )
    described = {value.name: tuple(value[1:]) for value in config.describe()}
    assert described["secret_key"] == ("(a secret)", "SECRET_KEY_FILE")
    assert described["redis_url"] == ("None", "default")
    assert described["max_form_parts"] == ("1000", "MAX_FORM_PARTS")
    assert described["title"] == ("'Code'", "code")
    assert described["delay"] == ("1.0", str(tmp_path / "settings.toml"))
    by_hand = {value.name: value.origin for value in ShopConfig(title="x").describe()}
    assert (by_hand["title"], by_hand["delay"]) == ("code", "default")


def test_all_values_out_of_range_are_in_one_message() -> None:
    environ = {"SESSION_IDLE_TIMEOUT": "-1", "PUBLIC_URL": "example.org"}
    overrides = {"trusted_hosts": ["https://a.org"], "session_cookie_name": "a b"}
    with pytest.raises(ConfigError) as caught:
        Config.load(environ, overrides)
    assert set(str(caught.value).splitlines()[1:]) == {
        "  SESSION_IDLE_TIMEOUT: '-1': must be more than 0.",
        "  PUBLIC_URL: 'example.org': must be a URL like https://example.org.",
        "  trusted_hosts: ['https://a.org']: 'https://a.org' is not a host name. Write"
        " 'example.org', or '.example.org' for its subdomains too.",
        "  session_cookie_name: 'a b': must be letters, digits, '-' and '_' without spaces.",
    }


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"session_absolute_timeout: 10\.0 is less than .* 20\.0"):
        Config.load({"SESSION_ABSOLUTE_TIMEOUT": "10", "SESSION_IDLE_TIMEOUT": "20"})
    config = Config.load({"SESSION_ABSOLUTE_TIMEOUT": "20", "SESSION_IDLE_TIMEOUT": "20"})
    assert config.session_idle_timeout == 20.0


def test_app_checks_its_own_settings() -> None:
    class Checked(Config):
        low: int | None = setting(
            1, "Lowest.", check=lambda value: "too low" if value < 1 else None
        )
        high: int = setting(2, "Highest.")

        def problems(self) -> Iterator[str]:
            yield from super().problems()
            if self.low is not None and self.low > self.high:
                yield "low: more than high."

    with pytest.raises(ConfigError, match="LOW: '0': too low"):
        Checked.load({"LOW": "0"})
    with pytest.raises(ConfigError, match="low: more than high"):
        Checked.load({"LOW": "3"})
    assert Checked.load({"LOW": ""}).low is None


def test_variable_that_is_nearly_a_setting_is_warned_about_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ShopConfig.load({"SESION_COOKIE_SECURE": "no", "TITEL": "x", "SECRET_KEYFILE": "y", "PATH": ""})
    assert [record.getMessage() for record in caplog.records] == [
        "In the environment, but no settings: SECRET_KEYFILE (did you mean SECRET_KEY_FILE?),"
        " SESION_COOKIE_SECURE (did you mean SESSION_COOKIE_SECURE?), TITEL (did you mean TITLE?)"
    ]


def test_environment_of_the_process_is_read_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_COOKIE_NAME", "visitor")
    assert Config.load().session_cookie_name == "visitor"


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("debug", "TRUE", True),
        ("debug", "off", False),
        ("trusted_hosts", " a.org, .b.org ,", ("a.org", ".b.org")),
        ("trusted_hosts", "", ()),
        ("max_content_length", "10", 10),
        ("max_content_length", "", None),
        ("session_idle_timeout", "1.5", 1.5),
        ("redis_url", "", None),
        ("currency", "EUR", "EUR"),
    ],
)
def test_text_from_the_environment_becomes_the_declared_type(
    variable: str, text: str, value: object
) -> None:
    assert getattr(ShopConfig.load({variable.upper(): text}), variable) == value


def test_lists_from_code_become_tuples() -> None:
    assert Config.load({}, {"trusted_hosts": ["a.org"]}).trusted_hosts == ("a.org",)


def test_all_problems_are_in_one_message() -> None:
    environ = {"DEBUG": "perhaps", "SESSION_IDLE_TIMEOUT": "inf", "MAX_FORM_PARTS": "many"}
    overrides = {"trusted_host": [], "session_redis_timeout": True, "session_cookie_name": None}
    with pytest.raises(ConfigError) as caught:
        Config.load(environ, overrides)
    lines = str(caught.value).splitlines()
    assert lines[0] == "The configuration cannot be used:"
    assert set(lines[1:]) == {
        "  trusted_host: there is no such setting. Did you mean 'trusted_hosts'?",
        "  DEBUG: 'perhaps' is not true or false.",
        "  SESSION_IDLE_TIMEOUT: 'inf' is not a number.",
        "  MAX_FORM_PARTS: 'many' is not a whole number.",
        "  session_redis_timeout: True is not a number.",
        "  session_cookie_name: None is not text.",
    }


@pytest.mark.parametrize("value", [None, "a.org", [1], 5])
def test_list_setting_takes_texts_only(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"trusted_hosts: .* is not a list of texts"):
        Config.load({}, {"trusted_hosts": value})


def test_secret_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from file\n")
    assert Config.load({"SECRET_KEY_FILE": str(tmp_path / "key")}).secret_key == "from file"


def test_file_is_read_for_secrets_only(tmp_path: Path) -> None:
    assert Config.load({"SESSION_COOKIE_NAME_FILE": "/nowhere"}).session_cookie_name == "session"


def test_secret_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY and SECRET_KEY_FILE are both set"):
        Config.load({"SECRET_KEY": "a", "SECRET_KEY_FILE": "b"})


def test_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY_FILE: cannot read '/no/file': No such file"):
        Config.load({"SECRET_KEY_FILE": "/no/file"})
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="it is not text in UTF-8"):
        Config.load({"SECRET_KEY_FILE": str(tmp_path / "key")})


@pytest.mark.parametrize("content", ["", "\n", "  \n"])
def test_secret_file_that_is_empty_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content)
    with pytest.raises(ConfigError, match=rf"SECRET_KEY_FILE: the file '{tmp_path}/key' is empty"):
        Config.load({"SECRET_KEY_FILE": str(tmp_path / "key")})


def test_secrets_are_never_printed() -> None:
    config = Config(
        secret_key="hush", secret_key_fallbacks=("hush2",), redis_url="redis://:hush3@h"
    )
    assert "hush" not in repr(config)
    with pytest.raises(ConfigError) as caught:
        Config.load({}, {"secret_key": 271828})
    assert "271828" not in str(caught.value)
    assert "secret_key: the given value (a secret, not shown) is not text" in str(caught.value)


@pytest.mark.parametrize("secret_key", [None, ""])
def test_production_needs_a_secret_key(secret_key: str | None) -> None:
    with pytest.raises(ConfigError, match=r"SECRET_KEY is not set.*token_urlsafe.*DEBUG=true"):
        Config(secret_key=secret_key).check()
    Config(secret_key=secret_key, debug=True).check()


def test_production_refuses_a_secret_key_that_can_be_guessed() -> None:
    with pytest.raises(ConfigError, match=r"SECRET_KEY has 15 bytes.*at least 16; make one with"):
        Config(secret_key="k" * 15).check()
    Config(secret_key="k" * 15, debug=True).check()
    Config(secret_key="k" * 16).check()
    Config(secret_key="ä" * 8).check()


def test_production_refuses_an_earlier_key_that_can_be_guessed() -> None:
    keys = ("k" * 16, "k" * 15)
    with pytest.raises(ConfigError, match=r"Key 2 of SECRET_KEY_FALLBACKS has 15 bytes.*guessed"):
        Config(secret_key="k" * 16, secret_key_fallbacks=keys).check()
    Config(secret_key="k" * 16, secret_key_fallbacks=keys, debug=True).check()
    Config(secret_key="k" * 16, secret_key_fallbacks=keys[:1]).check()


class BytesConfig(Config):
    raw: bytes = setting(b"", "Not a setting.")


class EitherConfig(Config):
    raw: int | str | None = setting(None, "Not a setting.")


@pytest.mark.parametrize("config_class", [BytesConfig, EitherConfig])
def test_setting_of_another_type_is_refused(config_class: type[Config]) -> None:
    with pytest.raises(SetupError, match=r"Config\.raw has the type .*A setting is bool, int"):
        config_class.load({})


class NoneFirstConfig(Config):
    limit: int | None = setting(3, "A limit.")


def test_order_in_which_none_is_written_does_not_matter() -> None:
    assert NoneFirstConfig.load({"LIMIT": ""}).limit is None
    assert NoneFirstConfig.load({"LIMIT": "4"}).limit == 4


def test_setting_without_a_declaration_is_refused() -> None:
    class Bare(Config):
        size: int = 3

    with pytest.raises(SetupError, match=r"Declare Bare\.size as size: type = setting\("):
        Bare.load({})


def test_setting_without_a_type_is_refused() -> None:
    class Untyped(Config):
        size = setting(3, "Size.")

    with pytest.raises(SetupError, match=r"Declare Untyped\.size as size: type = setting\("):
        Untyped.load({})


def test_subclass_may_declare_a_setting_anew() -> None:
    class Relaxed(ShopConfig):
        session_cookie_secure: bool = setting(False, "Only for this test.")

    assert not Relaxed.load({}).session_cookie_secure
    assert list(Relaxed.declared()) == list(ShopConfig.declared())


def test_settings_made_in_code_are_known_by_name_and_shown_without_secrets() -> None:
    with pytest.raises(TypeError, match=r"titel: there is no such setting. Did you mean 'title'\?"):
        ShopConfig(titel="Socks")
    shown = repr(ShopConfig(title="Socks", secret_key="k" * 16))
    assert shown.startswith("ShopConfig(debug=False, secret_key=(a secret), ")
    assert "title='Socks'" in shown
