"""Tables of rows in text: `.csv`, `.tsv`, and packed with gzip."""

import csv
import gzip
import re
import zlib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, named, unreadable
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.datasets.readers.columns import (
    LONGEST_LABEL,
    Columns,
    known_targets,
    raw_table,
    type_of_labels,
)
from rl_designer.envs.datasets.rows.table import Rows, object_array
from rl_designer.envs.files.archives import FREE, MOST_EXPANSION

_DELIMITERS = ",;\t|"
_BATCH = 4096  # rows held as text at a time
_LONGEST_HEADER = 1 << 20  # characters
_SUFFIX = re.compile(r"\.[ct]sv(\.gz)?$", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')
_DELIMITER_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE)  # as spreadsheets write it before the header

_Lines = list[tuple[int, list[str]]]  # line number, fields


def read_csv(path: Path, **options: Any) -> RawData:
    """A table whose first line names the columns: features and a target. UTF-8, or UTF-16 with its mark.

    Args:
        options: as `Columns` has them.

    Raises:
        DatasetError: for a missing or unknown target, and for the first cell or line that is wrong.
    """
    columns, where = Columns(**options), named(path)
    target = ""

    def keep(names: Sequence[str]) -> Collection[str]:
        nonlocal target
        target = columns.checked(names, where)
        return columns.texts if columns.decimal is None else names

    rows = _read(path, keep)
    labels = rows.column(target).tolist()
    _check_lengths(labels, rows, target, where)
    known, notes = known_targets(labels, rows.place, columns, where)
    rows = rows.without([target])
    if known is not None:
        rows, labels = rows[known], [label for label, there in zip(labels, known, strict=True) if there]
    return raw_table(
        rows,
        np.array(labels, dtype=np.str_).astype(type_of_labels(labels)),
        columns,
        _name(path),
        where,
        notes,
    )


def read_csv_rows(path: Path, texts: Collection[str] = ()) -> Rows:
    """All columns of such a table, as `RowEncoding.apply` takes them.

    Args:
        texts: columns whose cells are kept as they are spelled.

    Raises:
        DatasetError: for the first line that is wrong.
    """
    return _read(path, lambda names: texts)


def _read(path: Path, keep: Callable[[Sequence[str]], Collection[str]]) -> Rows:
    """The rows. `keep`: of the columns' names those whose cells are kept as they are spelled."""
    try:
        with _opened(path) as file:
            first = file.readline(_LONGEST_HEADER)
            told = _DELIMITER_LINE.fullmatch(first)
            if told is None:
                file.seek(0)
            unquoted = _QUOTED.sub("", first)
            delimiter = told[1] if told else max(_DELIMITERS, key=unquoted.count)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            return _table(reader, path, keep, 1 if told else 0)
    except UnicodeDecodeError as reason:
        byte = f"byte {reason.object[reason.start]:#x}"
        raise DatasetError(f"{named(path)} must be text in UTF-8, got {byte}; save it anew") from reason
    except (OSError, EOFError, UnicodeError, zlib.error, MemoryError, csv.Error) as reason:
        raise unreadable(path, f"a {path.name[len(_name(path)) :].lower()} file", reason) from reason


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """The text of a file. Raises DatasetError where a small packed one holds far too much."""
    if path.suffix.lower() != ".gz":
        with path.open("rb") as raw:
            encoding = _encoding(raw.read(2))
        with path.open(newline="", encoding=encoding) as file:
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
    yield TextIOWrapper(BytesIO(unpacked), newline="", encoding=_encoding(unpacked[:2]))


def _encoding(first: bytes) -> str:
    """Of a text by its first two bytes."""
    return "utf-16" if first in (BOM_UTF16_LE, BOM_UTF16_BE) else "utf-8-sig"


def _name(path: Path) -> str:
    return _SUFFIX.sub("", path.name)


def _table(reader: Any, path: Path, keep: Callable[[Sequence[str]], Collection[str]], skipped: int) -> Rows:
    where = named(path)
    names = [name.strip() for name in next(reader, [])]
    if not names:
        raise DatasetError(f"{where} is empty")
    kept = keep(names)
    lines: list[int] = []
    columns = [_Column(name in kept) for name in names]
    for rows in _batches(reader, len(names), where, skipped):
        lines += [line for line, _ in rows]
        for column, cells in zip(columns, zip(*(fields for _, fields in rows), strict=True), strict=True):
            column.add(cells)
    if not lines:
        raise DatasetError(f"{where} holds no rows below its header")
    return Rows(tuple(names), tuple(column.cells() for column in columns), np.array(lines))


class _Column:
    """The cells of a column as its batches come: numbers where all of them are, else texts.

    The texts of numbers are kept too, in one, until the last batch has come: it may hold a word.
    """

    def __init__(self, as_text: bool) -> None:
        self._as_text = as_text
        self._numbers: list[NDArray[np.float64]] = []
        self._texts: list[str | list[str]] = []
        self._known: dict[str, str] = {}  # each distinct text is held once

    def add(self, cells: Sequence[str]) -> None:
        if not self._as_text:
            joined = ",".join(cells)
            try:
                numbers = np.fromiter(map(float, cells), np.float64, len(cells))
            except ValueError:
                self._as_text = True
            else:
                # Python reads 3_14 as 314; and what is infinite is told as it is spelled.
                self._as_text = "_" in joined or bool(np.isinf(numbers).any())
                self._numbers.append(numbers)
                self._texts.append(joined)
                return
        self._texts.append([self._known.setdefault(cell, cell) for cell in map(str.strip, cells)])

    def cells(self) -> NDArray[Any]:
        """float64 [n], or texts as objects [n]."""
        if not self._as_text:
            return np.concatenate(self._numbers)
        texts = (text.split(",") if isinstance(text, str) else text for text in self._texts)
        return object_array([self._known.setdefault(c, c) for part in texts for c in map(str.strip, part)])


def _batches(reader: Any, width: int, where: str, skipped: int) -> Iterator[_Lines]:
    """Rows of the right width, blank lines left out. `skipped`: lines before the reader's first."""
    rows: _Lines = []
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


def _check_lengths(labels: Sequence[str], rows: Rows, column: str, where: str) -> None:
    for row, label in enumerate(labels):
        if len(label) > LONGEST_LABEL:
            raise DatasetError(
                f"target column {column!r} of {where} must hold classes of at most {LONGEST_LABEL} "
                f"characters, got {len(label):,} in {rows.place(row)}"
            )
