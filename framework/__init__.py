"""A microframework on Werkzeug and Jinja2 for apps that grow big."""

from .app import App as App
from .config import Config as Config
from .config import setting as setting
from .routing import Blueprint as Blueprint
from .routing import Mount as Mount
from .routing import Rule as Rule
from .wrappers import Request as Request
from .wrappers import Response as Response
