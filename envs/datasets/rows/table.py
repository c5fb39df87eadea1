"""`Rows`: a table of rows as it was read, column by column."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Rows:
    """Columns of cells, and what is known of them before anything is learned.

    Attributes:
        names: of the columns, no two alike.
        cells: a column's cells, [n]: float64 where all are numbers (NaN is a gap), else objects, each
            a text or None.
        lines: int64 [n], where the rows stand in a text file, counted from 1; None counts the rows.
        schema: how each column is read, a dictionary each, as `learned` takes it; empty before `typed`.
        left_out: column and reason, of those that were left out already.
    """

    names: tuple[str, ...]
    cells: tuple[NDArray[Any], ...] = field(repr=False)
    lines: NDArray[np.int64] | None = field(default=None, repr=False)
    schema: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    left_out: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.cells[0]) if self.cells else 0

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return len(self), len(self.names)

    @property
    def ndim(self) -> int:
        return 2

    def __getitem__(self, indices: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """Some of the rows."""
        cells = tuple(column[indices] for column in self.cells)
        return replace(self, cells=cells, lines=None if self.lines is None else self.lines[indices])

    def column(self, name: str) -> NDArray[Any]:
        return self.cells[self.names.index(name)]

    def without(self, names: Collection[str], reason: str = "") -> Self:
        """The same without some columns; a reason has them told."""
        kept = [index for index, name in enumerate(self.names) if name not in names]
        told = tuple((name, reason) for name in self.names if name in names and reason)
        return replace(
            self,
            names=tuple(self.names[index] for index in kept),
            cells=tuple(self.cells[index] for index in kept),
            schema=tuple(self.schema[index] for index in kept) if self.schema else (),
            left_out=self.left_out + told,
        )

    @property
    def content(self) -> list[tuple[str, Any]]:
        """Names and cells, as `content_of` takes them."""
        return [("columns", [self.names, self.left_out]), *zip(self.names, self.cells, strict=True)]

    def place(self, row: int) -> str:
        """A row by its index, as people find it."""
        return f"row {row + 1}" if self.lines is None else f"line {self.lines[row]}"


def object_array(cells: Sequence[Any]) -> NDArray[Any]:
    """Cells as objects [n], texts among them as they are."""
    array = np.empty(len(cells), dtype=object)
    array[:] = cells
    return array
