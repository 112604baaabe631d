import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy import binaries
from deploy.cli import main
from deploy.container_settings import Containers
from deploy.deployment import TLS, Balancer, Deployment
from deploy.errors import SettingsError
from deploy.profiles import PROFILES, profile
from deploy.render.compose import render_compose, render_compose_files
from deploy.render.containers import grace_period, image_name
from deploy.render.haproxy_dns import render_haproxy_dns
from deploy.render.secrets import new_secrets, render_secrets, secret_names
from deploy.render.yaml_text import flow, word
from deploy.settings import load_deployment
from deploy.targets.compose.files import ProjectFiles
from framework.commands.new import write_project

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden"

# As unlike the example as it can be: docker-compose.yml at the root is the other golden copy.
DEPLOYMENT = Deployment(
    name="Api_v2",
    app="api:app",
    directory=Path("/srv/api"),
    nodes=3,
    workers=3,
    profile=profile("greenlets", greenlets=50),
    balancer=Balancer(
        bind="0.0.0.0:443",
        redirect_bind="0.0.0.0:80",
        request_timeout=60,
        tls=TLS("/srv/api/tls/chain.pem", key="/srv/api/tls/key.pem"),
    ),
    cpus=0.5,
    containers=Containers(
        image="registry.example.com:5000/team/api",
        dockerfile="docker/api.Dockerfile",
        memory=512 * 1024 * 1024,
        redis=False,
        postgres=False,
    ),
    migrate="api-admin migrate --to 'the head'",
    env={"PRICE": "5 $ and {more}", "GREETING": "good day"},
)


def files(deployment: Deployment) -> dict[str, str]:
    rendered = render_compose_files(deployment)
    return {
        "compose.yml": rendered["docker-compose.yml"],
        "compose-haproxy.cfg": rendered["docker/haproxy.cfg"],
        "compose-make-secrets": rendered["docker/make-secrets"],
    }


@pytest.mark.parametrize("name", files(DEPLOYMENT))
def test_the_file_is_the_one_that_was_reviewed(name: str) -> None:
    """After a change on purpose: write what `files()` returns to the golden file, and read it."""
    assert files(DEPLOYMENT)[name] == (GOLDEN / name).read_text()


@pytest.mark.parametrize("name", ["docker-compose.yml", *render_compose_files(DEPLOYMENT)])
def test_the_projects_own_files_are_those_of_the_example(name: str) -> None:
    """`twofold render compose --directory examples/shop --write` writes them."""
    rendered = render_compose_files(load_deployment(ROOT / "examples/shop", {}, environ={}))
    assert rendered[name] == (ROOT / name).read_text()


def test_the_command_prints_what_stands_in_the_checkout() -> None:
    environment = {"REDIS_URL": "redis://elsewhere", "WEB_CONCURRENCY": "7"}
    command = ["render", "compose", "--directory", str(ROOT / "examples/shop")]
    printed = CliRunner().invoke(main, command, env=environment)
    assert printed.output == (ROOT / "docker-compose.yml").read_text()


def test_the_command_writes_all_files_into_the_build_context(tmp_path: Path) -> None:
    project = tmp_path / "site"
    project.mkdir()
    (project / "twofold.toml").write_text('app = "site:app"\n[containers]\nbuild = ".."\n')
    command = ["render", "compose", "--directory", str(project), "--write"]
    assert CliRunner().invoke(main, command).exit_code == 0
    written = {
        str(path.relative_to(tmp_path)): path.read_text()
        for path in tmp_path.rglob("*")
        if path.is_file() and project not in path.parents
    }
    assert written == render_compose_files(load_deployment(project, {}, environ={}))


def test_a_new_project_has_the_files_that_are_rendered_for_it(tmp_path: Path) -> None:
    """The framework, which knows nothing of rendering, has them as templates."""
    write_project(tmp_path / "my_site", command="twofold")
    rendered = render_compose_files(load_deployment(tmp_path / "my_site", {}, environ={}))
    written = {name: (tmp_path / "my_site" / name).read_text() for name in rendered}
    assert written == rendered


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["compos"], "'compos' is not one of"),
        (["haproxy", "--image", "shop:2"], "--image says nothing about haproxy"),
        (["kubernetes", "--write"], "--write is for `render compose`"),
        (["compose", "--write", "--image", "shop:2"], "--write is for `render compose`"),
    ],
)
def test_wrong_usage_of_the_command_is_told(arguments: list[str], complaint: str) -> None:
    command = ["render", *arguments, "--directory", str(ROOT / "examples/shop")]
    answer = CliRunner().invoke(main, command)
    assert answer.exit_code == 2
    assert complaint in answer.output


@pytest.mark.parametrize("name", PROFILES)
def test_haproxy_accepts_the_file_for_containers(tmp_path: Path, name: str) -> None:
    file = tmp_path / "haproxy.cfg"
    deployment = replace(DEPLOYMENT, profile=profile(name), balancer=Balancer(bind="0.0.0.0:80"))
    file.write_text(render_haproxy_dns(deployment))
    checked = subprocess.run(
        [binaries.haproxy(), "-c", "-f", file], capture_output=True, text=True, check=False
    )
    if "prometheus-exporter" in checked.stderr:
        pytest.skip("this HAProxy was built without its Prometheus exporter")
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout


def test_there_is_a_line_of_servers_for_each_worker_of_a_node() -> None:
    lines = [line.split() for line in render_haproxy_dns(DEPLOYMENT).splitlines()]
    templates = [line[1:] for line in lines if line and line[0] == "server-template"]
    assert templates == [
        ["slot1-", "1-32", "slot1:8001"],
        ["slot2-", "1-32", "slot2:8002"],
        ["slot3-", "1-32", "slot3:8003"],
    ]
    assert "front: { aliases: [slot1, slot2, slot3] }" in render_compose(DEPLOYMENT)


def test_two_balancers_share_what_a_worker_serves_at_once() -> None:
    assert " maxconn 25 " in render_haproxy_dns(DEPLOYMENT, balancers=2)


def test_a_stop_may_take_longer_than_the_drain_and_the_longest_request() -> None:
    assert grace_period(DEPLOYMENT) > 3 + DEPLOYMENT.balancer.request_timeout
    assert f"stop_grace_period: {grace_period(DEPLOYMENT)}s" in render_compose(DEPLOYMENT)


def test_an_image_has_the_deployments_name_unless_it_has_its_own() -> None:
    assert image_name(DEPLOYMENT) == "registry.example.com:5000/team/api"
    assert image_name(replace(DEPLOYMENT, containers=Containers())) == "api-v2"
    assert "image: ${WEB_IMAGE:-shop@sha256:1}" in render_compose(DEPLOYMENT, image="shop@sha256:1")


def test_a_deployment_without_migrations_has_no_database() -> None:
    plain = render_compose(replace(DEPLOYMENT, migrate=None, containers=Containers()))
    assert "postgres" not in plain
    assert "migrate" not in plain
    assert "DATABASE_URL_FILE" not in plain


@pytest.mark.parametrize("bind", ["unix:/run/shop.sock", "shop.example.com:80"])
def test_what_an_engine_cannot_publish_is_refused(bind: str) -> None:
    with pytest.raises(SettingsError, match=r"balancer\.bind"):
        render_compose(replace(DEPLOYMENT, balancer=Balancer(bind=bind)))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('image = "Shop:1"', "without a tag"),
        ('dockerfile = "../Dockerfile"', "inside the build context"),
        ('build = "/srv"', "relative to the project's folder"),
        ('memory = "1 MiB"', "at least 32 MiB"),
        ("replicas = 0", "at least 1"),
        ('locust = "x.py"', "did you mean 'containers.locustfile'"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, line: str, complaint: str) -> None:
    (tmp_path / "twofold.toml").write_text(f'app = "site:app"\n[containers]\n{line}\n')
    with pytest.raises(SettingsError, match=complaint):
        load_deployment(tmp_path, {}, environ={})


def test_a_node_of_more_workers_may_take_more_memory(tmp_path: Path) -> None:
    (tmp_path / "twofold.toml").write_text('app = "site:app"\nworkers = 4\n')
    assert load_deployment(tmp_path, {}, environ={}).containers.memory == 512 * 1024**2


def test_secrets_are_made_once_and_fit_together() -> None:
    deployment = replace(DEPLOYMENT, containers=Containers())
    one, other = new_secrets(deployment), new_secrets(deployment)
    assert tuple(one) == secret_names(deployment)
    assert all(one[name] != other[name] for name in one)
    assert one["redis_password"] in one["redis_url"]
    assert one["postgres_password"] in one["database_url"]
    assert len(one["secret_key"]) == 64


def test_the_script_makes_the_same_secrets_and_keeps_them(tmp_path: Path) -> None:
    deployment = replace(DEPLOYMENT, containers=Containers())
    made = run_script(tmp_path, deployment)
    assert set(made) == set(secret_names(deployment))
    assert made["database_url"] == f"postgresql://app:{made['postgres_password']}@postgres:5432/app"
    assert made["redis_url"] == f"redis://:{made['redis_password']}@redis:6379/0"
    assert (tmp_path / ".env").read_text() == "SECRETS=./secrets\n"
    assert run_script(tmp_path, deployment) == made
    assert (tmp_path / ".env").read_text() == "SECRETS=./secrets\n"
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_the_script_leaves_other_settings_alone(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=8080")
    run_script(tmp_path, replace(DEPLOYMENT, containers=Containers()))
    assert (tmp_path / ".env").read_text() == "PORT=8080\nSECRETS=./secrets\n"


def test_the_script_asks_for_the_address_of_a_store_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        run_script(tmp_path, DEPLOYMENT)
    assert "write your own into secrets/redis_url" in refused.value.stderr


def test_what_a_secret_holds_is_not_written_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = """
        app = "site:app"
        migrate = "true"
        [containers]
        redis = false
        postgres = false
        [env]
        SECRET_KEY = "hidden key"
        REDIS_URL = "redis://:hidden@cache/0"
        DATABASE_URL = "postgresql://site:hidden@db/site"
        COLOUR = "blue"
    """
    (tmp_path / "twofold.toml").write_text(toml)
    deployment = load_deployment(tmp_path, {}, environ={})
    text = render_compose_files(deployment)["docker-compose.yml"]
    assert "hidden" not in text
    assert "COLOUR: " in text
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    files_of_project = ProjectFiles("site")
    files_of_project.write(deployment)
    written = {file.name: file.read_text() for file in files_of_project.secrets.iterdir()}
    assert written == {
        "secret_key": "hidden key",
        "redis_url": "redis://:hidden@cache/0",
        "database_url": "postgresql://site:hidden@db/site",
    }


def test_a_store_beside_the_nodes_is_the_one_they_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "twofold.toml").write_text(
        'app = "site:app"\n[env]\nREDIS_URL = "redis://cache/0"\n'
    )
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    files_of_project = ProjectFiles("site")
    files_of_project.write(load_deployment(tmp_path, {}, environ={}))
    assert "redis://cache" not in files_of_project.compose.read_text()
    assert (files_of_project.secrets / "redis_url").read_text().endswith("@redis:6379/0")


def run_script(folder: Path, deployment: Deployment) -> dict[str, str]:
    script = folder / "docker" / "make-secrets"
    script.parent.mkdir(exist_ok=True)
    script.write_text(render_secrets(deployment))
    subprocess.run(["sh", script], check=True, capture_output=True, text=True)
    return {file.name: file.read_text() for file in (folder / "secrets").iterdir()}


@pytest.mark.parametrize("text", ["yes", "No", "8001", "1.0", "a: b", "", "#x", "a # b", "-", "*a"])
def test_what_yaml_would_misread_is_quoted(text: str) -> None:
    assert word(text) == json.dumps(text)


def test_plain_words_stay_plain() -> None:
    assert flow(("twofold", "serve", "shop:app", "--workers")) == (
        "[twofold, serve, shop:app, --workers]"
    )
