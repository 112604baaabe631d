"""From URLs to views and back: rules, blueprints and mounts, and the map they are put into."""

from .blueprints import Blueprint as Blueprint
from .rules import Mount as Mount
from .rules import Rule as Rule
from .url_map import URLMap as URLMap
