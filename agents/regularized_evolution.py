"""Regularized (aging) evolution."""

from collections import deque

import numpy as np

from rl_designer.agents.base import Agent, at_least_one
from rl_designer.agents.mutation import Row, mutate
from rl_designer.envs.problem import BudgetSpent, Problem
from rl_designer.envs.seeding import stream

_MOST_TRIES = 100


class RegularizedEvolution(Agent):
    """Algorithm 1 of Real et al. 2019: the best of a sample of the population gets a child, the oldest dies.

    A child that was evaluated before is mutated anew, so that a cycle pays for a new design as long as there
    are any. The first population is one batch. The defaults need the fewest evaluations on NAS-Bench-201 and
    -Macro among populations of 10 (sample 3, as in NATS-Bench), 20 (5, 10), 30 (15) and 50 (10).

    Args:
        population: designs alive at a time; the first are those that are there already, and random ones.
        sample: designs drawn, with replacement, to choose each parent from.
        batch: children made before the population sees any of them: evolution with as many workers.
    """

    name = "regularized-evolution"
    by_order = True

    def __init__(self, *, seed: int = 0, population: int = 20, sample: int = 10, batch: int = 1) -> None:
        super().__init__(seed=seed)
        at_least_one(population=population, sample=sample, batch=batch)
        self.population = population
        self.sample = sample
        self.batch = batch

    def search(self, problem: Problem) -> None:
        generator = stream(self.seed, "regularized evolution")
        known = zip(problem.actions, problem.designs.rewards.tolist(), strict=True)
        alive: deque[tuple[Row, float]] = deque(known, maxlen=self.population)
        rows = problem.space.random_actions(max(self.population - len(alive), 1), generator)
        try:
            while True:
                paid = len(problem.designs)
                designs = problem.evaluate(problem.space.architectures(rows))
                alive.extend((row, design.reward) for row, design in zip(rows, designs, strict=True))
                tries = _MOST_TRIES if len(problem.designs) > paid else 1
                rows = np.array([self._child(problem, alive, tries, generator) for _ in range(self.batch)])
        except BudgetSpent:
            pass

    def _child(
        self, problem: Problem, alive: deque[tuple[Row, float]], tries: int, generator: np.random.Generator
    ) -> Row:
        drawn = generator.integers(len(alive), size=self.sample)
        parent, _ = max((alive[i] for i in drawn), key=lambda member: member[1])
        for _ in range(tries):
            child = mutate(problem.space, parent, generator)
            if not problem.seen(problem.space.architectures(child[None])[0]):
                break
        return child
