"""A folder of arrays that processes of one machine map into one copy in memory."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

if sys.platform != "win32":
    import fcntl

_LOCK, _COMPLETE = "lock", "complete"


def write_arrays(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Each as `<name>.npy`."""
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)


def read_arrays(folder: Path, names: Sequence[str]) -> list[NDArray[Any]]:
    """Mapped from the files. A write stays in this process; torch wants arrays that can be written to."""
    return [np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False) for name in names]


class SharedFolder:
    """A folder that processes of one machine share: the first fills it, the last one removes it.

    A process uses it from the time that this object is made until `leave`, or until the process ends, however
    that is: the system then takes its lock away, and `remove_if_unused` may remove the folder.
    Not for Windows.

    Args:
        path: its parent is there; the same for all who share.
        fill: called with the folder by one process, while the others wait.
    """

    def __init__(self, path: Path, fill: Callable[[Path], None]) -> None:
        self.path = path
        self._lock = self._entered(fill)

    def _entered(self, fill: Callable[[Path], None]) -> IO[bytes]:
        while True:
            self.path.mkdir(mode=0o700, exist_ok=True)
            with suppress(FileNotFoundError):  # somebody has removed it just now
                lock = (self.path / _LOCK).open("ab")
                fcntl.flock(lock, fcntl.LOCK_EX)
                complete = self.path / _COMPLETE
                if _is_same(lock, self.path) and not complete.exists():
                    fill(self.path)
                    complete.touch()
                fcntl.flock(lock, fcntl.LOCK_SH)
                # Between the two locks somebody may have taken the folder for unused.
                if _is_same(lock, self.path) and complete.exists():
                    return lock
                lock.close()

    def leave(self) -> None:
        """Ends the use of this process, and removes the folder where no other uses it."""
        self._lock.close()
        remove_if_unused(self.path)


def remove_if_unused(path: Path) -> None:
    """Removes a `SharedFolder` that no process uses any more."""
    with suppress(OSError), (path / _LOCK).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)


def _is_same(lock: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock.fileno()), (path / _LOCK).stat())
    except FileNotFoundError:
        return False
