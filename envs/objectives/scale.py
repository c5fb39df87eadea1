"""`Scale`: values of several objectives in units that mean the same on all tasks."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.errors import Error
from rl_designer.envs.rewards.dominance import hypervolume, non_dominated
from rl_designer.envs.rewards.fronts import REFERENCE

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """Where 0 and 1 are for each objective. The reference point of hypervolumes lies a tenth below 0, as that
    of `KnownFront`, whose units are 1 less these.

    Attributes:
        worst, best: float64 [k], in the objectives' values; 0 and 1.
    """

    worst: Values
    best: Values

    @classmethod
    def of_front(cls, values: Values) -> Self:
        """From the worst to the best value of each objective on the front of rows, float64 [n, k].

        Raises:
            ValueError: where no row has all values.
        """
        front = values[non_dominated(values)]
        if len(front) == 0:
            raise Error("no design has a value of every objective, so there is no front")
        return cls(front.min(axis=0), front.max(axis=0))

    @property
    def reference(self) -> Values:
        """In units, float64 [k]."""
        return np.full(len(self.worst), 1 - REFERENCE)

    def units(self, values: Values) -> Values:
        """Float64 [n, k]: 0 the worst, 1 the best; an objective of one value alone is in its own unit."""
        span = self.best - self.worst
        return (values - self.worst) / np.where(span > 0, span, 1.0)

    def hypervolume(self, values: Values) -> float:
        """That rows, float64 [n, k], dominate above the reference; those with a NaN don't count."""
        return hypervolume(self.units(values[np.isfinite(values).all(axis=1)]), self.reference)

    def share(self, values: Values, of: Values) -> float:
        """The hypervolume of rows, as a share of that of others: 0 for nothing, 1 for as much."""
        return self.hypervolume(values) / self.hypervolume(of)
