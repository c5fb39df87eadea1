"""What people should know of a table before they trust a figure: rows that are there twice, and columns that
tell the target.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import listed
from rl_designer.envs.datasets.rows.table import Rows

_GLANCE = 500  # rows that most columns are told by
_FEWEST = 10  # rows
_SAME_RANKS = 0.999  # of Spearman's correlation with a number to predict


def notes_on_twins(x: Mapping[str, NDArray[np.float64]], y: Mapping[str, NDArray[Any]]) -> tuple[str, ...]:
    """What is said of rows that are there more than once.

    Args:
        x: part to features, [n, features].
        y: part to labels, [n].
    """
    features = np.concatenate([_hashes(values) for values in x.values()])
    labels = np.unique(np.concatenate(list(y.values())), return_inverse=True)[1].astype(np.uint64)
    part = np.repeat(np.arange(len(x)), [len(values) for values in x.values()])
    whole = _mixed(features ^ _mixed(labels + np.uint64(1)))
    _, group, times = np.unique(whole, return_inverse=True, return_counts=True)
    notes = []
    if more := int((times - 1).sum()):
        trained = np.bincount(group[part == 0], minlength=len(times)) > 0
        outside = int(trained[group[part > 0]].sum())
        also = (
            f"; {outside:,} of those to validate or test on are in the training part, too" if outside else ""
        )
        one = "1 row repeats" if more == 1 else f"{more:,} rows repeat"
        notes.append(f"{one} another, target included{also}")
    distinct = len(np.unique(features))
    if clashes := len(times) - distinct:
        one = "1 row has" if clashes == 1 else f"{clashes:,} rows have"
        notes.append(f"{one} the features of another row and another target")
    return tuple(notes)


def note_on_tellers(rows: Rows, y: NDArray[Any]) -> tuple[str, ...]:
    """What is said of columns whose every value goes with one target, and that have few values.

    Args:
        y: labels of the rows, [n].
    """
    labels = np.unique(y, return_inverse=True)[1]
    classes = int(labels.max(initial=-1)) + 1
    if len(rows) < _FEWEST or classes > len(rows) / 2:
        return ()
    told = [
        repr(name)
        for name, cells in zip(rows.names, rows.cells, strict=True)
        if _tells(cells[:_GLANCE], labels[:_GLANCE], len(rows)) and _tells(cells, labels, classes)
    ]
    if not told:
        return ()
    each = "each of its values goes" if len(told) == 1 else "each of their values goes"
    tells = "tells" if len(told) == 1 else "tell"
    return (f"{listed(told)} {tells} the target: {each} with one class; --drop leaves columns out",)


def note_on_copies(rows: Rows, y: NDArray[np.float64]) -> tuple[str, ...]:
    """What is said of columns of numbers that rise or fall with a number to predict.

    Args:
        rows, y: of the training part, [n].
    """
    labels = np.unique(y, return_inverse=True)[1]
    most = min(int(labels.max(initial=-1)) + 1, len(rows) // 2)  # what has fewer values is told by `_tells`
    told = [
        repr(schema["name"])
        for schema, cells in zip(rows.schema, rows.cells, strict=True)
        if schema["kind"] == "number" and _goes_with(cells, y) and not _tells(cells, labels, most)
    ]
    if not told:
        return ()
    tells, rises = ("tells", "it rises or falls") if len(told) == 1 else ("tell", "they rise or fall")
    return (f"{listed(told)} {tells} the target: {rises} with it in all rows; --drop leaves columns out",)


def _goes_with(cells: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    """Whether the ranks of cells, NaN where there is none, are those of the targets or their reverse."""
    from scipy.stats import rankdata

    known = ~np.isnan(cells)
    if known.sum() < max(_FEWEST, len(cells) / 2) or not np.ptp(cells[known]) or not np.ptp(y[known]):
        return False
    return bool(abs(np.corrcoef(rankdata(cells[known]), rankdata(y[known]))[0, 1]) > _SAME_RANKS)


def _tells(cells: NDArray[Any], labels: NDArray[np.int64], most: int) -> bool:
    """Whether equal cells have equal labels, and there are at most so many distinct ones."""
    target: dict[Any, int] = {}
    for cell, label in zip(cells.tolist(), labels.tolist(), strict=True):
        key = None if cell != cell else cell
        if target.setdefault(key, label) != label or len(target) > most:
            return False
    return len(target) > 1


def _hashes(x: NDArray[np.float64]) -> NDArray[np.uint64]:
    """A number for each row; rows of equal features have the same, others hardly ever."""
    total = np.zeros(len(x), dtype=np.uint64)
    for index in range(x.shape[1]):
        column = np.ascontiguousarray(x[:, index] + 0.0).view(np.uint64)  # -0.0 is 0.0
        total = _mixed(total ^ _mixed(column + np.uint64(index + 1)))
    return total


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser (Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
