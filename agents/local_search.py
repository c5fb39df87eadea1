"""Local search with restarts."""

import numpy as np

from rl_designer.agents.base import Agent, at_least_one
from rl_designer.agents.mutation import Row, neighbours
from rl_designer.agents.next_designs import best_so_far
from rl_designer.envs.problem import BudgetSpent, Problem
from rl_designer.envs.seeding import stream


class LocalSearch(Agent):
    """From a random design to its first better neighbour, and on, until none is better; then from another.
    Where there are designs already it begins with the best of them.

    White et al. 2021 ("Exploring the loss landscape in neural architecture search"), the variant that moves
    at the first improvement. Neighbours come in random order.

    Args:
        batch: neighbours evaluated at once; more than 1 pays for some that the move then makes needless.
    """

    name = "local-search"
    by_order = True

    def __init__(self, *, seed: int = 0, batch: int = 1) -> None:
        super().__init__(seed=seed)
        at_least_one(batch=batch)
        self.batch = batch

    def search(self, problem: Problem) -> None:
        generator, known = stream(self.seed, "local search"), best_so_far(problem, 1)
        try:
            while True:
                start = known if len(known) else problem.space.random_actions(1, generator)
                known = known[:0]
                reward = problem.evaluate(problem.space.architectures(start))[0].reward
                self._climb(problem, start[0], reward, generator)
        except BudgetSpent:
            pass

    def _climb(self, problem: Problem, row: Row, reward: float, generator: np.random.Generator) -> None:
        around = generator.permutation(neighbours(problem.space, row))
        while len(around):
            rows, around = around[: self.batch], around[self.batch :]
            designs = problem.evaluate(problem.space.architectures(rows))
            best = max(range(len(rows)), key=lambda i: designs[i].reward)
            if designs[best].reward > reward:
                row, reward = rows[best], designs[best].reward
                around = generator.permutation(neighbours(problem.space, row))
