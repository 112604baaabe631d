from __future__ import annotations

import inspect

from framework import exceptions


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    classes = [
        value
        for value in vars(exceptions).values()
        if inspect.isclass(value) and value.__module__ == exceptions.__name__
    ]
    drawn = [line for line in (exceptions.__doc__ or "").splitlines() if "──" in line]
    assert len(drawn) == len(classes) - 1
    for error in classes:
        assert issubclass(error, exceptions.AppError)
        assert error.__name__ in (exceptions.__doc__ or "")
        nested = any("│   " in line and error.__name__ in line for line in drawn)
        assert nested == (
            issubclass(error, exceptions.SetupError) and error is not exceptions.SetupError
        )
