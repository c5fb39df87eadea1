"""DataFrames in memory as rows. pandas isn't imported: who has a DataFrame has it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError
from rl_designer.envs.datasets.rows.kinds import typed
from rl_designer.envs.datasets.rows.table import Rows, object_array

_NUMBERS = "iuf"


def is_mixed(data: Any) -> bool:
    """Whether it is a DataFrame with columns that aren't numbers or truth values, or with gaps."""
    if not (hasattr(data, "iloc") and hasattr(data, "dtypes") and hasattr(data, "columns")):
        return False
    return any(kind.kind not in f"{_NUMBERS}b" for kind in data.dtypes) or bool(data.isna().to_numpy().any())


def rows_of(frame: Any, where: str) -> Rows:
    """The columns of a DataFrame, without its index; numbers as float64, other cells as texts or None.

    Raises:
        DatasetError: for another object, and for columns of several levels or of one name.
    """
    if not hasattr(frame, "iloc") or getattr(frame.columns, "nlevels", 1) > 1:
        raise DatasetError(f"{where} must be a DataFrame with one name a column, got {type(frame).__name__}")
    names = tuple(map(str, frame.columns))
    if len(set(names)) < len(names):
        raise DatasetError(f"{where} has columns of one name; got {', '.join(names)}")
    return Rows(names, tuple(_cells(frame.iloc[:, index]) for index in range(len(names))))


def typed_rows(frame: Any, where: str) -> tuple[Rows, tuple[str, ...]]:
    """The same with a schema, as `typed` gives it, and notes. Categories by their type stay such.

    Raises:
        DatasetError: as `rows_of` and `typed`.
    """
    kinds = zip(frame.columns, frame.dtypes, strict=True)
    categorical = [str(name) for name, kind in kinds if hasattr(kind, "categories")]
    return typed(rows_of(frame, where), categorical, None, where)


def _cells(column: Any) -> NDArray[Any]:
    if column.dtype.kind in _NUMBERS and not hasattr(column.dtype, "categories"):
        numbers: NDArray[Any] = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return numbers
    gaps = column.isna().to_numpy()
    pairs = zip(column.tolist(), gaps, strict=True)
    return object_array([None if gap else str(cell) for cell, gap in pairs])
