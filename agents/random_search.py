"""Random search: the control that every controller must beat."""

from rl_designer.agents.base import Agent
from rl_designer.agents.options import at_least_one
from rl_designer.envs.problem import BudgetSpent, Problem
from rl_designer.envs.seeding import stream


class RandomSearch(Agent):
    """Each action uniform among the legal ones, until the budget is spent (Li & Talwalkar 2019).

    Args:
        batch: designs asked for at once.
    """

    name = "random"

    def __init__(self, *, seed: int = 0, batch: int = 8) -> None:
        super().__init__(seed=seed)
        at_least_one(batch=batch)
        self.batch = batch

    def search(self, problem: Problem) -> None:
        generator = stream(self.seed, "random search")
        try:
            while True:
                actions = problem.space.random_actions(self.batch, generator)
                problem.evaluate(problem.space.architectures(actions))
        except BudgetSpent:
            pass
