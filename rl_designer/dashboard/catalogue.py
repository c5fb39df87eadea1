"""`Catalogue`: the runs that the dashboard shows, each by a key that its pages' addresses have."""

import hashlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from rl_designer.dashboard.watch import RunWatch
from rl_designer.runs.folder import CONFIG, DEFAULT_PARENT, SUMMARY, RunFolder


class Catalogue:
    """Given runs, or all in a folder, those of now each time.

    Args:
        folders: run folders; none for all in `parent`.
        store: where their store is now; None for where it was.

    Raises:
        ValueError: where one of `folders` holds no run.
    """

    def __init__(
        self, folders: Sequence[Path] = (), store: str | None = None, parent: Path = DEFAULT_PARENT
    ) -> None:
        for folder in folders:
            RunFolder.open(folder)
        self.parent = parent
        self._given = tuple(folder.absolute() for folder in folders)
        self._store = store
        self._watches: dict[str, RunWatch] = {}
        self._lock = threading.Lock()

    def watches(self) -> dict[str, RunWatch]:
        """By key; of a folder's runs, the one that was written to last first."""
        paths = self._given or runs_in(self.parent.absolute())
        with self._lock:
            return {key: self._watch(key, path) for path in paths for key in [key_of(path)]}

    def find(self, key: str) -> RunWatch | None:
        """The run of a key; None where there is none any more. Nothing else can be named."""
        return self.watches().get(key)

    def _watch(self, key: str, path: Path) -> RunWatch:
        if key not in self._watches:
            self._watches[key] = RunWatch(path, self._store)
        return self._watches[key]


def key_of(path: Path) -> str:
    """12 hexadecimal characters of the absolute path's SHA-256."""
    return hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:12]


def runs_in(parent: Path) -> list[Path]:
    """The run folders in a folder, the one that was written to last first; none where it isn't there."""
    try:
        paths = [path for path in parent.iterdir() if not path.name.startswith(".")]
    except OSError:
        return []
    return sorted((path for path in paths if (path / CONFIG).is_file()), key=_written, reverse=True)


def _written(path: Path) -> float:
    try:
        return (path / SUMMARY).stat().st_mtime
    except OSError:  # it is damaged, or being removed
        return 0.0
