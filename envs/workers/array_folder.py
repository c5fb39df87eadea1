"""A folder of arrays that processes of one machine map into one copy in memory."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

if sys.platform != "win32":
    import fcntl

_LOCK, _USE, _COMPLETE = "lock", "use", "complete"


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
        self._use = self._entered(fill)

    def _entered(self, fill: Callable[[Path], None]) -> IO[bytes]:
        while True:
            self.path.mkdir(mode=0o700, exist_ok=True)
            with suppress(FileNotFoundError), _locked(self.path):  # somebody may remove it just now
                complete = self.path / _COMPLETE
                if not complete.exists():
                    fill(self.path)
                    complete.touch()
                use = (self.path / _USE).open("ab")
                fcntl.flock(use, fcntl.LOCK_SH)
                return use

    def leave(self) -> None:
        """Ends the use of this process, and removes the folder where no other uses it."""
        self._use.close()
        remove_if_unused(self.path)


def remove_if_unused(path: Path) -> None:
    """Removes a `SharedFolder` that no process uses any more."""
    with suppress(OSError), _locked(path), (path / _USE).open("rb") as use:
        fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Within it, no other process enters or removes the folder. Raises FileNotFoundError where it is gone."""
    with (path / _LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.samestat(os.fstat(lock.fileno()), (path / _LOCK).stat()):
            raise FileNotFoundError(f"{path} was removed and made anew")
        yield
