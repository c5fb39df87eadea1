"""`Texts`: examples that are texts, as they were read; and what may be told of how to read them."""

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.rows.table import Rows, object_array

Symbols = Literal["characters", "words", "pieces"]
_FEWEST_DISTINCT = 20
_LEAST_SHARE = 0.5  # of the filled cells of a column that are distinct, where it holds texts


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts before anything is learned of them.

    Attributes:
        values: str objects [n]; what was missing is an empty one.
        column: of a table, that they stood in; None for other sources.
    """

    values: NDArray[Any]
    column: str | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def shape(self) -> tuple[int, int]:
        """(texts, 1), as of a table with one column."""
        return len(self), 1

    @property
    def ndim(self) -> int:
        return 2

    def __getitem__(self, indices: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """Some of the texts."""
        return type(self)(self.values[indices], self.column)

    @property
    def content(self) -> list[tuple[str, Any]]:
        """What `content_of` takes."""
        return [("texts", self.values), ("column", self.column)]


@dataclass(frozen=True)
class Reading:
    """What a user says of how texts become symbols.

    Attributes:
        symbols: None for what suits the texts.
        vocabulary: the most symbols; None for the usual number.
    """

    symbols: Symbols | None = None
    vocabulary: int | None = None


def texts_in(given: Any) -> Texts | None:
    """A sequence of texts in memory: a list, a Series, an array [n] or [n, 1]; None for anything else."""
    if isinstance(given, np.ndarray):
        if given.dtype.kind not in "UO" or given.ndim not in (1, 2) or given.shape[1:] not in ((), (1,)):
            return None
        items = given.ravel().tolist()
    elif isinstance(given, list | tuple) or type(given).__name__ == "Series":
        items = list(given)
    else:
        return None
    if not items or not all(isinstance(item, str) for item in items):
        return None
    return Texts(object_array([str(item) for item in items]))


def column_of(rows: Rows, column: str) -> Texts:
    """A column of a table as texts; a gap is an empty one."""
    cells = rows.column(column)
    return Texts(object_array([str(cell) if isinstance(cell, str) else "" for cell in cells]), column)


def only_texts(rows: Rows) -> str | None:
    """The column of a table that has no other one, where it holds texts: neither numbers nor dates, nobody
    has said that they are categories, and at least half of them, and 20, are distinct. None where there is
    no such.
    """
    if len(rows.names) != 1 or rows.schema[0]["kind"] != "category" or rows.schema[0].get("declared"):
        return None
    filled = [cell for cell in rows.cells[0].tolist() if cell]
    distinct = len(set(filled))
    enough = distinct >= max(_FEWEST_DISTINCT, _LEAST_SHARE * len(filled))
    return rows.names[0] if enough else None
