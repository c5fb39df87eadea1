"""Data in memory, kept in a file beside the runs on them, so that a run on them is one like any other."""

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, listed
from rl_designer.envs.datasets.readers.arrays import raw_of
from rl_designer.envs.datasets.texts import Texts
from rl_designer.files import replacing

FOLDER = "data"
_MOST_OF_TEXTS = 2 << 30  # bytes of an array, in which all are as long as the longest


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
        content = _with_index(data).to_csv(index=False).encode()
        path = folder / f"frame-{hashlib.sha256(content).hexdigest()[:12]}.csv"
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as free:
            free.write_bytes(content)
        return path
    raw = raw_of(data, "arrays", "the data")
    arrays: dict[str, Any] = {f"x_{part}": _array(x) for part, x in raw.x.items()}
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


def _array(x: Any) -> NDArray[Any]:
    """Inputs as an `.npz` holds them."""
    if not isinstance(x, Texts):
        return np.asarray(x)
    longest = max(map(len, x.values.tolist()), default=0)
    if 4 * longest * len(x) > _MOST_OF_TEXTS:
        raise DatasetError(
            f"the {len(x):,} texts, the longest of {longest:,} characters, would take "
            f"{4 * longest * len(x) / 2**30:.0f} GiB as one array; save them in a .csv with --target"
        )
    return np.array(x.values.tolist(), dtype=np.str_)


def with_categories(data: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings whose `categorical` has the columns of a DataFrame that are categories by their type, though a
    file would show numbers.
    """
    taken = {settings.get("target"), settings.get("group")}
    named, dropped = (_several(settings.get(name)) for name in ("categorical", "drop"))
    found = []
    for name, kind in data.dtypes.items() if hasattr(data, "to_csv") else ():
        values = getattr(kind, "categories", None)
        if values is not None and values.dtype.kind in "biuf" and name not in taken | {*named, *dropped}:
            found.append(str(name))
    return {**settings, "categorical": (*named, *found)} if found else dict(settings)


def _several(names: Any) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names or ())


def _with_index(frame: Any) -> Any:
    """A DataFrame with its index as columns where that has names; another than a mere count is told.

    Raises:
        DatasetError: for columns of several levels.
    """
    if getattr(frame.columns, "nlevels", 1) > 1:
        raise DatasetError("the columns of the DataFrame have several levels; join them to one name each")
    index = frame.index
    names = [name for name in index.names if name is not None]
    if len(names) == len(index.names) and not set(names) & set(frame.columns):
        return frame.reset_index()
    if type(index).__name__ != "RangeIndex":
        which = f" ({listed(map(str, names))})" if names else ""
        warnings.warn(
            f"the index of the DataFrame{which} is left out; to have it as a column: "
            "frame.rename_axis('name').reset_index()",
            stacklevel=4,
        )
    return frame
