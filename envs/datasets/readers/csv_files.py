"""Feature tables in text: `.csv`, with commas, semicolons, tabs or bars."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.dataset import DatasetError
from rl_designer.envs.datasets.files import named, unreadable
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.datasets.readers.columns import LONGEST_LABEL, bad_cell, label_array, target_position

_DELIMITERS = ",;\t|"
_BATCH = 4096  # rows held as text at a time
_LONGEST_HEADER = 1 << 20  # characters

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
    position = target_position(columns, target, where)
    features = columns[:position] + columns[position + 1 :]
    labels: list[str] = []
    batches = []
    for rows in _batches(reader, len(columns), where):
        labels += [_label(fields.pop(position), line, columns[position], where) for line, fields in rows]
        batches.append(_numbers(rows, features, where))
    if not batches:
        raise DatasetError(f"{where} holds no rows below its header")
    x = np.concatenate(batches)
    return RawData(path.stem, {"train": x}, {"train": label_array(labels)}, where)


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
    if len(text) > LONGEST_LABEL:
        raise DatasetError(
            f"target column {column!r} of {where} must hold classes of at most {LONGEST_LABEL} characters, "
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
                yield bad_cell(where, f"line {line}", column, text)
