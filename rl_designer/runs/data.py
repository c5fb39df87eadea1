"""Data in memory, kept in a file beside the runs on them, so that a run on them is one like any other."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from rl_designer.envs.datasets.readers.arrays import raw_of
from rl_designer.files import replacing

FOLDER = "data"


def keep_data(data: Any, parent: Path) -> Path:
    """Writes data into `parent/data`, under a name that changes with their content; the file.

    Args:
        data: a DataFrame, which becomes a `.csv`; or arrays as `raw_of` takes them, which become an `.npz`.
        parent: the folder that the run's is made in.

    Raises:
        DatasetError: for what is neither.
        OSError: where the file can't be written.
    """
    folder = parent / FOLDER
    if hasattr(data, "to_csv"):
        content = data.to_csv(index=False).encode()
        path = folder / f"frame-{hashlib.sha256(content).hexdigest()[:12]}.csv"
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as free:
            free.write_bytes(content)
        return path
    raw = raw_of(data, "arrays", "the data")
    arrays: dict[str, Any] = {f"x_{part}": x for part, x in raw.x.items()}
    arrays |= {f"y_{part}": y for part, y in raw.y.items()}
    if raw.channels_last is not None:
        arrays["layout"] = np.array("channels-last" if raw.channels_last else "channels-first")
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name}{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    path = folder / f"arrays-{digest.hexdigest()[:12]}.npz"
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(path) as free, free.open("wb") as file:
        np.savez(file, **arrays)
    return path
