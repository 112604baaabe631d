"""The registry of targets, and which one a command works on."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from deploy import targets
from deploy.errors import EngineError, NotRunning, SettingsError
from deploy.settings import load_deployment, named_target
from deploy.targets import TARGETS, find_target, load_target
from deploy.targets.local import LocalTarget

if TYPE_CHECKING:
    from pathlib import Path


class Found:
    """A target of which a deployment named `found` runs."""

    @classmethod
    def find(cls, name: str | None = None) -> Found:
        if name not in (None, "found"):
            raise NotRunning(f"nothing here is called {name}")
        return cls()


class Without:
    """A target whose engine does not answer."""

    @classmethod
    def find(cls, name: str | None = None) -> Without:
        raise EngineError("no engine answers")


def test_a_target_is_found_by_its_name() -> None:
    assert load_target() is load_target("local") is LocalTarget


def test_each_target_is_a_module_of_its_own() -> None:
    for place in TARGETS.values():
        module, _, attribute = place.partition(":")
        assert importlib.util.find_spec(module) is not None
        assert attribute.endswith("Target")


def test_an_unknown_target_is_refused_with_a_suggestion() -> None:
    with pytest.raises(SettingsError, match=r"'compos': no such target; did you mean 'compose'\?"):
        load_target("compos")
    with pytest.raises(SettingsError, match="there are local, compose, swarm"):
        load_target("mainframe")


def test_the_file_names_the_target(tmp_path: Path) -> None:
    assert named_target(tmp_path) is None
    (tmp_path / "twofold.toml").write_text('app = "shop:app"\ntarget = "compose"\n')
    assert named_target(tmp_path) == "compose"
    assert load_deployment(tmp_path, {}, environ={}).target == "compose"
    assert load_deployment(tmp_path, {"target": "local"}, environ={}).target == "local"


def test_a_wrong_target_in_the_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "twofold.toml").write_text('app = "shop:app"\ntarget = "composer"\n')
    with pytest.raises(SettingsError, match=r"twofold.toml: target = 'composer': no such target"):
        named_target(tmp_path)


def test_without_a_target_it_is_looked_for_everywhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places = {
        "local": "deploy.targets.local:LocalTarget",
        "compose": f"{__name__}:Without",
        "swarm": f"{__name__}:Found",
    }
    classes = {"local": LocalTarget, "compose": Without, "swarm": Found}
    monkeypatch.setattr(targets, "TARGETS", places)
    monkeypatch.setattr(targets, "load_target", lambda name="local": classes[name])
    assert isinstance(find_target("found"), Found)
    with pytest.raises(NotRunning, match="no deployment is running"):
        find_target("lost")
    with pytest.raises(EngineError, match="no engine answers"):
        find_target("found", "compose")
