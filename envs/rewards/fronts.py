"""What nothing beats: fronts of accuracy against a cost, what they dominate, and the best so far."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rl_designer.envs.errors import Error
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.rewards.costs import Cost
from rl_designer.envs.rewards.dominance import hypervolume
from rl_designer.envs.rewards.reward import accuracy_of, cost_of

# A tenth of the front's range beyond its worst accuracy and its highest cost, so that the ends of the front
# count too; for fronts of 11 designs or more that is at least the 1 + 1/(n − 1) of Ishibuchi et al. 2018.
REFERENCE = 1.1

Values = NDArray[np.float64]


def best_so_far(values: Iterable[float | None]) -> list[float | None]:
    """The running maximum; None before the first value. None and NaN are no values."""
    best: float | None = None
    course = []
    for value in values:
        if value is not None and not math.isnan(value):
            best = value if best is None else max(best, value)
        course.append(best)
    return course


def rises(values: Iterable[float | None]) -> list[int]:
    """The indices at which the running maximum reaches a new value."""
    course = best_so_far(values)
    return [index for index, best in enumerate(course) if best != (course[index - 1] if index else None)]


def front_of(costs: ArrayLike, accuracies: ArrayLike) -> NDArray[np.int64]:
    """The designs that no other beats: none is as cheap and more accurate, or cheaper and as accurate.

    Args:
        costs, accuracies: [n]; a design with NaN in one of them is left out.

    Returns:
        Indices, int64 [front], rising in cost and in accuracy; of equal designs the earliest.
    """
    cost, accuracy = np.asarray(costs, dtype=np.float64), np.asarray(accuracies, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(cost) & np.isfinite(accuracy))
    order = known[np.lexsort((known, -accuracy[known], cost[known]))]
    if len(order) == 0:
        return order
    best_before = np.maximum.accumulate(np.concatenate([[-np.inf], accuracy[order][:-1]]))
    return order[accuracy[order] > best_before]


@dataclass(frozen=True)
class KnownFront:
    """The best that there is, as far as it is known.

    Costs go by their logarithm. Figures are in units of this front: its cheapest design has cost 0 and its
    dearest 1, its best accuracy is 0 and its worst 1, so that less is better in both.

    Attributes:
        costs, accuracies: float64 [front], both rising.
    """

    costs: Values
    accuracies: Values

    @classmethod
    def of(cls, costs: ArrayLike, accuracies: ArrayLike) -> "KnownFront":
        """The front of designs. Raises ValueError where none has both a cost above 0 and an accuracy."""
        cost, accuracy = np.asarray(costs, dtype=np.float64), np.asarray(accuracies, dtype=np.float64)
        cost = np.where(cost > 0, cost, np.nan)
        front = front_of(cost, accuracy)
        if len(front) == 0:
            raise Error("no design has both a cost and an accuracy, so there is no front")
        return cls(cost[front], accuracy[front])

    def points(self, costs: ArrayLike, accuracies: ArrayLike) -> Values:
        """Designs in units of this front, float64 [n, 2] (cost, accuracy), less is better."""
        cost, accuracy = np.asarray(costs, dtype=np.float64), np.asarray(accuracies, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            x = (np.log(cost) - np.log(self.costs[0])) / (_range(np.log(self.costs)))
        y = (self.accuracies[-1] - accuracy) / _range(self.accuracies)
        return np.column_stack([x, y])

    def hypervolume(self, costs: ArrayLike, accuracies: ArrayLike) -> float:
        """The area that designs dominate, up to the reference point (1.1, 1.1), as a share of the area that
        this front dominates: 0 for nothing, 1 for the whole front (Zitzler & Thiele 1998).
        """
        whole = _area(self.points(self.costs, self.accuracies))
        return _area(self.points(costs, accuracies)) / whole

    def distance(self, costs: ArrayLike, accuracies: ArrayLike) -> float:
        """IGD+: the mean over this front's designs of the distance to the nearest of the given ones, where
        only what is worse counts, √(max(Δcost, 0)² + max(Δaccuracy, 0)²). 0 where the whole front is covered;
        without any design that of the reference point (Ishibuchi et al. 2015).
        """
        points = self.points(costs, accuracies)
        points = points[np.isfinite(points).all(axis=1)]
        if len(points) == 0:
            points = np.array([[REFERENCE, REFERENCE]])
        worse = np.maximum(points[None] - self.points(self.costs, self.accuracies)[:, None], 0.0)
        return float(np.sqrt((worse**2).sum(axis=2)).min(axis=1).mean())


def best_within(costs: ArrayLike, accuracies: ArrayLike, levels: ArrayLike) -> Values:
    """The best accuracy to be had for at most so much, float64 [levels]; NaN where nothing is as cheap."""
    front = front_of(costs, accuracies)
    cost, accuracy = (
        np.asarray(costs, dtype=np.float64)[front],
        np.asarray(accuracies, dtype=np.float64)[front],
    )
    index = np.searchsorted(cost, np.asarray(levels, dtype=np.float64), side="right")
    return np.concatenate([[np.nan], accuracy])[index]


def _range(values: Values) -> float:
    """What the values range over; 1 where they are one value, whose differences then count as they are."""
    return float(np.ptp(values)) or 1.0


def _area(points: Values) -> float:
    """The area between points [n, 2] and the reference point, less is better in both."""
    return hypervolume(-points, np.full(2, -REFERENCE))


class Front:
    """A front that grows: what no other design beats in accuracy and in a cost at once. Both lists ascend."""

    def __init__(self, cost: Cost) -> None:
        self.cost: Cost = cost
        self.costs: list[float] = []
        self.accuracies: list[float] = []

    def add(self, evaluation: Evaluation) -> None:
        cost, accuracy = cost_of(evaluation, self.cost), accuracy_of(evaluation)
        first = bisect_right(self.costs, cost)
        if first and self.accuracies[first - 1] >= accuracy:
            return
        first -= bool(first and self.costs[first - 1] == cost)
        beaten = bisect_right(self.accuracies, accuracy, lo=first)
        self.costs[first:beaten] = [cost]
        self.accuracies[first:beaten] = [accuracy]

    def improvement(self, evaluation: Evaluation, reference: float, scale: Callable[[float], float]) -> float:
        """By how much the hypervolume would grow with one more design: the area between its accuracy and the
        best accuracy that was to be had for as little or less, from its cost to the reference, 0 or more.

        Args:
            reference: a cost; a design that costs as much or more adds nothing. The reference accuracy is 0.
            scale: of the cost, rising.
        """
        cost, accuracy = cost_of(evaluation, self.cost), accuracy_of(evaluation)
        grown, index = 0.0, bisect_right(self.costs, cost)
        level = self.accuracies[index - 1] if index else 0.0
        while cost < reference and level < accuracy:
            until = min(self.costs[index], reference) if index < len(self.costs) else reference
            grown += (accuracy - level) * (scale(until) - scale(cost))
            if until < reference:
                level = self.accuracies[index]
            cost, index = until, index + 1
        return grown
