"""What searches with a reward model share: the best designs so far, the belief, and the next batch."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.belief import Belief
from rl_designer.agents.mutation import mutations
from rl_designer.agents.policy import Policy
from rl_designer.envs.problem import Problem
from rl_designer.envs.search_spaces.base import Actions

if TYPE_CHECKING:
    from rl_designer.agents.reward_model import RewardModel

ORDINARY_DESIGNS = 4_000  # random ones, by which others are very good or not
_FEWEST = 16
_VERY_GOOD, _SURE = 0.99, 0.8  # better than so many random designs, with that chance
_POOL = 1_000  # samples at each of the temperatures below
_POOL_TEMPERATURES = (1.0, 1.5, 2.0)


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


def very_good(
    belief: Belief,
    problem: Problem,
    policy: Policy,
    parents: int,
    share: float,
    draws: np.random.Generator,
) -> Actions:
    """The designs that are expected to be the best, of all evaluated ones, mutations of the best of them, and
    samples of a policy, as far as they are among the best percent in all likelihood; 16 in any case.

    How much of what the model takes for noise belongs to a design can't be told from one evaluation of each:
    an evaluated one is expected halfway between the model's mean and its own score.

    Args:
        parents: the best designs so far that are mutated.
        share: of the evaluations; at most so many designs.
    """
    from scipy.stats import norm

    from rl_designer.agents.reward_model import scores_of

    space, designs = problem.space, problem.designs
    pool = [problem.actions, mutations(space, best_so_far(problem, parents), _POOL, draws)]
    pool += [policy.sample(space, _POOL, draws, temperature=t)[0] for t in _POOL_TEMPERATURES]
    distinct, place = np.unique(space.canonical(np.concatenate(pool)), axis=0, return_inverse=True)
    expected, deviation = belief.predict(space, distinct)
    evaluated = place.reshape(-1)[: len(designs)]
    own = scores_of(designs.rewards, problem.actions, space, belief.sources)
    expected[evaluated] = (expected[evaluated] + own) / 2
    ordinary = belief.mean(space, space.random_actions(ORDINARY_DESIGNS, draws))
    chance = norm.cdf((expected - np.quantile(ordinary, _VERY_GOOD)) / deviation)
    wanted = min(round(share * len(designs)), int((chance >= _SURE).sum()))
    return distinct[np.argsort(-expected, kind="stable")[: max(_FEWEST, wanted)]]
