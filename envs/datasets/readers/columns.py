"""Tables of rows, a column a feature and one the target: what files of all formats have in common."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError, is_number, listed, shortened
from rl_designer.envs.datasets.preparation import RawData
from rl_designer.envs.datasets.rows.cells import is_gap
from rl_designer.envs.datasets.rows.checks import note_on_tellers
from rl_designer.envs.datasets.rows.kinds import typed
from rl_designer.envs.datasets.rows.table import Rows
from rl_designer.envs.datasets.targets import MOST_CODES
from rl_designer.envs.datasets.texts.texts import column_of
from rl_designer.envs.errors import unknown_name

LONGEST_LABEL = 1_000  # characters; NumPy takes four bytes for each of the longest, in every row
# What people write where nothing is known; beside them `-` and `none` are gaps, but may well be classes.
_MISSING = ("", "?", "na", "n/a", "#n/a", "nan", "null", "<na>", "nat")
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")  # in the one spelling that it has
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_FEWEST_COUNTED = 10  # rows; that fewer values rise by one each may be chance


@dataclass(frozen=True)
class Columns:
    """What a user says of a table's columns.

    Attributes:
        target: the one to predict.
        drop: those to leave out.
        categorical: those that hold categories, whatever they look like.
        group: the one whose values stand on one side of each split; no feature.
        decimal: `point` or `comma`, in numbers that can be read either way.
        text: the one that holds texts, which alone are read.
        missing_target: whether rows without a target are refused (None, `refuse`) or left out (`drop`).
    """

    target: str | None = None
    drop: Sequence[str] = ()
    categorical: Sequence[str] = ()
    group: str | None = None
    decimal: Literal["point", "comma"] | None = None
    missing_target: Literal["refuse", "drop"] | None = None
    text: str | None = None

    def checked(self, names: Sequence[str], where: str) -> str:
        """The target, where the columns make a table of features; raises DatasetError where they don't."""
        target = names[target_position(names, self.target, where)]
        single = [name for name in (self.group, self.text) if name is not None]
        for name in (*self.drop, *self.categorical, *single):
            if name not in names:
                raise DatasetError(f"{where}: {shortened(unknown_name('column', name, names))}")
            if name == target:
                raise DatasetError(f"{where}: {name!r} is the target; it can't be anything else")
        if self.text is not None and self.text in (*self.drop, *self.categorical, self.group):
            raise DatasetError(f"{where}: {self.text!r} holds the texts; it can't be anything else")
        for name in self.categorical:
            if name in self.drop or name == self.group:
                raise DatasetError(f"{where}: {name!r} is no feature; it can't be categorical, too")
        if not set(names) - {target, self.group, *self.drop}:
            raise DatasetError(f"{where} must have features besides its target {target!r}")
        return target

    @property
    def texts(self) -> tuple[str, ...]:
        """Those whose cells are kept as they are spelled."""
        named = (self.target, self.group, self.text, *self.categorical)
        return tuple(name for name in named if name is not None)


def raw_table(
    rows: Rows, labels: NDArray[Any], columns: Columns, name: str, where: str, notes: tuple[str, ...] = ()
) -> RawData:
    """A table that was read, its target taken out, as it goes on to be split.

    Args:
        labels: of the rows, [n].
        name: of the data set.
        where: the source, for errors.
        notes: on what was done already.

    Raises:
        DatasetError: for columns that can't be features.
    """
    rows = rows.without(columns.drop, "as asked")
    groups = None
    if columns.group is not None:
        groups = _groups(rows, columns.group, where)
        rows = rows.without([columns.group], "which groups the rows")
    if columns.text is not None:
        return _texts(rows, labels, columns.text, name, where, notes, groups)
    rows, read = typed(rows, columns.categorical, columns.decimal, where)
    rows = without_counters(rows, where)
    told = tuple(f"{where}: {note}" for note in note_on_tellers(rows, labels))
    return RawData(name, {"train": rows}, {"train": labels}, where, notes=notes + read + told, groups=groups)


def _texts(
    rows: Rows,
    labels: NDArray[Any],
    column: str,
    name: str,
    where: str,
    notes: tuple[str, ...],
    groups: NDArray[np.int64] | None,
) -> RawData:
    """The texts of one column; the others are told."""
    others = [repr(other) for other in rows.names if other != column]
    if others:
        notes += (f"{where}: left out beside the texts: {listed(others)}",)
    x = {"train": column_of(rows, column)}
    return RawData(name, x, {"train": labels}, where, "text", notes=notes, groups=groups)


def _groups(rows: Rows, column: str, where: str) -> NDArray[np.int64]:
    """The group of each row, int64 [n]."""
    cells = rows.column(column).tolist()
    gaps = [row for row, cell in enumerate(cells) if is_gap(cell)]
    if gaps:
        raise DatasetError(
            f"group column {column!r} of {where} is empty in {len(gaps):,} of {len(cells):,} rows, first in "
            f"{rows.place(gaps[0])}; each row must be of a group"
        )
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(str(cell), len(numbers)) for cell in cells], dtype=np.int64)


def without_counters(rows: Rows, where: str) -> Rows:
    """The rows without columns that only count them, in whatever order, and without saved row indices.

    Raises:
        DatasetError: for another column without a name, and where no feature is left.
    """
    counters = [
        name for name, cells in zip(rows.names, rows.cells, strict=True) if len(rows) and _counts(cells)
    ]
    if "" in rows.names and "" not in counters:
        if not _distinct(rows.column("")):
            raise DatasetError(
                f"a column of {where} has no name; if it is a saved row index, leave it out (pandas: "
                "to_csv(…, index=False))"
            )
        rows = rows.without([""], "in which every row has another value")
    if counters and len(counters) == len(rows.names):
        told = listed(repr(name) if name else "a column without a name" for name in counters)
        raise DatasetError(f"{where} must have features besides {told}, which counts the rows")
    return rows.without(counters, "which counts the rows")


def _counts(cells: NDArray[Any]) -> bool:
    """Whether these are consecutive whole numbers, each once."""
    if cells.dtype == object or len(cells) < _FEWEST_COUNTED:
        return False
    first = cells.min()
    if not (cells.max() - first == len(cells) - 1 and first == np.floor(first)):
        return False
    return bool((np.sort(cells) == first + np.arange(len(cells))).all())


def _distinct(cells: NDArray[Any]) -> bool:
    """Whether an index would look like this: texts or whole numbers, each once."""
    whole = cells.dtype == object or (cells == np.floor(cells)).all()
    return bool(whole) and len(set(cells.tolist())) == len(cells)


def known_targets(
    labels: Sequence[object], place: Callable[[int], str], columns: Columns, where: str
) -> tuple[NDArray[np.bool_] | None, tuple[str, ...]]:
    """Which rows have a target, None for all, and what is said of the others.

    Args:
        labels: as they were read, None where there is nothing at all.
        place: of a label by its number, as people find it, such as `line 7`.

    Raises:
        DatasetError: with their number, where they aren't to be left out.
    """
    missing = [index for index, label in enumerate(labels) if label is None or str(label).lower() in _MISSING]
    if not missing:
        return None, ()
    of_all = f"{len(missing):,} of {len(labels):,} rows"
    if columns.missing_target == "drop" and len(missing) < len(labels):
        known = np.ones(len(labels), dtype=bool)
        known[missing] = False
        return known, (f"{where}: left out {of_all}, in which {columns.target!r} is empty",)
    first = labels[missing[0]]
    raise DatasetError(
        f"target column {columns.target!r} of {where} is empty in {of_all}, first in {place(missing[0])}"
        f"{f' ({str(first)!r})' if first else ''}; leave these rows out: --missing-target drop"
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


def type_of_labels(labels: Sequence[str]) -> type[Any]:
    """Labels are as they are spelled: whole numbers where each is one in its one spelling; floats where they
    are decimals, some of them fractions or more different ones than codes would be; else texts.
    """
    distinct = set(labels)
    if all(map(_WHOLE.fullmatch, distinct)):
        return np.int64
    decimals = all(map(_DECIMAL.fullmatch, distinct))
    whole = decimals and all(float(label).is_integer() for label in distinct)
    return np.float64 if decimals and (not whole or len(distinct) > MOST_CODES) else np.str_
