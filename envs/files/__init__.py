"""Files: what a stranger may have written is read here; files and folders are written beside and renamed, so
that a stop leaves no half of one.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Yields a free path beside `path`; the file or folder that is made there takes its place at the end.

    After an error nothing is left of it, and `path` is what it was.

    Raises:
        OSError: where a folder would have to replace something that is no empty folder.
    """
    free = path.with_name(f".{path.name}.{os.getpid()}")
    _remove(free)  # of a process of the same number that was killed
    try:
        yield free
        if free.is_dir():
            free.rename(path)
        else:
            free.replace(path)
    finally:
        with suppress(OSError):
            _remove(free)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
