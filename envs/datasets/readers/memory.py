"""Tables in memory that a network is used on, as rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rl_designer.envs.datasets.errors import DatasetError
from rl_designer.envs.datasets.readers.frames import rows_of
from rl_designer.envs.datasets.rows.table import Rows, object_array


def table_of(given: Any, names: Sequence[str]) -> Rows:
    """The named columns of a table in memory, as far as they are there.

    Args:
        given: a DataFrame (an index with names is columns, too), a mapping from names to cells, or a sequence
            of mappings from names to a cell, as csv.DictReader gives them.

    Raises:
        DatasetError: for anything else, and for columns of unequal length.
    """
    if hasattr(given, "iloc") and hasattr(given, "columns"):
        return _of_frame(given, names)
    columns = _columns(given, names)
    if len({len(cells) for cells in columns.values()}) > 1:
        raise DatasetError("all columns must have as many cells")
    return Rows(tuple(columns), tuple(object_array(list(map(_plain, cells))) for cells in columns.values()))


def _of_frame(frame: Any, names: Sequence[str]) -> Rows:
    if any(name in names and name not in frame.columns for name in frame.index.names):
        frame = frame.reset_index()
    if getattr(frame.columns, "nlevels", 1) == 1:
        frame = frame.loc[:, [str(name) in names for name in frame.columns]]  # others may be anything
    return rows_of(frame, "the rows")


def _columns(given: Any, names: Sequence[str]) -> dict[str, Sequence[Any]]:
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


def _plain(cell: Any) -> Any:
    """A cell as a file has it: a text, a number, or None."""
    if isinstance(cell, np.floating):
        return float(str(cell))
    if isinstance(cell, np.integer):
        return int(cell)
    if cell is None or (isinstance(cell, str | int | float) and not isinstance(cell, bool)):
        return cell
    return str(cell)
