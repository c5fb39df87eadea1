"""Tables of rows in text: `.csv`, `.tsv`, and packed with gzip."""

import csv
import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, is_number, listed, named, unreadable
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.datasets.readers.columns import (
    LONGEST_LABEL,
    bad_cell,
    check_missing,
    target_position,
    without_counters,
)
from rl_designer.envs.files.archives import FREE, MOST_EXPANSION

_DELIMITERS = ",;\t|"
_BATCH = 4096  # rows held as text at a time
_LONGEST_HEADER = 1 << 20  # characters
_SUFFIX = re.compile(r"\.[ct]sv(\.gz)?$", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')
_DELIMITER_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE)  # as spreadsheets write it before the header
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")  # in the one spelling that it has
_TRUTH = {"true": 1.0, "false": 0.0}

Rows = list[tuple[int, list[str]]]  # line number, fields


def read_csv(path: Path, target: str | None = None) -> RawData:
    """A table whose first line names the columns; all but the target hold numbers, or True and False. UTF-8.

    Raises:
        DatasetError: for a missing or unknown target, and for the first cell or line that is wrong.
    """
    try:
        with _opened(path) as file:
            first = file.readline(_LONGEST_HEADER)
            told = _DELIMITER_LINE.fullmatch(first)
            if told is None:
                file.seek(0)
            unquoted = _QUOTED.sub("", first)
            delimiter = told[1] if told else max(_DELIMITERS, key=unquoted.count)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            return _table(reader, path, target, 1 if told else 0)
    except UnicodeDecodeError as reason:
        byte = f"byte {reason.object[reason.start]:#x}"
        raise DatasetError(f"{named(path)} must be text in UTF-8, got {byte}; save it anew") from reason
    except (OSError, EOFError, zlib.error, MemoryError, csv.Error) as reason:
        raise unreadable(path, f"a {path.name[len(_name(path)) :].lower()} file", reason) from reason


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """The text of a file. Raises DatasetError where a small packed one holds far too much."""
    if path.suffix.lower() != ".gz":
        with path.open(newline="", encoding="utf-8-sig") as file:
            yield file
        return
    most = max(FREE, MOST_EXPANSION * path.stat().st_size)
    with gzip.open(path) as packed:
        unpacked = packed.read(most + 1)
    if len(unpacked) > most:
        raise DatasetError(
            f"{named(path)} has {path.stat().st_size:,} bytes and unpacks to more than {most:,}, "
            "which is beyond belief; if it is meant to be so, unpack it"
        )
    yield TextIOWrapper(BytesIO(unpacked), newline="", encoding="utf-8-sig")


def _name(path: Path) -> str:
    return _SUFFIX.sub("", path.name)


def _table(reader: Any, path: Path, target: str | None, skipped: int) -> RawData:
    where = named(path)
    columns = [name.strip() for name in next(reader, [])]
    if not columns:
        raise DatasetError(f"{where} is empty")
    position = target_position(columns, target, where)
    features = columns[:position] + columns[position + 1 :]
    labels: list[str] = []
    lines: list[int] = []
    batches, told = [], np.zeros((2, len(features)), dtype=bool)
    for rows in _batches(reader, len(columns), where, skipped):
        labels += [_label(fields.pop(position), line, columns[position], where) for line, fields in rows]
        lines += [line for line, _ in rows]
        x, truths = _numbers(rows, features, where)
        told |= np.stack([truths.any(axis=0), (~truths & (x != 0) & (x != 1)).any(axis=0)])
        batches.append(x)
    if not batches:
        raise DatasetError(f"{where} holds no rows below its header")
    true = [name for name, found in zip(features, told[0].tolist(), strict=True) if found]
    if mixed := [name for name in true if told[1, features.index(name)]]:
        raise DatasetError(
            f"column {mixed[0]!r} of {where} holds numbers and True or False; make it one of them"
        )
    check_missing(labels, lambda index: f"line {lines[index]}", columns[position], where)
    x, notes = without_counters(np.concatenate(batches), features, where)
    notes += (f"{where}: True is 1 and False is 0 in {listed(map(repr, true))}",) if true else ()
    y = {"train": _label_array(labels)}
    return RawData(_name(path), {"train": x}, y, where, notes=notes, columns=tuple(features))


def _batches(reader: Any, width: int, where: str, skipped: int) -> Iterator[Rows]:
    """Rows of the right width, blank lines left out. `skipped`: lines before the reader's first."""
    rows: Rows = []
    for fields in reader:
        if not fields:
            continue
        line = reader.line_num + skipped
        if len(fields) != width:
            raise DatasetError(f"line {line} of {where} must have {width} cells, got {len(fields)}")
        rows.append((line, fields))
        if len(rows) == _BATCH:
            yield rows
            rows = []
    if rows:
        yield rows


def _label(text: str, line: int, column: str, where: str) -> str:
    text = text.strip()
    if len(text) > LONGEST_LABEL:
        raise DatasetError(
            f"target column {column!r} of {where} must hold classes of at most {LONGEST_LABEL} characters, "
            f"got {len(text):,} in line {line}"
        )
    return text


def _label_array(labels: Sequence[str]) -> NDArray[Any]:
    """Labels as they are spelled; int64 where each is a whole number in its one spelling, and float64, which
    is refused, where they are numbers that aren't whole.
    """
    distinct = set(labels)
    if all(map(_WHOLE.fullmatch, distinct)):
        return np.array(labels).astype(np.int64)
    if all(map(is_number, distinct)) and not all(float(label).is_integer() for label in distinct):
        return np.array([float(label) for label in labels])
    return np.array(labels, dtype=np.str_)


def _numbers(
    rows: Rows, features: Sequence[str], where: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """[rows, features], and where a cell holds True or False, which are 1 and 0."""
    try:
        x = np.array([[float(text) for text in fields] for _, fields in rows])
        truths = np.zeros(x.shape, dtype=bool)
    except ValueError:
        cells = [[text.strip().lower() for text in fields] for _, fields in rows]
        truths = np.array([[text in _TRUTH for text in fields] for fields in cells])
        try:
            x = np.array([[_TRUTH[text] if text in _TRUTH else float(text) for text in row] for row in cells])
        except ValueError:
            raise next(_bad_cells(rows, features, where)) from None
    if not np.isfinite(x).all():
        raise next(_bad_cells(rows, features, where))
    return x, truths


def _bad_cells(rows: Rows, features: Sequence[str], where: str) -> Iterator[DatasetError]:
    for line, fields in rows:
        for column, text in zip(features, fields, strict=True):
            try:
                finite = text.strip().lower() in _TRUTH or np.isfinite(float(text))
            except ValueError:
                finite = False
            if not finite:
                yield bad_cell(where, f"line {line}", column, text)
