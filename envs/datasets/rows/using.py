"""Rows that a network is used on: tables in memory, and what is said of cells unlike those of training."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rl_designer.envs.datasets.errors import DatasetError, listed, shortened
from rl_designer.envs.datasets.rows.cells import is_gap, text_of
from rl_designer.envs.datasets.rows.encoding import Column, RowEncoding
from rl_designer.envs.datasets.rows.table import Rows, object_array

_SHOWN = 3  # unknown categories of a column


def rows_of(given: Any, names: Sequence[str]) -> Rows:
    """The named columns of a table in memory, as far as they are there.

    Args:
        given: a DataFrame (an index with names is columns, too), a mapping from names to cells, or a sequence
            of mappings from names to a cell, as csv.DictReader gives them.

    Raises:
        DatasetError: for anything else, and for columns of unequal length.
    """
    columns = _columns(given, names)
    if len({len(cells) for cells in columns.values()}) > 1:
        raise DatasetError("all columns must have as many cells")
    return Rows(tuple(columns), tuple(object_array(list(map(_plain, cells))) for cells in columns.values()))


def _columns(given: Any, names: Sequence[str]) -> dict[str, Sequence[Any]]:
    if hasattr(given, "columns") and hasattr(given, "to_numpy"):
        return _of_frame(given, names)
    if isinstance(given, Mapping):
        return {name: list(given[name]) for name in names if name in given}
    rows = list(given) if hasattr(given, "__iter__") and not isinstance(given, str | bytes) else [given]
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise DatasetError(
                "rows must be a DataFrame, a mapping from names to columns or a list of such rows, got "
                f"{type(given).__name__} of {type(row).__name__}"
            )
        if missing := [name for name in names if name not in row]:
            raise DatasetError(f"column {missing[0]!r} is missing in row {number}; the network needs it")
    return {name: [row[name] for row in rows] for name in names}


def _of_frame(frame: Any, names: Sequence[str]) -> dict[str, Sequence[Any]]:
    indices = [name for name in frame.index.names if name in names and name not in frame.columns]
    if indices:
        frame = frame.reset_index()
    there = [str(name) for name in frame.columns]
    if twice := [name for name in names if there.count(name) > 1]:
        raise DatasetError(f"the rows have two columns called {twice[0]!r}; each needs its own name")
    columns: dict[str, Sequence[Any]] = {}
    for position, name in enumerate(there):
        if name in names:
            column = frame.iloc[:, position]
            # Of float32 a list would have more digits than a file.
            columns[name] = list(column.to_numpy() if getattr(column.dtype, "kind", "O") == "f" else column)
    return columns


def _plain(cell: Any) -> Any:
    """A cell as a file has it: a text, a number, or None."""
    if isinstance(cell, np.floating):
        return float(str(cell))
    if isinstance(cell, np.integer):
        return int(cell)
    if cell is None or (isinstance(cell, str | int | float) and not isinstance(cell, bool)):
        return cell
    return str(cell)


def notes_on_strangers(encoding: RowEncoding, rows: Rows) -> Iterator[str]:
    """What is said of gaps where training had none, and of categories that it didn't know; with counts."""
    for column in encoding.columns:
        if column["name"] in rows.names:
            counts = _counts(rows, column)
            if gaps := 0 if column["gaps"] else sum(n for cell, n in counts.items() if is_gap(cell)):
                yield _of_gaps(column, gaps)
            if column["kind"] == "category" and not (column["words"] or column["hashed"]):
                yield from _of_categories(column, counts)


def _counts(rows: Rows, column: Column) -> Mapping[Any, int]:
    cells = rows.column(column["name"])
    if cells.dtype == object:
        return Counter(cells.tolist())
    return {None: int(np.isnan(cells).sum())}  # no category


def _of_gaps(column: Column, gaps: int) -> str:
    filled = f"filled with {column['fill']:g}" if column["kind"] in ("number", "truth") else "passed over"
    filled = "filled with a usual one" if column["kind"] == "date" else filled
    return f"column {column['name']!r} is empty in {gaps:,} rows, which was no habit in training: {filled}"


def _of_categories(column: Column, counts: Mapping[Any, int]) -> Iterator[str]:
    unknown: Counter[str] = Counter()
    for cell, count in counts.items():
        if not is_gap(cell) and (text := text_of(cell)) not in column["values"]:
            unknown[text] += count
    if unknown:
        what = "rare in training or unknown" if column["other"] else "unknown"
        shown = listed(repr(shortened(text)[:60]) for text in list(unknown)[:_SHOWN])
        more = " …" if len(unknown) > _SHOWN else ""
        yield f"column {column['name']!r} holds {what} categories in {unknown.total():,} rows: {shown}{more}"
