"""How examples are divided by classes: what is cut off, drawn, held out, and which fold is whose."""

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.seeding import stream

SHARE = 0.2  # of the whole for the test, then of the rest for validation
FOLDS = 5  # that training and validation part together make: as many as `SHARE` goes into the whole


def split(y: NDArray[np.int64], seed: int, part: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cuts a `SHARE` off, class by class; both parts in the order of the source.

    Args:
        y: int64 [n], classes (or other `strata`) from 0 up; each has at least two examples.
        seed: of the choice within each class.
        part: name of what is cut off; another part is another choice.

    Returns:
        Indices kept and indices cut off, int64, ascending. Each class is in both.
    """
    generator = stream(seed, "split", part)
    order = generator.permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    counts = np.bincount(y)
    starts = np.cumsum(counts) - counts
    taken = _quotas(counts)
    cut = np.concatenate([order[start : start + n] for start, n in zip(starts, taken, strict=True)])
    return np.setdiff1d(np.arange(len(y)), cut), np.sort(cut)


def drawn(y: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Indices of `count` examples, int64, ascending, each class in its share. Fewer are a part of more.

    Webster's apportionment, class after class as the count grows. Of C classes, one with a share s of all
    examples is off by at most (1 + C s) / 2 examples, which is 1 where all are equally large.

    Args:
        y: int64 [n], classes from 0 up.
        count: at most n.
        seed: of the choice within each class.
    """
    order = stream(seed, "drawn").permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    counts = np.bincount(y)
    starts = np.cumsum(counts) - counts
    # Where each example stands in its class, 0 to 1: all classes are walked through at the same pace.
    place = (np.arange(len(y)) - starts[y[order]] + 0.5) / counts[y[order]]
    return np.sort(order[np.argsort(place, kind="stable")[:count]])


def held_out(y: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Which examples are validated on, bool [n]: a `SHARE` of each class, none of a class of one example.

    Args:
        y: int64 [n], classes (or other `strata`) from 0 up.
    """
    order = stream(seed, "validation").permutation(len(y))
    held = [
        members[: min(max(round(len(members) * SHARE), 1), len(members) - 1)]
        for members in (order[y[order] == number] for number in range(y.max() + 1))
    ]
    cut = np.zeros(len(y), dtype=bool)
    cut[np.concatenate(held)] = True
    return cut


def fold_numbers(y: NDArray[np.int64], seed: int) -> NDArray[np.int8]:
    """The fold of each training example, int8 [n], 1 to `FOLDS` - 1, each class in its share; the validation
    part is fold 0.

    Args:
        y: int64 [n], classes (or other `strata`) from 0 up.
    """
    order = stream(seed, "folds").permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    folds = np.empty(len(y), dtype=np.int8)
    folds[order] = 1 + np.arange(len(y)) % (FOLDS - 1)
    return folds


def _quotas(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many to cut off each class: `SHARE` by largest remainder, at least one, and at least one stays."""
    ideal = counts * SHARE
    quotas = np.floor(ideal).astype(np.int64)
    missing = round(counts.sum() * SHARE) - quotas.sum()
    quotas[np.argsort(quotas - ideal, kind="stable")[:missing]] += 1
    return np.clip(quotas, 1, counts - 1)
