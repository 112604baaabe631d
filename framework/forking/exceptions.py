"""What can be wrong with a fork."""


class ForkError(Exception):
    """The fork cannot be made, compared, updated or undone; nothing was changed."""
