"""Feature tables in `.parquet`; needs the extra `parquet`."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.dataset import DatasetError
from rl_designer.envs.datasets.files import named, unreadable
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.datasets.tables import bad_cell, target_position

_PANDAS_INDEX = "__index_level_"


def read_parquet(path: Path, target: str | None = None) -> RawData:
    """A table whose columns hold numbers or truth values, the target integers or text.

    Raises:
        DatasetError: as `read_csv`, and where pyarrow isn't installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as reason:
        raise DatasetError(
            f"{named(path)} needs pyarrow to be read: pip install 'rl-designer[parquet]'"
        ) from reason
    try:
        with parquet.ParquetFile(path) as file:
            table = file.read()
    except (OSError, MemoryError, pyarrow.ArrowException) as reason:
        raise unreadable(path, "a .parquet file", reason) from reason
    where = named(path)
    names = [name for name in table.column_names if not name.startswith(_PANDAS_INDEX)]
    position = target_position(names, target, where)
    y = _labels(table.column(names.pop(position)), str(target), where)
    x = np.empty((len(y), len(names)))
    for index, name in enumerate(names):
        x[:, index] = _feature(table.column(name), name, where)
    return RawData(path.stem, {"train": x}, {"train": y}, where)


def _labels(column: Any, name: str, where: str) -> NDArray[Any]:
    labels = column.to_pylist()
    if None in labels:
        raise DatasetError(f"target column {name!r} of {where} is empty in row {labels.index(None) + 1}")
    for kind, dtype in (((bool, int), np.int64), ((float,), np.float64), ((str,), np.str_)):
        if all(isinstance(label, kind) for label in labels):
            return np.array(labels, dtype=dtype)
    raise DatasetError(f"target column {name!r} of {where} must hold integers or text, got {column.type}")


def _feature(column: Any, name: str, where: str) -> NDArray[np.float64]:
    import pyarrow
    from pyarrow import types

    numeric = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal)
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise bad_cell(where, f"row {row + 1}", name, None)
    if not any(is_kind(column.type) for is_kind in numeric):
        first = column[0].as_py() if len(column) else ""
        if isinstance(first, str):
            raise bad_cell(where, "row 1", name, first or "''")
        raise DatasetError(f"column {name!r} of {where} must hold numbers, got {column.type}")
    if types.is_boolean(column.type):
        column = column.cast(pyarrow.int8())
    values = np.asarray(column.cast(pyarrow.float64(), safe=False).to_numpy())
    finite = np.isfinite(values)
    if not finite.all():
        row = int(finite.argmin())
        raise bad_cell(where, f"row {row + 1}", name, str(values[row]))
    return values
