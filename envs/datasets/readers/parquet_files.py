"""Tables of rows in `.parquet`; needs the extra `parquet`."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, named, unreadable
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.datasets.readers.columns import LONGEST_LABEL, Columns, known_targets, raw_table
from rl_designer.envs.datasets.rows.table import Rows, object_array
from rl_designer.envs.files.archives import FREE, MOST_EXPANSION

_PANDAS_INDEX = "__index_level_"


def read_parquet(path: Path, **options: Any) -> RawData:
    """A table of columns of numbers, truth values, text, dates and times, and a target.

    Args:
        options: as `Columns` has them.

    Raises:
        DatasetError: as `read_csv`, and where pyarrow isn't installed.
    """
    columns, where = Columns(**options), named(path)
    target = ""

    def keep(names: Sequence[str]) -> Collection[str]:
        nonlocal target
        target = columns.checked(names, where)
        return columns.texts

    table, rows = _read(path, keep, {str(columns.target), *columns.drop})
    column = table.column(target)
    _check_lengths(column, target, where)
    labels = column.to_pylist()
    known, notes = known_targets(labels, rows.place, columns, where)
    rows = rows.without([target])
    if known is not None:
        rows, labels = rows[known], [label for label, there in zip(labels, known, strict=True) if there]
    return raw_table(rows, _labels(labels, column.type, target, where), columns, path.stem, where, notes)


def read_parquet_rows(path: Path, texts: Collection[str] = ()) -> Rows:
    """All columns of such a table, as `RowEncoding.apply` takes them; `texts` as `read_csv_rows` takes it."""
    return _read(path, lambda names: texts, ())[1]


def _read(
    path: Path, keep: Callable[[Sequence[str]], Collection[str]], ignored: Collection[str]
) -> tuple[Any, Rows]:
    """The table, and its rows.

    Args:
        keep: of all names those whose cells are kept as they are spelled.
        ignored: columns whose cells may be anything.
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
            everything, schema = file.schema_arrow.names, file.schema_arrow
            names = [name for name in everything if not name.startswith(_PANDAS_INDEX)]
            kept = keep(names)
            _check_size(path, file.metadata, where)
        # Each distinct text once, whatever its length: how long they are is looked at before they are spread.
        texts = [name for name in names if types.is_string(schema.field(name).type)]
        texts += [name for name in names if types.is_large_string(schema.field(name).type)]
        with parquet.ParquetFile(path, read_dictionary=texts) as file:
            table = file.read(names)
    except (OSError, MemoryError, pyarrow.ArrowException) as reason:
        raise unreadable(path, "a .parquet file", reason) from reason
    empty = np.full(table.num_rows, None, dtype=object)
    cells = tuple(
        empty if name in ignored else _cells(table.column(name), name, name in kept, where) for name in names
    )
    index = tuple((name, "the index that pandas saved") for name in everything if name not in names)
    return table, Rows(tuple(names), cells, left_out=index)


def _check_size(path: Path, facts: Any, where: str) -> None:
    """Raises DatasetError where a small file declares far too many cells, before memory is taken for them."""
    needed, size = 8 * facts.num_rows * facts.num_columns, path.stat().st_size
    if needed > FREE and needed > MOST_EXPANSION * size:
        raise DatasetError(
            f"{where} has {size:,} bytes and declares {facts.num_rows:,} rows of {facts.num_columns:,} "
            "columns, which is beyond belief; if it is meant to be so, save it as .csv"
        )


def _labels(labels: list[Any], kind: object, name: str, where: str) -> NDArray[Any]:
    for python, dtype in (((bool, int), np.int64), ((float,), np.float64), ((str,), np.str_)):
        if all(isinstance(label, python) for label in labels):
            return np.array(labels, dtype=dtype)
    raise DatasetError(f"target column {name!r} of {where} must hold integers or text, got {kind}")


def _check_lengths(column: Any, name: str, where: str) -> None:
    from pyarrow import types

    if not types.is_dictionary(column.type):
        return
    for chunk in column.chunks:
        for label in chunk.dictionary.to_pylist():
            if isinstance(label, str) and len(label) > LONGEST_LABEL:
                raise DatasetError(
                    f"target column {name!r} of {where} must hold classes of at most {LONGEST_LABEL} "
                    f"characters, got {len(label):,}"
                )


def _cells(column: Any, name: str, as_text: bool, where: str) -> NDArray[Any]:
    """float64 [n] of numbers, NaN where there is none; else objects [n], texts or None."""
    import pyarrow
    from pyarrow import types

    spread = not types.is_dictionary(column.type)
    kind = column.type if spread else column.type.value_type
    numeric = (types.is_integer, types.is_floating, types.is_decimal)
    if not as_text and any(is_kind(kind) for is_kind in numeric):
        return np.asarray(column.cast(kind).cast(pyarrow.float64(), safe=False).to_numpy())
    written = (types.is_boolean, types.is_string, types.is_large_string, types.is_temporal, types.is_null)
    if not any(is_kind(kind) for is_kind in (*numeric, *written)) or types.is_duration(kind):
        raise DatasetError(f"column {name!r} of {where} must hold numbers, text or dates, got {kind}")
    if spread:
        column = column.cast(pyarrow.string()).dictionary_encode()
    distinct = column.unify_dictionaries().combine_chunks()
    texts = distinct.dictionary.cast(pyarrow.string()).to_pylist()
    known = [None if text is None else text.strip() for text in texts]
    codes = distinct.indices.cast(pyarrow.int64()).fill_null(len(known)).to_numpy(zero_copy_only=False)
    return object_array([*known, None])[codes]
