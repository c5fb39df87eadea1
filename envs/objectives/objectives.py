"""`Objectives`: two or three that are searched for at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.errors import Error
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.objectives.objective import Objective, load_objective
from rl_designer.envs.rewards.dominance import non_dominated
from rl_designer.envs.rewards.loading import RewardContext
from rl_designer.envs.rewards.reward import RewardFunction
from rl_designer.envs.search_spaces.base import Actions, SearchSpace

FEWEST, MOST = 2, 3

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Objectives:
    """Two or three objectives. Values are higher where a design is better, in each of them.

    Raises:
        ValueError: for fewer or more, and for one that is there twice.
    """

    each: tuple[Objective, ...]

    def __post_init__(self) -> None:
        if not FEWEST <= len(self.each) <= MOST:
            raise Error(f"there must be {FEWEST} or {MOST} objectives, got {len(self.each)}: {self}")
        for index, objective in enumerate(self.each):
            for other in self.each[:index]:
                if (objective.function, objective.parameters) == (other.function, other.parameters):
                    raise Error(f"the objectives {other.text!r} and {objective.text!r} are the same")

    @classmethod
    def of(cls, texts: Iterable[str | RewardFunction], context: RewardContext | None = None) -> Self:
        """By their texts, or functions. Raises as `load_objective`, and as the class."""
        return cls(tuple(load_objective(text, context) for text in texts))

    @property
    def texts(self) -> tuple[str, ...]:
        """That `of` reads as the same, in any setting."""
        return tuple(objective.text for objective in self.each)

    def __len__(self) -> int:
        return len(self.each)

    def __str__(self) -> str:
        return ", ".join(self.texts) or "none"

    def values(self, evaluations: Sequence[Evaluation]) -> Values:
        """Of evaluations, float64 [n, k]; NaN in all of one that failed.

        Raises:
            RewardError: where an objective raises, is no finite number, or needs what isn't measured.
        """
        rows = [self._of(evaluation) for evaluation in evaluations]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self))

    def _of(self, evaluation: Evaluation) -> list[float]:
        if evaluation.failure is not None:
            return [np.nan] * len(self)
        return [objective(evaluation) for objective in self.each]

    def known(self, space: SearchSpace) -> NDArray[np.bool_]:
        """Of which objectives the space knows the values beforehand, bool [k]."""
        costs = space.costs(space.pad([]))
        return np.array([o.in_closed_form and o.cost in costs for o in self.each])

    def beforehand(self, space: SearchSpace, actions: Actions) -> Values:
        """The values of complete designs as far as they are `known` without an evaluation, float64 [n, k];
        NaN elsewhere.
        """
        values = np.full((len(actions), len(self)), np.nan)
        costs = space.costs(actions)
        for column in np.flatnonzero(self.known(space)):
            cost = self.each[column].cost
            assert cost is not None
            values[:, column] = -np.log10(np.maximum(costs[cost], 1.0))
        return values

    def front(self, evaluations: Sequence[Evaluation], values: Values | None = None) -> NDArray[np.int64]:
        """The evaluations that no other beats, of those that were trained in full; indices, int64 [front],
        rising.

        Args:
            values: of them, where they are there already.
        """
        values = self.values(evaluations) if values is None else values.copy()
        values[[not evaluation.in_full for evaluation in evaluations]] = np.nan
        return non_dominated(values)

    def figures(self, values: Values) -> Values:
        """What people read for values, float64 [n, k]; see `Objective.figure`."""
        columns = [[o.figure(v) for v in values[:, i].tolist()] for i, o in enumerate(self.each)]
        return np.array(columns, dtype=np.float64).reshape(len(self), len(values)).T

    def described(self) -> list[dict[str, Any]]:
        """Of each what people must know to read its figures, JSON-ready."""
        return [
            {"name": o.text, "unit": o.unit, "higher_is_better": o.higher_is_better, "cost": o.cost}
            for o in self.each
        ]
