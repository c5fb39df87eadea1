"""`DatasetError`, and how all readers word theirs: a source's name, long lists kept short."""

from collections.abc import Iterable
from pathlib import Path

from rl_designer.envs.errors import Error

_LONGEST_LIST = 400  # characters


class DatasetError(Error):
    """What is wrong with a data set, in one line."""


def named(path: Path) -> str:
    """The file or folder as errors name it."""
    return repr(path.name)


def listed(names: Iterable[str]) -> str:
    """Names with commas, cut where there are very many."""
    return shortened(", ".join(names) or "nothing")


def shortened(text: str) -> str:
    """One line of at most some hundred characters."""
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_LIST else text[:_LONGEST_LIST] + " …"


def is_number(text: str) -> bool:
    """Whether a text reads as a number, infinite ones and NaN included."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def unreadable(path: Path, what: str, reason: BaseException) -> DatasetError:
    """The error for a file that can't be opened or is damaged."""
    if isinstance(reason, MemoryError):
        return DatasetError(f"{named(path)} doesn't fit into memory")
    detail = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return DatasetError(f"{named(path)} can't be read as {what}: {shortened(detail)}")
