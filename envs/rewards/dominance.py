"""Designs by several figures at once, more is better in each: which no other beats, and what they dominate.

All for any number of figures; what is exact takes long beyond a few.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def non_dominated(values: Values) -> NDArray[np.int64]:
    """The rows of float64 [n, k] that no other beats: none is as high in all and higher in one.

    Returns:
        Indices, int64 [front], rising; of equal rows the earliest. A row with a NaN is left out.
    """
    known = np.flatnonzero(np.isfinite(values).all(axis=1))
    # By the first figure, of equals by the second, and so on: whoever beats a row comes before it.
    order = known[np.lexsort((known, *-values[known].T[::-1]))]
    front: list[int] = []
    best = np.zeros((0, values.shape[1]))
    for index in order.tolist():
        if not (best >= values[index]).all(axis=1).any():
            front.append(index)
            best = values[front]
    return np.sort(np.array(front, dtype=np.int64))


def hypervolume(values: Values, reference: Values) -> float:
    """The volume that rows dominate above a reference point (Zitzler & Thiele 1998), exact.

    Args:
        values: float64 [n, k]; a row that isn't above the reference in every figure dominates nothing.
        reference: float64 [k].
    """
    above = values[(values > reference).all(axis=1)]
    # Only those that count, so that equal fronts have equal volumes, to the last digit.
    return _volume(above[non_dominated(above)] - reference)


def improvements(values: Values, front: Values, reference: Values) -> Values:
    """By how much the hypervolume of a front would grow with each row alone, float64 [n].

    Args:
        values: float64 [n, k], finite.
        front: float64 [m, k], finite.
        reference: float64 [k].
    """
    low, high = _free_boxes(front[(front > reference).all(axis=1)], reference)
    grown = np.zeros(len(values))
    for bottom, top in zip(low, high, strict=True):
        grown += np.maximum(np.minimum(values, top) - bottom, 0).prod(axis=1)
    return grown


def _volume(points: Values) -> float:
    """That rows above zero dominate above zero; sliced along the last figure, from the top."""
    if len(points) == 0:
        return 0.0
    points = points[np.argsort(-points[:, -1], kind="stable")]
    heights = points[:, -1] - np.append(points[1:, -1], 0)
    if points.shape[1] == 1:
        return float(points[0, 0])
    if points.shape[1] == 2:
        return float(heights @ np.maximum.accumulate(points[:, 0]))
    slices = (_volume(points[: i + 1, :-1]) for i in range(len(points)) if heights[i] > 0)
    return sum(height * volume for height, volume in zip(heights[heights > 0], slices, strict=True))


def _free_boxes(front: Values, reference: Values) -> tuple[Values, Values]:
    """The space above the reference that a front doesn't dominate, as boxes that don't overlap: the lowest
    and the highest corner of each, float64 [boxes, k].
    """
    if front.shape[1] == 1:
        return np.maximum(front.max(axis=0, initial=-np.inf), reference)[None], np.full((1, 1), np.inf)
    front = front[non_dominated(front)]
    front = front[np.argsort(-front[:, -1], kind="stable")]
    ends = np.concatenate([[np.inf], front[:, -1], reference[-1:]])
    low, high = [], []
    for above, (top, bottom) in enumerate(pairwise(ends.tolist())):
        if top > bottom:
            inner_low, inner_high = _free_boxes(front[:above, :-1], reference[:-1])
            low.append(np.column_stack([inner_low, np.full(len(inner_low), bottom)]))
            high.append(np.column_stack([inner_high, np.full(len(inner_high), top)]))
    return np.concatenate(low), np.concatenate(high)
