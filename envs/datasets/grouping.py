"""Parts are cut off, and rows of a group stay together, such as all visits of a patient."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.dividing import FOLDS, SHARE, fold_numbers, split
from rl_designer.envs.datasets.errors import DatasetError
from rl_designer.envs.datasets.targets import strata
from rl_designer.envs.seeding import stream

_Cut = tuple[NDArray[np.int64], NDArray[np.int64]]


def cut_off(
    parts: Sequence[str],
    x: dict[str, Any],
    y: dict[str, NDArray[Any]],
    groups: NDArray[np.int64] | None,
    seed: int,
) -> NDArray[np.int8]:
    """Moves missing parts out of the training part; the folds of what stays, as `Dataset` has them.

    Args:
        parts: that are missing.
        x, y: part to inputs and to targets, as `encode_targets` gives them.
        groups: of the training part; None where each example stands for itself.

    Raises:
        DatasetError: where there are too few groups.
    """
    for part in parts:
        if groups is None:
            kept, cut = split(strata(y["train"]), seed, part)
        else:
            kept, cut = split_groups(y["train"], groups, seed, part)
            groups = groups[kept]
        x[part], y[part] = x["train"][cut], y["train"][cut]
        x["train"], y["train"] = x["train"][kept], y["train"][kept]
    if "val" not in parts:
        return np.empty(0, dtype=np.int8)
    if groups is not None:
        return fold_groups(y["train"], groups, seed)
    return fold_numbers(strata(y["train"]), seed)


def split_groups(
    y: NDArray[Any], groups: NDArray[np.int64], seed: int, part: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cuts about a `SHARE` off, no group on both sides, each class in its share as far as groups allow.

    Args:
        y: [n], classes from 0 up; or numbers to predict, float.
        groups: int64 [n].
        seed, part: as `split` takes them.

    Returns:
        Indices kept and indices cut off, int64, ascending. Each class is in what is kept; of the cuts that
        scikit-learn proposes, one with all classes goes first, then one near the share.

    Raises:
        DatasetError: where there are too few groups.
    """
    count = len(np.unique(groups))
    if count < 2:
        raise DatasetError(f"each part of the split needs groups of its own; none is left for {part}")
    classes = strata(y)
    numbers = y.dtype.kind == "f"
    whole = [
        (kept, cut)
        for kept, cut in _proposed(classes, groups, min(round(1 / SHARE), count), seed, part)
        if len(cut) and (numbers or len(np.unique(classes[kept])) == len(np.unique(classes)))
    ]
    if not whole:
        raise DatasetError(f"a class stands in too few groups: no cut for {part} leaves it in training, too")

    def badness(pair: _Cut) -> tuple[int, float]:
        return -len(np.unique(classes[pair[1]])), abs(len(pair[1]) - SHARE * len(y))

    kept, cut = min(whole, key=badness)
    return np.sort(kept), np.sort(cut)


def fold_groups(y: NDArray[Any], groups: NDArray[np.int64], seed: int) -> NDArray[np.int8]:
    """As `fold_numbers`, with no group in two folds; empty where there are too few groups for all folds.

    Args:
        y, groups, seed: as `split_groups` takes them.
    """
    if len(np.unique(groups)) < FOLDS - 1:
        return np.empty(0, dtype=np.int8)
    folds = np.zeros(len(y), dtype=np.int8)
    for number, (_, fold) in enumerate(_proposed(strata(y), groups, FOLDS - 1, seed, "folds"), start=1):
        folds[fold] = number
    return folds if len(np.unique(folds)) == FOLDS - 1 else np.empty(0, dtype=np.int8)


def _proposed(
    classes: NDArray[np.int64], groups: NDArray[np.int64], folds: int, seed: int, part: str
) -> list[_Cut]:
    from sklearn.model_selection import StratifiedGroupKFold

    drawn = int(stream(seed, "split", part).integers(2**31))  # scikit-learn takes 32 bits
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=drawn)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of classes with fewer examples than folds
        try:
            return list(splitter.split(classes, classes, groups))
        except ValueError as error:
            raise DatasetError(f"the groups can't be split: {error}") from error
