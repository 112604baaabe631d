from pathlib import Path

import pytest

from deploy.deployment import Deployment
from deploy.errors import SettingsError
from deploy.settings import environment_variables, load_deployment


def load(folder: Path, toml: str = "", environ: dict[str, str] | None = None, **overrides: object):
    (folder / "twofold.toml").write_text(toml)
    return load_deployment(folder, overrides, environ=environ or {})


def test_defaults_need_only_an_app(tmp_path: Path) -> None:
    found = load(tmp_path, app="shop.web:make(1)")
    assert (found.name, found.nodes, found.workers) == ("shop", 2, 2)
    assert found.profile.name == "threads"
    assert found.balancer.bind == "127.0.0.1:8000"
    assert found.redis_url is None


def test_a_project_without_a_file_is_fine(tmp_path: Path) -> None:
    assert load_deployment(tmp_path, {"app": "a:b"}, environ={}).directory == tmp_path


def test_every_key_of_the_file_arrives(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """
        app = "shop:app"
        name = "store"
        nodes = 3
        workers = 4
        profile = "greenlets"
        threads = 8
        greenlets = 50
        fast_workers = false
        readiness_path = "/ready"
        redis_url = "redis://h/1"
        [balancer]
        bind = "[::1]:9000"
        queue_timeout = 2
        request_timeout = 7.5
        [env]
        KEY = "value"
        [loadtests]
        suite = "journey"
        anything = [1]
        """,
    )
    assert (found.name, found.nodes, found.workers) == ("store", 3, 4)
    assert (found.profile.worker_class, found.profile.concurrency) == ("gevent", 50)
    assert (found.readiness_path, found.redis_url) == ("/ready", "redis://h/1")
    assert found.balancer.address == ("::1", 9000)
    assert (found.balancer.queue_timeout, found.balancer.request_timeout) == (2.0, 7.5)
    assert found.env == {"KEY": "value"}
    assert found.loadtests == {"suite": "journey", "anything": [1]}


def test_nodes_have_a_cpu_budget_only_if_asked(tmp_path: Path) -> None:
    assert load(tmp_path, 'app = "a:b"').cpus is None
    assert load(tmp_path, 'app = "a:b"\ncpus = 2').cpus == 2.0
    assert load(tmp_path, 'app = "a:b"\ncpus = 2', cpus=0.5).cpus == 0.5


def test_command_line_before_environment_before_file(tmp_path: Path) -> None:
    toml = 'app = "a:b"\nworkers = 1\nredis_url = "redis://file"'
    environ = {"WEB_CONCURRENCY": "2", "REDIS_URL": "redis://environment"}
    assert load(tmp_path, toml).workers == 1
    assert load(tmp_path, toml, environ).workers == 2
    assert load(tmp_path, toml, environ, workers=3).workers == 3
    assert load(tmp_path, toml, environ, workers=None).workers == 2
    assert load(tmp_path, toml, environ).redis_url == "redis://environment"


def test_the_command_line_adds_to_the_table_env(tmp_path: Path) -> None:
    toml = 'app = "a:b"\n[env]\nA = "1"\nB = "2"'
    assert load(tmp_path, toml, env={"B": "3"}).env == {"A": "1", "B": "3"}


def test_the_environment_comes_before_the_table_env(tmp_path: Path) -> None:
    toml = 'app = "a:b"\n[env]\nA = "1"\nB = "2"'
    assert load(tmp_path, toml, {"A": "from outside"}).env == {"B": "2"}
    assert load(tmp_path, toml, {"A_FILE": "/run/secrets/a"}).env == {"B": "2"}
    assert load(tmp_path, toml, {"A": "from outside"}, env={"A": "3"}).env == {"A": "3", "B": "2"}


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("nodes = 0", ["twofold.toml", "nodes = 0", "at least 1"]),
        ("workers = -1", ["workers = -1", "at least 1"]),
        ("workers = true", ["workers", "whole number"]),
        ("cpus = 0", ["cpus = 0", "from 0.01 to 1024"]),
        ('cpus = "half"', ["cpus = 'half'", "a number of CPUs, such as 0.5"]),
        ('nodes = "2"', ["nodes = '2'", "whole number"]),
        ("threads = 0", ["threads = 0"]),
        ("node = 2", ["node: unknown key", "did you mean 'nodes'?"]),
        ('bind = "h:1"', ["bind: unknown key", "did you mean 'balancer.bind'?"]),
        ("[balancer]\nbindd = 1", ["balancer.bindd: unknown key", "'balancer.bind'"]),
        ("[balancers]\nbind = 1", ["balancers: unknown key", "'[balancer]'"]),
        ("zzzzzz = 1", ["zzzzzz: unknown key", "known keys are app"]),
        ("balancer = 1", ["balancer: unknown key"]),
        ('[balancer]\nbind = "8000"', ["balancer.bind = '8000'", "HOST:PORT"]),
        ('[balancer]\nbind = "h:70000"', ["HOST:PORT"]),
        ("[balancer]\nbind = 8000", ["HOST:PORT"]),
        ("[balancer]\nqueue_timeout = 0", ["balancer.queue_timeout = 0", "more than 0"]),
        ('[balancer]\nrequest_timeout = "5s"', ["number of seconds"]),
        ('profile = "thread"', ["no such profile", "threads, processes, greenlets"]),
        ('profile = "eventlet"', ["greenlets"]),
        ("profile = 3", ["no such profile"]),
        ('name = "../x"', ["name = '../x'", "letters"]),
        ('readiness_path = "ready"', ["must be a URL path"]),
        ('readiness_path = "/a b"', ["must be a URL path"]),
        ("[env]\nDEBUG = true", ["env", "DEBUG must be text"]),
        ('[env]\n"A=B" = "x"', ["'A=B' cannot be the name"]),
        ("env = 1", ["env", "table"]),
        ("loadtests = 1", ["loadtests = 1", "table"]),
        ("redis_url = 1", ["redis_url", "text"]),
        ("nodes = ", ["twofold.toml cannot be read"]),
    ],
)
def test_a_wrong_file_is_refused_with_path_and_reason(
    tmp_path: Path, toml: str, words: list[str]
) -> None:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, toml, app="shop:app")
    assert [word for word in words if word not in str(refused.value)] == []


def test_a_wrong_value_is_refused_even_if_another_layer_wins(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nodes = 0"):
        load(tmp_path, "nodes = 0", app="a:b", nodes=2)


@pytest.mark.parametrize("text", ["many", "-1", "0"])
def test_a_wrong_variable_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="environment variable WEB_CONCURRENCY: workers"):
        load(tmp_path, "", {"WEB_CONCURRENCY": text}, app="a:b")


@pytest.mark.parametrize("text", ["many", "-1", "0"])
def test_a_wrong_number_of_workers_in_the_table_env_is_refused(tmp_path: Path, text: str) -> None:
    toml = f'app = "a:b"\n[env]\nWEB_CONCURRENCY = "{text}"'
    problem = f"env: WEB_CONCURRENCY = '{text}': must be"
    with pytest.raises(SettingsError, match=f"twofold.toml: {problem}"):
        load(tmp_path, toml)
    with pytest.raises(SettingsError, match=f"command line: {problem}"):
        load(tmp_path, 'app = "a:b"', env={"WEB_CONCURRENCY": text})


def test_the_table_env_counts_for_the_workers_as_the_environment_does(tmp_path: Path) -> None:
    toml = 'app = "a:b"\nworkers = 1\n[env]\nWEB_CONCURRENCY = "2"'
    found = load(tmp_path, toml)
    assert (found.workers, found.origins["workers"]) == (2, "[env] WEB_CONCURRENCY")
    assert load(tmp_path, toml, {"WEB_CONCURRENCY": "3"}).workers == 3
    assert load(tmp_path, toml, {"WEB_CONCURRENCY": "3"}, env={"WEB_CONCURRENCY": "4"}).workers == 4
    assert load(tmp_path, toml, workers=5).workers == 5


def test_an_empty_number_of_workers_in_the_table_env_is_none(tmp_path: Path) -> None:
    toml = 'app = "a:b"\nworkers = 1\n[env]\nWEB_CONCURRENCY = ""'
    for found in (load(tmp_path, toml), load(tmp_path, toml, workers=1)):
        assert (found.workers, found.env) == (1, {})


def test_the_table_env_names_the_store_as_the_environment_does(tmp_path: Path) -> None:
    toml = 'app = "a:b"\nredis_url = "redis://file"\n[env]\nREDIS_URL = "redis://table"\nA = "1"'
    found = load(tmp_path, toml)
    assert (found.redis_url, found.origins["redis_url"]) == ("redis://table", "[env] REDIS_URL")
    # A secret that has its own place in each target is not among the open variables.
    assert found.env == {"A": "1"}
    outside = {"REDIS_URL": "redis://outside"}
    assert load(tmp_path, toml, outside).redis_url == "redis://outside"
    said = {"REDIS_URL": "redis://said"}
    assert load(tmp_path, toml, outside, env=said).redis_url == "redis://said"
    assert load(tmp_path, toml, outside, env=said, redis_url="redis://given").redis_url == (
        "redis://given"
    )


@pytest.mark.parametrize("environ", [{}, {"REDIS_URL": ""}])
def test_an_empty_store_is_none(tmp_path: Path, environ: dict[str, str]) -> None:
    toml = 'app = "a:b"\n[env]\nREDIS_URL = "redis://table"'
    assert load(tmp_path, toml, environ).redis_url == "redis://table"
    assert load(tmp_path, 'app = "a:b"\n[env]\nREDIS_URL = ""', environ).redis_url is None
    found = load(tmp_path, toml, environ, env={"REDIS_URL": ""})
    assert (found.redis_url, found.env) == (None, {})


def test_a_number_as_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\[env\] REDIS_URL: redis_url: must be text"):
        load(tmp_path, 'app = "a:b"\n[env]\nREDIS_URL = "6379"')


@pytest.mark.parametrize(
    ("app", "hint"),
    [
        ("shop", "'shop:app'"),
        ("shop.py", "'shop:app'"),
        ("shop:", "import string"),
        (":app", "import string"),
        ("shop app:x", "import string"),
        ("-shop:app", "import string"),
        (3, "import string"),
    ],
)
def test_a_malformed_app_is_refused(tmp_path: Path, app: object, hint: str) -> None:
    with pytest.raises(SettingsError, match=hint):
        load(tmp_path, app=app)


def test_a_missing_app_says_where_to_name_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no app.*twofold\.toml"):
        load(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nowhere is not a folder"):
        load_deployment(tmp_path / "nowhere", {}, environ={})


def test_an_option_that_does_nothing_is_refused_and_the_same_key_in_a_file_is_not(
    tmp_path: Path,
) -> None:
    assert load(tmp_path, "greenlets = 5", app="a:b").profile.concurrency == 4
    with pytest.raises(SettingsError, match="greenlets = 5 is a number of the profile 'greenlets'"):
        load(tmp_path, app="a:b", greenlets=5)


def test_a_secret_is_not_shown_in_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, 'app = "a:b"\n[env]\nSECRET_KEY = "hush"\nA = 1')
    assert "hush" not in str(refused.value)


def test_a_request_may_wait_for_half_of_what_was_promised(tmp_path: Path) -> None:
    (tmp_path / "twofold.toml").write_text("app = 'shop:app'\n[slo]\nresponse_time = 1\n")
    found = load_deployment(tmp_path, {}, environ={})
    assert (found.slo.response_time, found.balancer.queue_timeout) == (1.0, 0.5)
    told = load_deployment(tmp_path, {"balancer.queue_timeout": 0.8}, environ={})
    assert told.balancer.queue_timeout == 0.8
    assert Deployment.from_json(told.to_json()) == told


def test_a_warm_up_is_described_in_a_table_of_its_own(tmp_path: Path) -> None:
    found = load(tmp_path, 'app = "a:b"\nboot_timeout = 5\n[warm_up]\npaths = ["/x"]\nrequests = 2')
    assert found.boot_timeout == 5.0
    assert (found.warm_up.paths, found.warm_up.requests) == (("/x",), 2)
    assert Deployment.from_json(found.to_json()) == found


@pytest.mark.parametrize("paths", ["'/'", "[]", "['x']", "[1]"])
def test_warm_up_paths_are_a_list_of_paths(tmp_path: Path, paths: str) -> None:
    with pytest.raises(SettingsError, match=r"warm_up\.paths = .*must be a list of URL paths"):
        load(tmp_path, f'app = "a:b"\n[warm_up]\npaths = {paths}')


def test_variables_of_the_command_line_may_have_any_value() -> None:
    assert environment_variables(["A=", "B=x=y"]) == {"A": "", "B": "x=y"}
    with pytest.raises(SettingsError, match="--env 'LONELY': must be KEY=VALUE"):
        environment_variables(["LONELY"])


def test_the_folder_as_it_was_named_and_the_command_line_are_kept(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "link").symlink_to("one")
    given = {"app": "a:b", "workers": None, "env": {"A": "1"}}
    found = load_deployment(tmp_path / "link", given, environ={})
    assert (found.place, found.directory) == (tmp_path / "link", tmp_path / "one")
    assert found.given == {"app": "a:b", "env": {"A": "1"}}
