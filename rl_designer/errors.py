"""What a command can't do: `WrongUsage` ends with status 2, every other ValueError or OSError with 1."""

from collections.abc import Iterator
from contextlib import contextmanager


class WrongUsage(ValueError):
    """Unknown names, numbers out of range, options that exclude each other: exit status 2."""


@contextmanager
def usage_errors() -> Iterator[None]:
    """Within it, a ValueError is about what the user typed: it becomes `WrongUsage`."""
    try:
        yield
    except ValueError as error:
        raise WrongUsage(str(error)) from error
