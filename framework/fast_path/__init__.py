"""The short way from environ to response, composed when a worker starts."""

from .composition import COMPOSED as COMPOSED
from .composition import compose as compose
