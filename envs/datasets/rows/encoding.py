"""`RowEncoding`: how the rows of a table become features, learned from the training part alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, listed
from rl_designer.envs.datasets.rows.cells import (
    encoded_column,
)
from rl_designer.envs.datasets.rows.checking import PARTS, check_encoding
from rl_designer.envs.datasets.rows.table import Rows

_MOST_BYTES = 8 * 2**30

KINDS = ("number", "truth", "category", "date")

Column = dict[str, Any]


@dataclass(frozen=True, eq=False)
class RowEncoding:
    """What rows become features by; with `to_dict` it goes into files.

    Attributes:
        columns: those that become features, in their order, as `cells.encoded_rows` takes them.
        left_out: the name of each other column, and why it is none of them.
    """

    columns: tuple[Column, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """What each feature is called, in their order."""
        return tuple(name for column in self.columns for name in _features(column))

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns whose cells must be read as they are spelled."""
        return tuple(column["name"] for column in self.columns if not _is_plain(column))

    @property
    def plain(self) -> bool:
        """Whether there is nothing to tell: all columns are numbers, and are what they were."""
        return not self.left_out and not any(
            column["gaps"] or not _is_plain(column) or column["scale"] for column in self.columns
        )

    @property
    def summary(self) -> str:
        """What became of the columns, in one line."""
        columns = "1 column" if len(self.columns) == 1 else f"{len(self.columns):,} columns"
        line = f"{columns}: {', '.join(_told(self.columns))}"
        reasons: dict[str, list[str]] = {}
        for name, reason in self.left_out:
            reasons.setdefault(reason, []).append(repr(name) if name else "a column without a name")
        if not reasons:
            return line
        left_out = (f"{listed(names)}, {reason}" for reason, names in reasons.items())
        return f"{line}; left out: {'; '.join(left_out)}"

    def apply(self, rows: Rows) -> NDArray[np.float64]:
        """The features of rows, float64 [n, features]: what `cells.encoded_rows` gives, to the bit.

        Raises:
            DatasetError: for a column that is missing, and for the first cell that can't be read.
        """
        features = np.empty((len(rows), len(self.feature_names)))
        start = 0
        for column in self.columns:
            if column["name"] not in rows.names:
                raise DatasetError(f"column {column['name']!r} is missing; there are: {listed(rows.names)}")
            block = _block(column, rows)
            features[:, start : start + block.shape[1]] = block
            start += block.shape[1]
        return features

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` reads it back."""
        return {"columns": list(self.columns), "left_out": [list(pair) for pair in self.left_out]}

    @classmethod
    def from_dict(cls, given: object) -> Self:
        """Of what a stranger may have written. Raises ValueError, one line, for anything else."""
        columns, left_out = check_encoding(given)
        return cls(columns, left_out)


def check_size(encoding: RowEncoding, rows: int, where: str) -> None:
    """Raises DatasetError before memory is taken for far too many features."""
    needed = 8 * rows * len(encoding.feature_names)
    if needed > _MOST_BYTES:
        raise DatasetError(
            f"the {len(encoding.feature_names):,} features of the {rows:,} rows of {where} would take "
            f"{needed / 2**30:.0f} GiB of memory; at most 8: leave columns out with --drop"
        )


# -- applying it -----------------------------------------------------------------------------------


def _is_plain(column: Column) -> bool:
    return column["kind"] == "number" and column["decimal"] == "plain" and not column["sign"]


def _block(column: Column, rows: Rows) -> NDArray[np.float64]:
    """The features of one column, [n, features]; each distinct cell is encoded once."""
    cells = rows.column(column["name"])
    if cells.dtype != object and column["kind"] in ("number", "truth"):
        gaps = np.isnan(cells)
        values = np.where(gaps, column["fill"], cells)
        if column.get("scale"):
            away = (values - column["centre"]) / column["scale"]
            values = away / np.sqrt(1 + (away / 3) * (away / 3))
        return np.stack([values, gaps.astype(np.float64)], axis=1) if column["gaps"] else values[:, None]
    first: dict[Any, int] = {}
    known: dict[Any, int] = {}
    codes = np.empty(len(cells), dtype=np.int64)
    for row, cell in enumerate(cells.tolist()):
        codes[row] = known.setdefault(cell, len(known))
        first.setdefault(cell, row)
    width = len(_features(column))
    table = np.array(_encoded(column, list(known), first, rows)).reshape(len(known), width)
    return table[codes]


def _encoded(column: Column, cells: list[Any], first: Mapping[Any, int], rows: Rows) -> list[list[float]]:
    try:
        return encoded_column(column, cells)
    except ValueError:
        for cell in cells:
            try:
                encoded_column(column, [cell])
            except ValueError as error:
                place = rows.place(first[cell])
                raise DatasetError(str(error).replace("row 1", place, 1)) from None
        raise


def _features(column: Column) -> list[str]:
    """What the features of a column are called."""
    name = column["name"]
    names = {
        "number": lambda: [name],
        "truth": lambda: [name],
        "category": lambda: [
            *(f"{name} = {value}" for value in column["values"]),
            *([f"{name} = another"] if column["other"] else []),
            *(f"{name} has {word!r}" for word in column["words"]),
            *(f"{name}, hashed {number}" for number in range(column["hashed"])),
        ],
        "date": lambda: [f"{name}: {feature}" for part in column["parts"] for feature in PARTS[part]],
    }[column["kind"]]()
    return [*names, f"{name} is missing"] if column["gaps"] else names


# -- telling it ------------------------------------------------------------------------------------


def _words(chosen: Sequence[Column], one: str, many: str) -> str:
    """Such as `4 categories → 23`."""
    if not chosen:
        return ""
    words = f"{len(chosen):,} {one if len(chosen) == 1 else many}"
    features = sum(len(_features(column)) for column in chosen)
    if chosen[0]["kind"] in ("category", "date"):
        return f"{words} → {features:,}"
    counts = {
        "with gaps": sum(column["gaps"] for column in chosen),
        "with long tails drawn in": sum(bool(column.get("scale")) for column in chosen),
    }
    told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    return f"{words} ({told})" if told else words


def _told(columns: Sequence[Column]) -> list[str]:
    of_kind = {kind: [c for c in columns if c["kind"] == kind] for kind in KINDS}
    texts = [column for column in of_kind["category"] if column["words"] or column["hashed"]]
    categories = [column for column in of_kind["category"] if not (column["words"] or column["hashed"])]
    told = (
        _words(of_kind["number"], "number", "numbers"),
        _words(of_kind["truth"], "of True (1) and False (0)", "of True (1) and False (0)"),
        _words(categories, "category", "categories"),
        _words(texts, "text", "texts"),
        _words(of_kind["date"], "date", "dates"),
    )
    return [words for words in told if words]
