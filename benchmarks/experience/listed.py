"""`Listed`: an agent that evaluates the designs of a file in their order."""

import json
from contextlib import suppress
from pathlib import Path

import numpy as np

from rl_designer.agents.base import Agent
from rl_designer.envs.problem import BudgetSpent, Problem


class Listed(Agent):
    """Args: file: JSON, a list of the actions of each design."""

    name = "listed"

    def __init__(self, *, seed: int = 0, file: str = "") -> None:
        super().__init__(seed=seed)
        self.file = file

    def search(self, problem: Problem) -> None:
        actions = np.array(json.loads(Path(self.file).read_text()))
        with suppress(BudgetSpent):
            problem.evaluate(problem.space.architectures(actions))
