"""Random search: the control that every controller must beat."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from rl_designer.agents.base import Agent, at_least_one
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.problem import BudgetSpent, Problem
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.seeding import stream

_MOST_DRAWS = 100  # for each new design of a batch


class RandomSearch(Agent):
    """Each action uniform among the legal ones, until the budget is spent (Li & Talwalkar 2019).

    What is drawn again is not a part of a batch, so that batches stay full as new designs become rare.

    Args:
        batch: new designs asked for at once.
    """

    name = "random"
    finds_fronts = True  # whatever is wanted
    by_order = True

    def __init__(self, *, seed: int = 0, batch: int = 8) -> None:
        super().__init__(seed=seed)
        at_least_one(batch=batch)
        self.batch = batch

    def search(self, problem: Problem) -> None:
        draws = _draws(problem.space, self.batch, stream(self.seed, "random search"))
        try:
            while True:
                problem.evaluate(self._drawn(problem, draws))
        except BudgetSpent:
            pass

    def _drawn(self, problem: Problem, draws: Iterator[Architecture]) -> list[Architecture]:
        """With as many new ones as a batch has, where there are any."""
        drawn, fresh = [], set()
        for architecture in islice(draws, _MOST_DRAWS * self.batch):
            drawn.append(architecture)
            if not problem.seen(architecture):
                fresh.add(architecture.digest)
            if len(fresh) == self.batch:
                break
        return drawn


def _draws(space: SearchSpace, at_once: int, generator: np.random.Generator) -> Iterator[Architecture]:
    while True:
        yield from space.architectures(space.random_actions(at_once, generator))
