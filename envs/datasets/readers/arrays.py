"""Arrays in memory (NumPy, PyTorch, what NumPy makes an array of) and in `.npz` files, without pickle."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, listed, named, unreadable
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.files.archives import DAMAGE, HoldsObjects, open_archive

_PARTS = ("train", "val", "test")


def raw_of(given: Any, name: str, where: str) -> RawData:
    """Data of a pair `(x, y)`, or of a mapping with the names that `.npz` files have (`x_train` …).

    Args:
        given: x is [n, features], [n, length], [n, channels, length], [n, height, width] or
            [n, channels, height, width], of any real number type; y is [n], integers or text.
        name: of the data set.
        where: the source as errors name it.

    Raises:
        DatasetError: for anything else, and arrays of Python objects.
    """
    if isinstance(given, tuple | list) and len(given) == 2:
        given = {"x": given[0], "y": given[1]}
    if not isinstance(given, Mapping):
        raise DatasetError(
            f"{where} must be a pair (x, y), or a mapping with x_train, y_train and perhaps x_val, y_val, "
            f"x_test, y_test; got {type(given).__name__}"
        )
    names = array_names([str(key) for key in given], where)
    x, y = ({part: _array(given[pair[i]], pair[i], where) for part, pair in names.items()} for i in (0, 1))
    return RawData(name, x, y, where)


def array_names(keys: Sequence[str], where: str) -> Mapping[str, tuple[str, str]]:
    """Part to the names of its inputs and labels. Raises DatasetError where one is missing."""
    whole = {"x", "y"} & set(keys)
    parts = [part for part in _PARTS if {f"x_{part}", f"y_{part}"} & set(keys)]
    if whole and parts:
        raise DatasetError(f"{where} must hold x and y or x_train and y_train, got {listed(keys)}")
    wanted = {part: (f"x_{part}", f"y_{part}") for part in parts} or {"train": ("x", "y")}
    missing = {name for pair in wanted.values() for name in pair} - set(keys)
    if missing or "train" not in wanted:
        raise DatasetError(
            f"{where} must hold x and y, or x_train and y_train (and x_test, y_test, x_val, y_val), "
            f"got {listed(keys)}"
        )
    return wanted


def _array(values: Any, name: str, where: str) -> NDArray[Any]:
    if hasattr(values, "detach"):  # a tensor of PyTorch, perhaps on a GPU
        values = values.detach().cpu()
    array = np.asarray(values)
    if array.dtype.kind != "O":
        return array
    if all(isinstance(value, str) for value in array.flat):
        return array.astype(np.str_)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise DatasetError(f"{name} of {where} must hold numbers, or text alone, got other objects") from None


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
        with open_archive(path) as archive:
            wanted = array_names(archive.names, named(path))
            arrays = archive.read(name for pair in wanted.values() for name in pair)
    except DatasetError:
        raise
    except HoldsObjects as reason:
        raise DatasetError(
            f"{reason.name} of {named(path)} holds Python objects, which only pickle could read; "
            "save numbers, and text as text: y.astype(str)"
        ) from reason
    except DAMAGE as reason:
        raise unreadable(path, "an .npz file", reason) from reason
    return raw_of(arrays, path.stem, named(path))
