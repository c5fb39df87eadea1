"""What searches with a reward model share: the best designs so far, the belief, and the next batch."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.belief import Belief
from rl_designer.envs.problem import Problem
from rl_designer.envs.search_spaces.base import Actions

if TYPE_CHECKING:
    from rl_designer.agents.reward_model import RewardModel


def best_so_far(problem: Problem, most: int) -> Actions:
    """The designs with the highest rewards, the best first, int64 [at most `most`, max_steps]."""
    return problem.actions[np.argsort(-problem.designs.rewards, kind="stable")[:most]]


def learned(model: "RewardModel", problem: Problem) -> Belief:
    """The belief after all designs of a problem."""
    return model.fit(problem.actions, problem.designs.rewards, problem.deviations)


def promising(
    mean: NDArray[np.float64], covariance: NDArray[np.float64], noise: float, bound: float, batch: int
) -> list[int]:
    """The batch with the highest upper bounds, each chosen as if those before it had come out as expected.

    That shrinks the deviations of designs like them, so that a batch isn't the same idea four times
    (GP-BUCB, Desautels et al. 2014, section 4).
    """
    covariance = covariance.copy()
    picked: list[int] = []
    for _ in range(batch):
        upper = mean + bound * np.sqrt(np.maximum(covariance.diagonal(), 0))
        upper[picked] = -np.inf
        best = int(upper.argmax())
        picked.append(best)
        column = covariance[:, best].copy()
        covariance -= np.outer(column, column) / (max(column[best], 0) + noise)
    return picked
