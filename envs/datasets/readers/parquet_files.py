"""Tables of rows in `.parquet`; needs the extra `parquet`."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, named, unreadable
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.datasets.readers.columns import (
    LONGEST_LABEL,
    bad_cell,
    check_missing,
    target_position,
    without_counters,
)
from rl_designer.envs.files.archives import FREE, MOST_EXPANSION

_PANDAS_INDEX = "__index_level_"


def read_parquet(path: Path, target: str | None = None) -> RawData:
    """A table whose columns hold numbers or truth values, the target integers or text.

    Raises:
        DatasetError: as `read_csv`, and where pyarrow isn't installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet, types
    except ImportError as reason:
        raise DatasetError(
            f"{named(path)} needs pyarrow to be read: pip install 'rl-designer[parquet]'"
        ) from reason
    where = named(path)
    try:
        with parquet.ParquetFile(path) as file:
            everything = file.schema_arrow.names
            names = [name for name in everything if not name.startswith(_PANDAS_INDEX)]
            position = target_position(names, target, where)
            _check_size(path, file.metadata, where)
            kind = file.schema_arrow.field(names[position]).type
        # Each distinct text once, whatever its length: how long they are is looked at before they are spread.
        texts = [names[position]] if types.is_string(kind) or types.is_large_string(kind) else None
        with parquet.ParquetFile(path, read_dictionary=texts) as file:
            table = file.read(names)
    except (OSError, MemoryError, pyarrow.ArrowException) as reason:
        raise unreadable(path, "a .parquet file", reason) from reason
    y = _labels(table.column(names.pop(position)), str(target), where)
    x = np.empty((len(y), len(names)))
    for index, name in enumerate(names):
        x[:, index] = _feature(table.column(name), name, where)
    x, notes = without_counters(x, names, where)
    if len(names) + 1 < len(everything):
        notes += (f"{where}: left out the index that pandas saved",)
    return RawData(path.stem, {"train": x}, {"train": y}, where, notes=notes, columns=tuple(names))


def _check_size(path: Path, facts: Any, where: str) -> None:
    """Raises DatasetError where a small file declares far too many cells, before memory is taken for them."""
    needed, size = 8 * facts.num_rows * facts.num_columns, path.stat().st_size
    if needed > FREE and needed > MOST_EXPANSION * size:
        raise DatasetError(
            f"{where} has {size:,} bytes and declares {facts.num_rows:,} rows of {facts.num_columns:,} "
            "columns, which is beyond belief; if it is meant to be so, save it as .csv"
        )


def _labels(column: Any, name: str, where: str) -> NDArray[Any]:
    from pyarrow import types

    if types.is_dictionary(column.type):
        _check_lengths(column, name, where)
    labels = column.to_pylist()
    check_missing(labels, lambda index: f"row {index + 1}", name, where)
    for kind, dtype in (((bool, int), np.int64), ((float,), np.float64), ((str,), np.str_)):
        if all(isinstance(label, kind) for label in labels):
            return np.array(labels, dtype=dtype)
    raise DatasetError(f"target column {name!r} of {where} must hold integers or text, got {column.type}")


def _check_lengths(column: Any, name: str, where: str) -> None:
    for chunk in column.chunks:
        for label in chunk.dictionary.to_pylist():
            if isinstance(label, str) and len(label) > LONGEST_LABEL:
                raise DatasetError(
                    f"target column {name!r} of {where} must hold classes of at most {LONGEST_LABEL} "
                    f"characters, got {len(label):,}"
                )


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
