"""The names that each package offers at its top. A name that is added or dropped shows here."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

PUBLIC = {
    "framework": {
        *("App", "Blueprint", "Config", "Mount", "Request", "Response", "Rule", "setting"),
    },
    "framework.config": {"Config", "SettingValue", "setting"},
    "framework.routing": {"Blueprint", "Mount", "Rule", "URLMap"},
    "deploy": {"Balancer", "DeployError", "Deployment", "Node", "Slot", "WorkerProfile"},
    "loadtests": set(),
}


@pytest.mark.parametrize("package", PUBLIC)
def test_package_offers_these_names_and_no_others(package: str) -> None:
    offered = {
        name
        for name, value in vars(importlib.import_module(package)).items()
        # A module that was imported is an attribute of its package, wanted or not.
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert offered == PUBLIC[package]
