"""Files are written whole or not at all, interruptions included; a folder is locked by one process."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rl_designer.envs.files import beside
from rl_designer.errors import Error
from rl_designer.interruption import uninterrupted

LOCK = ".lock"  # one that is left by a process that was killed locks nothing


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """As `beside`, and an interruption waits for the end."""
    with uninterrupted(), beside(path) as free:
        yield free


def write_text(path: Path, text: str) -> None:
    """Writes a text in UTF-8."""
    with replacing(path) as free:
        free.write_text(text, encoding="utf-8")


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Writes an object as JSON. Raises ValueError for NaN and infinities in it."""
    write_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n")


@contextmanager
def locked(folder: Path, doing: str, *, lock: str = LOCK, patience: float = 0.0) -> Iterator[None]:
    """Keeps other processes from the same in a folder; the system unlocks it however this process ends.

    Args:
        doing: what is done in the folder, such as `searching`.
        lock: the file's name.
        patience: seconds to wait for another process that does so.

    Raises:
        ValueError: where another process still does so then.
    """
    held = FileLock(folder / lock)
    try:
        with uninterrupted():
            held.acquire(timeout=patience)
    except Timeout:
        raise Error(f"another process is {doing} in {folder}; wait for its end") from None
    try:
        yield
    finally:
        with suppress(OSError):
            (folder / lock).unlink()  # while it is held: who has opened it meanwhile notices
        held.release()
