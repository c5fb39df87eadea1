"""`FrontBelief`: what a search expects of designs in each of several objectives."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.belief import Belief
from rl_designer.agents.reward_model import RewardModel
from rl_designer.envs.objectives import Objectives
from rl_designer.envs.problem import Problem, deviation_of
from rl_designer.envs.search_spaces.base import Actions, SearchSpace

_UPPER = 0.75  # beyond the best value scores go on as from this quantile to it
_WORSE = 1e-6  # a failure, than the worst success, in what the values range over

Values = NDArray[np.float64]


@dataclass(frozen=True)
class FrontBelief:
    """A `Belief` for each objective that isn't known in closed form; the others are known exactly.

    Attributes:
        beliefs: in the objectives' order; None for one that is known beforehand.
    """

    objectives: Objectives
    space: SearchSpace
    beliefs: tuple[Belief | None, ...]

    def means(self, actions: Actions) -> Values:
        """Expected values of complete designs, float64 [n, k]."""
        values = self.objectives.beforehand(self.space, actions)
        for column, belief in self._open():
            values[:, column] = self.as_values(column, belief.mean(self.space, actions))
        return values

    def bounds(self, actions: Actions, bound: float) -> Values:
        """Values so many standard deviations above what is expected, float64 [n, k]."""
        values = self.objectives.beforehand(self.space, actions)
        for column, belief in self._open():
            mean, deviation = belief.predict(self.space, actions)
            values[:, column] = self.as_values(column, mean + bound * deviation)
        return values

    def joint(self, actions: Actions) -> "Joint":
        """Of designs that may be evaluated together."""
        values = self.objectives.beforehand(self.space, actions)
        return Joint(self, values, {column: (b, *b.joint(self.space, actions)) for column, b in self._open()})

    def as_values(self, column: int, scores: Values) -> Values:
        """Scores of an objective as its values; see `as_values`."""
        belief = self.beliefs[column]
        assert belief is not None
        return as_values(belief, scores, bounded=self.objectives.each[column].cost is None)

    def _open(self) -> list[tuple[int, Belief]]:
        return [(column, belief) for column, belief in enumerate(self.beliefs) if belief is not None]


@dataclass
class Joint:
    """What is expected of some designs, and how the doubt shrinks as more of them are counted on.

    Attributes:
        belief: that it is of.
        known: [n, k], NaN where it is open.
        open: column → belief, mean [n] and covariance [n, n] of the scores.
    """

    belief: FrontBelief
    known: Values
    open: dict[int, tuple[Belief, Values, Values]]

    def values(self, *bounds: float) -> Values:
        """So many standard deviations above what is expected, float64 [n, k].

        Args:
            bounds: one for all objectives, or one for each.
        """
        values = self.known.copy()
        for column, (_, mean, covariance) in self.open.items():
            hoped = mean + bounds[column % len(bounds)] * np.sqrt(np.maximum(covariance.diagonal(), 0))
            values[:, column] = self.belief.as_values(column, hoped)
        return values

    def count_on(self, row: int) -> None:
        """As if that design had come out as expected (GP-BUCB, Desautels et al. 2014, section 4)."""
        for column, (belief, mean, covariance) in self.open.items():
            own = covariance[:, row]
            shrunk = covariance - np.outer(own, own) / (max(own[row], 0) + belief.noise)
            self.open[column] = (belief, mean, shrunk)


class FrontModel:
    """Fits a `FrontBelief`: a reward model for each objective that isn't known in closed form.

    Args:
        scored: the model for the score by the search's metric, which may build upon earlier searches.
    """

    def __init__(self, objectives: Objectives, space: SearchSpace, scored: RewardModel) -> None:
        self.objectives = objectives
        self.space = space
        self.models: Sequence[RewardModel | None] = [
            None if known else scored if objective.is_score else RewardModel(space, settings=scored.settings)
            for objective, known in zip(objectives.each, objectives.known(space), strict=True)
        ]

    def fit(self, problem: Problem) -> FrontBelief:
        """What to believe after all designs of a problem, at least one; a failure is the worst there is."""
        values, actions = problem.values, problem.actions
        beliefs: list[Belief | None] = []
        for column, model in enumerate(self.models):
            if model is None:
                beliefs.append(None)
                continue
            objective = self.objectives.each[column]
            deviations = [deviation_of(objective, design.evaluation) for design in problem.designs]
            beliefs.append(model.fit(actions, with_failures(values[:, column]), np.array(deviations)))
        return FrontBelief(self.objectives, self.space, tuple(beliefs))


def with_failures(values: Values) -> Values:
    """Values, float64 [n], with one a little below the worst in place of NaN."""
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return np.zeros(len(values))
    worse = known.min() - _WORSE * (float(np.ptp(known)) or 1.0)
    return np.where(np.isfinite(values), values, worse)


def as_values(belief: Belief, scores: Values, *, bounded: bool = True) -> Values:
    """Scores as the values that stand left and right of them, beyond the best on the line from the upper
    quartile to it, so that there is something to hope for.

    Args:
        bounded: whether values end somewhere, as accuracies do. Of those that don't, such as the logarithm of
            a latency, the line is at least as steep as from the worst to the best: where a search has seen
            hardly any fast designs, these are all alike, and still there may be much faster ones.
    """
    values = np.interp(scores, belief.scores, belief.rewards)
    starts = [int(_UPPER * (len(belief.scores) - 1)), *([] if bounded else [0])]
    slope = 0.0
    for start in starts:
        apart = belief.scores[-1] - belief.scores[start]
        if apart > 0:
            slope = max(slope, (belief.rewards[-1] - belief.rewards[start]) / apart)
    return values + slope * np.maximum(scores - belief.scores[-1], 0)
