"""Arrays in memory (NumPy, PyTorch, what NumPy makes an array of) and in `.npz` files, without pickle."""

import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, listed, named, shortened, unreadable
from rl_designer.envs.datasets.layout import LAYOUTS
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.datasets.signals import padded
from rl_designer.envs.datasets.texts.texts import texts_in
from rl_designer.envs.files.archives import DAMAGE, HoldsObjects, open_archive

_PARTS = ("train", "val", "test")
_LAYOUT = "layout"


def raw_of(given: Any, name: str, where: str) -> RawData:
    """Data of a pair `(x, y)`, or of a mapping with the names that `.npz` files have (`x_train` …).

    Args:
        given: x is [n, features], [n, length], [n, channels, length], [n, height, width] or
            [n, channels, height, width], of any real number type, or a sequence of signals of unequal length,
            [length], [channels, length] or [length, channels], or a sequence of texts; y is [n], integers or
            text. A mapping's `layout`, `channels-first` or `channels-last`, says where the channels are.
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
    y = {part: _array(_plain(given[pair[1]]), pair[1], where) for part, pair in names.items()}
    texts = {part: found for part, pair in names.items() if (found := texts_in(given[pair[0]])) is not None}
    if len(texts) == len(names):
        return RawData(name, texts, y, where, "text")
    x = {part: _plain(given[pair[0]]) for part, pair in names.items()}
    last: bool | None
    if any(map(_unequal, x.values())):
        x, last = padded({part: list(map(_signal, values)) for part, values in x.items()}, where)
    else:
        x = {part: _array(values, names[part][0], where) for part, values in x.items()}
        last = _channels_last(given[_LAYOUT], where) if _LAYOUT in given else None
    return RawData(name, x, y, where, channels_last=last)


def unlabelled(given: Any, where: str) -> tuple[NDArray[Any], bool | None]:
    """Inputs alone, as `raw_of` takes them but for texts, and whether their channels are last, where they say
    it.
    """
    values = _plain(given)
    if not _unequal(values):
        return _array(values, "x", where), None
    x, last = padded({"x": list(map(_signal, values))}, where)
    return x["x"], last


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


def _plain(values: Any) -> Any:
    """An array of anything, or what can't be one as it is."""
    if hasattr(values, "detach"):  # a tensor of PyTorch, perhaps on a GPU
        values = values.detach().cpu()
    try:
        return np.asarray(values)
    except ValueError:  # sequences of unequal length
        return values


def _unequal(values: Any) -> bool:
    """Whether inputs are signals of unequal length: a sequence, or an array of arrays."""
    if isinstance(values, np.ndarray) and values.dtype.kind != "O":
        return False
    arrays = [_plain(value) for value in values] if isinstance(values, Sequence | np.ndarray) else []
    return bool(arrays) and all(
        isinstance(array, np.ndarray) and array.ndim > 0 and array.dtype.kind in "biuf" for array in arrays
    )


def _signal(values: Any) -> NDArray[Any]:
    return np.asarray(_plain(values))


def _channels_last(layout: Any, where: str) -> bool:
    if str(layout) not in LAYOUTS:
        raise DatasetError(
            f"the layout of {where} must be one of {listed(LAYOUTS)}, got {shortened(repr(str(layout)))}"
        )
    return LAYOUTS[str(layout)]


def _array(array: Any, name: str, where: str) -> NDArray[Any]:
    if not isinstance(array, np.ndarray):
        rule = "inputs of one shape, or signals that differ in length" if name[0] == "x" else "a label each"
        raise DatasetError(f"{name} of {where} must hold {rule}, got sequences of unequal length")
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
    [n, channels, height, width], of any real number type, NaN after the ends of signals of unequal length;
    y is [n], integers or text. A text `layout` may say where the channels are.

    Raises:
        DatasetError: for a damaged file, missing arrays, or arrays that only pickle can read.
    """

    def wanted(names: Sequence[str]) -> list[str]:
        return [name for pair in array_names(names, named(path)).values() for name in pair]

    return raw_of(_read_arrays(path, wanted), path.stem, named(path))


def read_unlabelled_npz(path: Path) -> tuple[NDArray[Any], bool | None]:
    """`x`, or the only array, and whether its channels are last, where the file says it.

    Raises:
        DatasetError: as `read_npz`.
    """

    def wanted(names: Sequence[str]) -> list[str]:
        only = [name for name in names if name != _LAYOUT]
        if "x" not in names and len(only) != 1:
            raise DatasetError(f"{named(path)} must hold x, or one array alone, got {listed(names)}")
        return ["x"] if "x" in names else only

    arrays = _read_arrays(path, wanted)
    last = _channels_last(arrays.pop(_LAYOUT), named(path)) if _LAYOUT in arrays else None
    return next(iter(arrays.values())), last


def _read_arrays(path: Path, wanted: Callable[[Sequence[str]], list[str]]) -> dict[str, NDArray[Any]]:
    """The wanted arrays of an `.npz`, and `layout` where it is there."""
    try:
        with path.open("rb") as opened:
            if not zipfile.is_zipfile(opened):
                raise DatasetError(
                    f"{named(path)} must be an .npz file as np.savez writes it, got another format"
                )
        with open_archive(path) as archive:
            return archive.read([*wanted(archive.names), *({_LAYOUT} & set(archive.names))])
    except DatasetError:
        raise
    except HoldsObjects as reason:
        raise DatasetError(
            f"{reason.name} of {named(path)} holds Python objects, which only pickle could read; "
            "save numbers, text as text (y.astype(str)), and signals of unequal length as one array, NaN "
            "after their ends"
        ) from reason
    except DAMAGE as reason:
        raise unreadable(path, "an .npz file", reason) from reason
