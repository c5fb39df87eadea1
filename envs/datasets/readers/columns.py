"""What `.csv` and `.parquet` share: the columns, the target, and errors that name a cell."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.dataset import DatasetError
from rl_designer.envs.datasets.files import is_number, listed, shortened
from rl_designer.envs.names import unknown_name

LONGEST_LABEL = 1_000  # characters; NumPy takes four bytes for each of the longest, in every row
_GAPS = ("", "?", "-", "na", "n/a", "none", "null")  # what people write where nothing is known


def target_position(columns: Sequence[str], target: str | None, where: str) -> int:
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


def bad_cell(where: str, row: str, column: str, value: str | None) -> DatasetError:
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


def label_array(labels: Sequence[str]) -> NDArray[Any]:
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
