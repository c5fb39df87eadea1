"""A user's own arrays: `.npz` files, read without pickle."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.dataset import DatasetError
from rl_designer.envs.datasets.files import listed, named, unreadable
from rl_designer.envs.datasets.preparation import RawData

_PARTS = ("train", "val", "test")
_DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_npz(path: Path) -> RawData:
    """`x` and `y`, or `x_train` and `y_train` with any of `x_val`, `y_val` and `x_test`, `y_test`.

    x is [n, features], [n, length], [n, channels, length], [n, height, width] or
    [n, channels, height, width], of any real number type; y is [n], integers or text.

    Raises:
        DatasetError: for a damaged file, missing arrays, or arrays that only pickle can read.
    """
    try:
        with path.open("rb") as opened:
            if not zipfile.is_zipfile(opened):
                raise DatasetError(
                    f"{named(path)} must be an .npz file as np.savez writes it, got another format"
                )
            opened.seek(0)
            file = np.load(opened, allow_pickle=False)
            wanted = _wanted(file.files, path)
            return RawData(
                path.stem,
                {part: _array(file, x, path) for part, (x, _) in wanted.items()},
                {part: _array(file, y, path) for part, (_, y) in wanted.items()},
                named(path),
            )
    except DatasetError:
        raise
    except _DAMAGE as reason:
        raise unreadable(path, "an .npz file", reason) from reason


def _wanted(keys: list[str], path: Path) -> Mapping[str, tuple[str, str]]:
    """Part to the names of its inputs and labels."""
    whole = {"x", "y"} & set(keys)
    parts = [part for part in _PARTS if {f"x_{part}", f"y_{part}"} & set(keys)]
    if whole and parts:
        raise DatasetError(f"{named(path)} must hold x and y or x_train and y_train, got {listed(keys)}")
    wanted = {part: (f"x_{part}", f"y_{part}") for part in parts} or {"train": ("x", "y")}
    missing = {name for pair in wanted.values() for name in pair} - set(keys)
    if missing or "train" not in wanted:
        raise DatasetError(
            f"{named(path)} must hold x and y, or x_train and y_train (and x_test, y_test, x_val, y_val), "
            f"got {listed(keys)}"
        )
    return wanted


def _array(file: Any, name: str, path: Path) -> NDArray[Any]:
    try:
        array = file[name]
    except ValueError as reason:
        if "allow_pickle" not in str(reason):
            raise
        raise DatasetError(
            f"{name} of {named(path)} holds Python objects, which only pickle could read; save numbers, "
            "and text as text: y.astype(str)"
        ) from reason
    if not isinstance(array, np.ndarray):
        raise DatasetError(f"{name} of {named(path)} is not an array")
    return array
