"""`RowEncoding`: how the rows of a table become features, learned from the training part alone."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, listed, shortened
from rl_designer.envs.datasets.rows.cells import encoded, is_gap, moment_of, text_of
from rl_designer.envs.datasets.rows.checking import LONGEST_VALUE, PARTS, check_encoding
from rl_designer.envs.datasets.rows.table import Rows

_MOST_VALUES = 30  # of a column, that have a feature of their own
_FEW = 10  # values that all have one, however rare, unless they are there once
_RARE = 0.005  # of the rows
_FEWEST_GAPS = 2  # that tell something
_HASHED = 32  # features that share the words and values that have none of their own
_REST = 0.1  # of the rows: where the values without a feature of their own are more, they are hashed
_IDENTIFIERS = 0.95  # distinct, of the cells that are known
_MOST_BYTES = 8 * 2**30
# Parts of a date whose features vary by less are constant: years within a day, or rounding.
_LEAST = {"years": 1 / 365, "season": 1e-9, "weekday": 1e-9, "time": 1e-9}

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
            column["gaps"] or not _is_plain(column) for column in self.columns
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


def learned(rows: Rows, where: str) -> RowEncoding:
    """The encoding of a training part.

    Args:
        rows: as `kinds.typed` gives them.
        where: the source, for errors.

    Raises:
        DatasetError: where no column is left.
    """
    columns, left_out = [], list(rows.left_out)
    for schema, cells in zip(rows.schema, rows.cells, strict=True):
        column, reason = _LEARNERS[schema["kind"]](schema, cells)
        if column is None:
            left_out.append((schema["name"], reason))
        else:
            columns.append(column)
    if not columns:
        told = "; ".join(f"{name!r}, {reason}" for name, reason in left_out)
        raise DatasetError(f"{where} must have features; left out: {shortened(told)}")
    return RowEncoding(tuple(columns), tuple(left_out))


def check_size(encoding: RowEncoding, rows: int, where: str) -> None:
    """Raises DatasetError before memory is taken for far too many features."""
    needed = 8 * rows * len(encoding.feature_names)
    if needed > _MOST_BYTES:
        raise DatasetError(
            f"the {len(encoding.feature_names):,} features of the {rows:,} rows of {where} would take "
            f"{needed / 2**30:.0f} GiB of memory; at most 8: leave columns out with --drop"
        )


# -- learning a column -----------------------------------------------------------------------------

Learned = tuple[Column | None, str]


def _number(schema: Column, cells: NDArray[np.float64]) -> Learned:
    known = cells[~np.isnan(cells)]
    gaps = _gaps(len(cells) - len(known))
    if reason := _constant(known, gaps):
        return None, reason
    fill = float(np.median(known))
    if schema["kind"] == "truth":
        return {**schema, "fill": float(fill >= 0.5), "gaps": gaps}, ""
    return {"sign": "", "decimal": "plain", **schema, "fill": fill, "gaps": gaps}, ""


def _constant(known: Any, gaps: bool) -> str:
    """Why a column of these known values is left out; "" where it isn't."""
    if len(known) == 0:
        return "which is empty in the training part"
    if not gaps and (known == known[0]).all():
        return f"which is always {known[0]:g} in the training part"
    return ""


def _gaps(count: int) -> bool:
    return count >= _FEWEST_GAPS


def _category(schema: Column, cells: NDArray[Any]) -> Learned:
    texts = [text_of(cell) for cell in cells.tolist() if not is_gap(cell)]
    counts, declared = Counter(texts), schema.get("declared", False)
    gaps = _gaps(len(cells) - len(texts))
    if not texts:
        return None, "which is empty in the training part"
    if len(counts) == 1 and not gaps:
        return None, f"which is always {shortened(texts[0])!r} in the training part"
    alone = len(counts) >= _IDENTIFIERS * len(texts)
    if alone and (declared or not any(" " in text for text in counts)):
        return None, "in which every row has another value"
    least = 2 if len(counts) <= _FEW else max(2, math.ceil(_RARE * len(cells)))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    short = [text for text, count in ranked if count >= least and len(text) <= LONGEST_VALUE]
    values = sorted(short[:_MOST_VALUES])
    rest = len(texts) - sum(counts[value] for value in values)
    hashed = rest > _REST * len(cells) and len(counts) > _FEW and not declared
    if not (values or hashed or gaps):
        return None, "of which no value is there often enough"
    column = {
        "name": schema["name"],
        "kind": "category",
        "values": values,
        "other": rest > 0 and not hashed,
        "hashed": _HASHED if hashed else 0,
        "gaps": gaps,
    }
    return column, ""


def _date(schema: Column, cells: NDArray[Any]) -> Learned:
    texts = [cell for cell in cells.tolist() if not is_gap(cell)]
    moments = {text: moment_of(text, schema) for text in dict.fromkeys(texts)}
    gaps = _gaps(len(cells) - len(texts))
    if not texts:
        return None, "which is empty in the training part"
    if not gaps and len(set(moments.values())) == 1:
        return None, f"which is always {texts[0]!r} in the training part"
    fill = float(np.median([moments[text] for text in texts]))
    column = {**schema, "parts": [], "fill": fill, "gaps": gaps}
    for part in PARTS:
        features = np.array(encoded({**column, "parts": [part], "gaps": False}, moments))
        if np.ptp(features, axis=0).max() >= _LEAST[part]:
            column["parts"].append(part)
    return (column, "") if column["parts"] or gaps else (None, "which hardly varies in the training part")


_LEARNERS: Mapping[str, Callable[[Column, NDArray[Any]], Learned]] = {
    "number": _number,
    "truth": _number,
    "category": _category,
    "date": _date,
}


# -- applying it -----------------------------------------------------------------------------------


def _is_plain(column: Column) -> bool:
    return column["kind"] == "number" and column["decimal"] == "plain" and not column["sign"]


def _block(column: Column, rows: Rows) -> NDArray[np.float64]:
    """The features of one column, [n, features]; each distinct cell is encoded once."""
    cells = rows.column(column["name"])
    if cells.dtype != object and column["kind"] in ("number", "truth"):
        gaps = np.isnan(cells)
        values = np.where(gaps, column["fill"], cells)
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
        return encoded(column, cells)
    except ValueError:
        for cell in cells:
            try:
                encoded(column, [cell])
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
    with_gaps = sum(column["gaps"] for column in chosen)
    return f"{words} ({with_gaps:,} with gaps)" if with_gaps else words


def _told(columns: Sequence[Column]) -> list[str]:
    of_kind = {kind: [c for c in columns if c["kind"] == kind] for kind in _LEARNERS}
    texts = [column for column in of_kind["category"] if column["hashed"]]
    categories = [column for column in of_kind["category"] if not column["hashed"]]
    told = (
        _words(of_kind["number"], "number", "numbers"),
        _words(of_kind["truth"], "of True (1) and False (0)", "of True (1) and False (0)"),
        _words(categories, "category", "categories"),
        _words(texts, "text", "texts"),
        _words(of_kind["date"], "date", "dates"),
    )
    return [words for words in told if words]
