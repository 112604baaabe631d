"""Templates: the Jinja environment, rendering and streaming. Jinja is imported when this is."""

from .environment import compile_all as compile_all
from .environment import make_environment as make_environment
from .rendering import render as render
from .rendering import stream as stream
