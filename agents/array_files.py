"""Files of named arrays, as safetensors: written beside and renamed, never unpickled, bounded in size."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.files.writing import beside

_MOST_BYTES = 2**28


def readable(path: Path, what: str) -> Path:
    """Raises ValueError where the file is missing or too large to be one of ours."""
    if not path.is_file():
        raise ValueError(f"no {what}: {path} is missing")
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes; at most {_MOST_BYTES:,} are read")
    return path


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    from safetensors.numpy import save_file

    # safetensors writes an array as it lies in memory and reads it row by row.
    rows = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with beside(path) as free:
        save_file(rows, free)


def read_arrays(path: Path, what: str) -> dict[str, NDArray[Any]]:
    """What `write_arrays` wrote. Raises ValueError where it is missing or damaged."""
    from safetensors.numpy import load_file

    path = readable(path, what)
    try:
        return load_file(path)
    except Exception as error:  # SafetensorError, but NumPy's errors too, on odd dtypes and shapes
        raise ValueError(f"{path} is damaged: {error}") from error
