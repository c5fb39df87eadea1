"""A user's own arrays: `.npz` files, read without pickle."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

from rl_designer.envs.datasets.dataset import DatasetError
from rl_designer.envs.datasets.files import listed, named, unreadable
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.files.archives import DAMAGE, HoldsObjects, open_archive

_PARTS = ("train", "val", "test")


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
            wanted = _wanted(archive.names, path)
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
    return RawData(
        path.stem,
        {part: arrays[x] for part, (x, _) in wanted.items()},
        {part: arrays[y] for part, (_, y) in wanted.items()},
        named(path),
    )


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
