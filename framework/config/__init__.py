"""Typed settings, read from code, the environment and a TOML file."""

from .declaration import setting as setting
from .settings import Config as Config
from .settings import SettingValue as SettingValue
