"""Something that reads a file, and what makes a valid one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Loader:
    """Something that reads a file which a stranger may have written.

    Attributes:
        make: writes a valid file of the kind (and what it needs beside it) into an empty folder; its path.
        read: reads it; raises ValueError or OSError with one line where it can't.
        command: the command line that reads it, `{}` for the path; None where no command reads it alone.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], Any]
    command: tuple[str, ...] | None = None
