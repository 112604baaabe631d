"""gunicorn's configuration file: the settings that this node was handed."""

from . import read_settings

globals().update(read_settings())
