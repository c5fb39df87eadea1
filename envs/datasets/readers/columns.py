"""Tables of rows, a column a feature and one the classes: what files of all formats have in common."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, is_number, listed, shortened
from rl_designer.envs.errors import unknown_name

LONGEST_LABEL = 1_000  # characters; NumPy takes four bytes for each of the longest, in every row
_MISSING = ("", "?", "na", "n/a", "#n/a", "nan", "null")  # what people write where nothing is known
_GAPS = (*_MISSING, "-", "none")  # the same in place of a number; either may well be a class
_FEWEST_COUNTED = 10  # rows; that fewer values rise by one each may be chance


def without_counters(
    x: NDArray[np.float64], names: Sequence[str], where: str
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """The features without columns that only count the rows, and what is said of them.

    Args:
        x: [rows, columns].
        names: of the columns; "" for one without a name, which must be one of those that count.

    Raises:
        DatasetError: for another column without a name, and where no feature is left.
    """
    counted = len(x) >= _FEWEST_COUNTED
    counts = (x == x[:1] + np.arange(len(x))[:, None]).all(axis=0) & counted
    if any(not name and not counter for name, counter in zip(names, counts, strict=True)):
        raise DatasetError(
            f"a column of {where} has no name; if it is a saved row index, leave it out (pandas: to_csv(…, "
            "index=False))"
        )
    counters = [name for name, counter in zip(names, counts, strict=True) if counter]
    left_out = [repr(name) if name else "a column without a name" for name in counters]
    if counts.all():
        raise DatasetError(f"{where} must have features besides {listed(left_out)}, which counts the rows")
    notes = (f"{where}: left out {listed(left_out)}, which counts the rows",) if left_out else ()
    return x[:, ~counts], notes


def check_missing(labels: Sequence[object], place: Callable[[int], str], column: str, where: str) -> None:
    """Refuses targets where nothing is known.

    Args:
        labels: as they were read, None where there is nothing at all.
        place: of a label by its number, as people find it, such as `line 7`.

    Raises:
        DatasetError: with their number.
    """
    missing = [index for index, label in enumerate(labels) if label is None or str(label).lower() in _MISSING]
    if missing:
        first = labels[missing[0]]
        raise DatasetError(
            f"target column {column!r} of {where} is empty in {len(missing):,} of {len(labels):,} rows, "
            f"first in {place(missing[0])}{f' ({str(first)!r})' if first else ''}; leave these rows out"
        )


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
