"""Tables of rows, a column a feature and one the classes: `.csv`, and with the extra `parquet` `.parquet`."""

import csv
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, is_number, listed, named, shortened, unreadable
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.errors import unknown_name
from rl_designer.envs.files.archives import FREE, MOST_EXPANSION

_DELIMITERS = ",;\t|"
_BATCH = 4096  # rows held as text at a time
_LONGEST_HEADER = 1 << 20  # characters
_PANDAS_INDEX = "__index_level_"
_LONGEST_LABEL = 1_000  # characters; NumPy takes four bytes for each of the longest, in every row
_GAPS = ("", "?", "-", "na", "n/a", "none", "null")  # what people write where nothing is known

Rows = list[tuple[int, list[str]]]  # line number, fields


def read_csv(path: Path, target: str | None = None) -> RawData:
    """A table whose first line names the columns; all but the target hold numbers. UTF-8.

    Raises:
        DatasetError: for a missing or unknown target, and for the first cell or line that is wrong.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = file.readline(_LONGEST_HEADER)
            file.seek(0)
            delimiter = max(_DELIMITERS, key=header.count)
            return _table(csv.reader(file, delimiter=delimiter, strict=True), path, target)
    except UnicodeDecodeError as reason:
        byte = f"byte {reason.object[reason.start]:#x}"
        raise DatasetError(f"{named(path)} must be text in UTF-8, got {byte}; save it anew") from reason
    except (OSError, MemoryError, csv.Error) as reason:
        raise unreadable(path, "a .csv file", reason) from reason


def _table(reader: Any, path: Path, target: str | None) -> RawData:
    where = named(path)
    columns = [name.strip() for name in next(reader, [])]
    if not columns:
        raise DatasetError(f"{where} is empty")
    position = _target_position(columns, target, where)
    features = columns[:position] + columns[position + 1 :]
    labels: list[str] = []
    batches = []
    for rows in _batches(reader, len(columns), where):
        labels += [_label(fields.pop(position), line, columns[position], where) for line, fields in rows]
        batches.append(_numbers(rows, features, where))
    if not batches:
        raise DatasetError(f"{where} holds no rows below its header")
    x = np.concatenate(batches)
    return RawData(path.stem, {"train": x}, {"train": _label_array(labels)}, where)


def _batches(reader: Any, width: int, where: str) -> Iterator[Rows]:
    """Rows of the right width, blank lines left out."""
    rows: Rows = []
    for fields in reader:
        if not fields:
            continue
        if len(fields) != width:
            raise DatasetError(
                f"line {reader.line_num} of {where} must have {width} cells, got {len(fields)}"
            )
        rows.append((reader.line_num, fields))
        if len(rows) == _BATCH:
            yield rows
            rows = []
    if rows:
        yield rows


def _label(text: str, line: int, column: str, where: str) -> str:
    text = text.strip()
    if not text:
        raise DatasetError(f"target column {column!r} of {where} is empty in line {line}")
    if len(text) > _LONGEST_LABEL:
        raise DatasetError(
            f"target column {column!r} of {where} must hold classes of at most {_LONGEST_LABEL} characters, "
            f"got {len(text):,} in line {line}"
        )
    return text


def _numbers(rows: Rows, features: Sequence[str], where: str) -> NDArray[np.float64]:
    try:
        x = np.array([[float(text) for text in fields] for _, fields in rows])
        if np.isfinite(x).all():
            return x
    except ValueError:
        pass
    raise next(_bad_cells(rows, features, where)) from None


def _bad_cells(rows: Rows, features: Sequence[str], where: str) -> Iterator[DatasetError]:
    for line, fields in rows:
        for column, text in zip(features, fields, strict=True):
            try:
                finite = np.isfinite(float(text))
            except ValueError:
                finite = False
            if not finite:
                yield _bad_cell(where, f"line {line}", column, text)


# -- .parquet -----------------------------------------------------------------------------------------


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
            names = [name for name in file.schema_arrow.names if not name.startswith(_PANDAS_INDEX)]
            position = _target_position(names, target, where)
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
    return RawData(path.stem, {"train": x}, {"train": y}, where)


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
    if None in labels:
        raise DatasetError(f"target column {name!r} of {where} is empty in row {labels.index(None) + 1}")
    for kind, dtype in (((bool, int), np.int64), ((float,), np.float64), ((str,), np.str_)):
        if all(isinstance(label, kind) for label in labels):
            return np.array(labels, dtype=dtype)
    raise DatasetError(f"target column {name!r} of {where} must hold integers or text, got {column.type}")


def _check_lengths(column: Any, name: str, where: str) -> None:
    for chunk in column.chunks:
        for label in chunk.dictionary.to_pylist():
            if isinstance(label, str) and len(label) > _LONGEST_LABEL:
                raise DatasetError(
                    f"target column {name!r} of {where} must hold classes of at most {_LONGEST_LABEL} "
                    f"characters, got {len(label):,}"
                )


def _feature(column: Any, name: str, where: str) -> NDArray[np.float64]:
    import pyarrow
    from pyarrow import types

    numeric = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal)
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise _bad_cell(where, f"row {row + 1}", name, None)
    if not any(is_kind(column.type) for is_kind in numeric):
        first = column[0].as_py() if len(column) else ""
        if isinstance(first, str):
            raise _bad_cell(where, "row 1", name, first or "''")
        raise DatasetError(f"column {name!r} of {where} must hold numbers, got {column.type}")
    if types.is_boolean(column.type):
        column = column.cast(pyarrow.int8())
    values = np.asarray(column.cast(pyarrow.float64(), safe=False).to_numpy())
    finite = np.isfinite(values)
    if not finite.all():
        row = int(finite.argmin())
        raise _bad_cell(where, f"row {row + 1}", name, str(values[row]))
    return values


# -- both ---------------------------------------------------------------------------------------------


def _target_position(columns: Sequence[str], target: str | None, where: str) -> int:
    """Where the target column stands. Raises DatasetError for columns that don't make a table of features."""
    if target is None:
        raise DatasetError(
            f"which column of {where} holds the classes? Say --target NAME. Columns: {listed(columns)}."
        )
    if target not in columns:
        hint = " The first line must hold the names of the columns." if any(map(is_number, columns)) else ""
        raise DatasetError(f"{where}: {shortened(unknown_name('column', target, columns))}{hint}")
    repeated = [name for name, times in Counter(columns).items() if times > 1]
    if repeated:
        raise DatasetError(f"{where} has two columns called {repeated[0]!r}; each needs its own name")
    if "" in columns:
        raise DatasetError(
            f"column {columns.index('') + 1} of {where} has no name; if it is a saved row index, leave it "
            "out (pandas: to_csv(…, index=False))"
        )
    if len(columns) < 2:
        raise DatasetError(f"{where} must have a column of features besides its target {target!r}")
    return columns.index(target)


def _bad_cell(where: str, row: str, column: str, value: str | None) -> DatasetError:
    """The error for a feature that is no finite number.

    Args:
        row: as people find it, such as `line 7`.
    """
    if value is None or value.strip().lower() in _GAPS:
        mark = f" ({value.strip()!r})" if value and value.strip() else ""
        return DatasetError(
            f"column {column!r} of {where} is empty{mark} in {row}; fill it or leave the row out"
        )
    if is_number(value.replace(",", ".", 1)) and "," in value:
        return DatasetError(
            f"column {column!r} of {where} holds {value!r} in {row}; write decimals with a point"
        )
    if is_number(value):
        return DatasetError(f"column {column!r} of {where} must be finite, got {value.strip()} in {row}")
    return DatasetError(
        f"column {column!r} of {where} holds text ({shortened(value)!r} in {row}); features must be numbers: "
        "leave the column out or encode it, for example one-hot"
    )


def _label_array(labels: Sequence[str]) -> NDArray[Any]:
    """Labels from a text file: int64 where all are integers, float64 where all are numbers, else text."""
    distinct = set(labels)
    try:
        numbers: dict[str, Any] = {label: int(label) for label in distinct}
        return np.array([numbers[label] for label in labels], dtype=np.int64)
    except (ValueError, OverflowError):
        pass
    if all(map(is_number, distinct)) and not all(math.isnan(float(label)) for label in distinct):
        numbers = {label: float(label) for label in distinct}
        return np.array([numbers[label] for label in labels], dtype=np.float64)
    return np.array(labels, dtype=np.str_)
