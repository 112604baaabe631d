"""The compose target; see `target`."""

from .target import ComposeTarget as ComposeTarget
