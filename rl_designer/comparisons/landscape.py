"""`Landscape`: the reported metric and the costs of all designs that are known, and their fronts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from rl_designer.comparisons.reward_records import RewardRun
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.rewards import COSTS, Cost
from rl_designer.envs.rewards.fronts import KnownFront

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Landscape:
    """What yardsticks measure by.

    Attributes:
        reported: the reported metric of each design, float64 [n].
        costs: of each design, float64 [n] for every cost that is known.
        complete: whether these are all legal designs, as on a table; else those that the runs found together.
        source: a table's name and metric, or what stands for them, for messages.
    """

    reported: Values
    costs: Mapping[Cost, Values]
    complete: bool
    source: str

    @classmethod
    def of_table(cls, evaluator: TableEvaluator) -> "Landscape":
        """Every distinct legal design of a table that a search can train.

        Raises:
            ValueError: for a table without searched values, or one that doesn't report some of those designs.
        """
        table, metric = evaluator.space.table, evaluator.task.report
        rows = evaluator.space.distinct_rows[~np.isnan(evaluator.search_values())]
        if len(rows) == 0:
            raise ValueError(
                f"table {table.name!r} has no value of the searched metric {evaluator.task.search!r} "
                "within the limits"
            )
        reported = table.values(metric)[rows]
        if missing := int(np.isnan(reported).sum()):
            raise ValueError(
                f"table {table.name!r} lacks the reported metric {metric!r} of {missing:,} of {len(rows):,} "
                "designs, so rewards can't be judged by it; choose another task"
            )
        costs = {cost: values[rows] for cost, values in evaluator.space.row_costs.items()}
        return cls(reported, {c: costs[c] for c in COSTS if c in costs}, True, f"table {table.name!r}")

    @classmethod
    def of_runs(cls, runs: Iterable[RewardRun]) -> "Landscape":
        """What the runs of all rewards found together, where nobody knows more."""
        figures = [run.table[~np.isnan(run.column("reported"))] for run in runs]
        table = np.concatenate([*figures, np.zeros((0, 3 + len(COSTS)))])
        costs = {cost: table[:, 3 + index] for index, cost in enumerate(COSTS)}
        return cls(table[:, 2], costs, False, "the runs")

    @property
    def floor(self) -> float:
        """What counts for a run that has no design to hand out: the lowest value of a table, or 0."""
        return float(self.reported.min()) if self.complete else 0.0

    def front(self, cost: Cost) -> KnownFront:
        """The best that is known against a cost; worked out once. Raises ValueError where there is none."""
        return _front(self, cost)


@cache
def _front(landscape: Landscape, cost: Cost) -> KnownFront:
    return KnownFront.of(landscape.costs[cost], landscape.reported)
