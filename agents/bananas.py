"""`bananas`: mutations of the best designs, ranked by the reward model."""

import numpy as np

from rl_designer.agents.base import Agent, at_least_one
from rl_designer.agents.mutation import mutations
from rl_designer.agents.next_designs import best_so_far, learned, promising
from rl_designer.envs.problem import BudgetSpent, Problem
from rl_designer.envs.search_spaces.base import Actions
from rl_designer.envs.seeding import stream


class Bananas(Agent):
    """What `ppo` does without a policy: its proposals are mutations of the best designs so far.

    As BANANAS (White et al. 2021, algorithm 1), with `ppo`'s reward model and bound in place of an ensemble
    of networks and independent Thompson sampling: the two differ in who proposes and in nothing else.

    Args:
        warm: designs drawn at random at first, less those that are there already.
        batch: designs evaluated a round.
        parents: the best designs so far that are mutated.
        candidates: mutations that the model ranks.
        bound: standard deviations above the mean that count.
    """

    name = "bananas"
    by_order = True

    def __init__(
        self,
        *,
        seed: int = 0,
        warm: int = 8,
        batch: int = 4,
        parents: int = 10,
        candidates: int = 100,
        bound: float = 2.0,
    ) -> None:
        super().__init__(seed=seed)
        at_least_one(warm=warm, batch=batch, parents=parents, candidates=candidates)
        self.warm = warm
        self.batch = batch
        self.parents = parents
        self.candidates = candidates
        self.bound = bound

    def search(self, problem: Problem) -> None:
        from rl_designer.agents.reward_model import RewardModel
        from rl_designer.envs.workers.devices import one_thread

        draws, space = stream(self.seed, self.name), problem.space
        with one_thread():
            model, warm = RewardModel(space), max(self.warm - len(problem.designs), 1)
            try:
                problem.evaluate(space.architectures(space.random_actions(warm, draws)))
                while True:
                    belief = learned(model, problem)
                    fresh = self._mutations(problem, draws)
                    if len(fresh) > self.batch:
                        mean, covariance = belief.joint(space, fresh)
                        fresh = fresh[promising(mean, covariance, belief.noise, self.bound, self.batch)]
                    problem.evaluate(space.architectures(fresh))
            except BudgetSpent:
                pass

    def _mutations(self, problem: Problem, draws: np.random.Generator) -> Actions:
        """Mutations of the best that were not evaluated before; random designs where there are none."""
        space = problem.space
        parents = best_so_far(problem, self.parents)
        fresh = problem.unseen(mutations(space, parents, self.candidates, draws))
        return fresh if len(fresh) else space.random_actions(self.candidates, draws)
