"""`RewardContext`: what a setting says of its costs before anything is evaluated."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.errors import Error
from rl_designer.envs.rewards.measures import Cost
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.seeding import stream

_DESIGNS = 1001  # random ones, odd so that the median is one of them
_BEYOND = 1.1  # how far beyond the worst cost a hypervolume's reference lies


@dataclass(frozen=True)
class RewardContext:
    """What a setting says of its costs: always the same for one space and its limits.

    Typical costs are those of the distinct designs of a table; on another space those of 1,001 designs of
    random search, each action uniform among the legal ones. A latency is known beforehand only where a table
    has it.

    Attributes:
        space: with its limits.
        max_parameters, max_macs: the limits that the space keeps, or None.
    """

    space: SearchSpace
    max_parameters: int | None = None
    max_macs: int | None = None

    def target(self, cost: Cost) -> float:
        """The cost to aim at: the limit on it, or where there is none the median of the typical costs.

        Raises:
            ValueError: where neither is known.
        """
        limit = self._limit(cost)
        return float(limit) if limit is not None else _rounded(np.nanmedian(self._costs(cost)))

    def reference(self, cost: Cost) -> float:
        """A cost that is too much: a tenth beyond the limit on it, or beyond the largest typical cost.

        Raises:
            ValueError: where neither is known.
        """
        limit = self._limit(cost)
        return _rounded(_BEYOND * (np.nanmax(self._costs(cost)) if limit is None else limit))

    def _limit(self, cost: Cost) -> int | None:
        return {"parameters": self.max_parameters, "macs": self.max_macs}.get(cost)

    def _costs(self, cost: Cost) -> NDArray[np.float64]:
        values = self._typical.get(cost)
        if values is None or np.isnan(values).all():
            raise Error(f"no typical {cost} is known beforehand on space {self.space.name!r}")
        return values

    @cached_property
    def _typical(self) -> dict[str, NDArray[np.float64]]:
        if isinstance(self.space, TableSpace):
            return self.space.costs(self.space.table.architectures[self.space.distinct_rows].astype(np.int64))
        return self.space.costs(self.space.random_actions(_DESIGNS, stream(0, "typical costs")))


def _rounded(value: float) -> float:
    """To six digits, so that it can be written down and read back as it is."""
    return float(f"{value:.6g}")
