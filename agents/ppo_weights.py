"""`ppo-weights`: a front in parts, by `ppo` once for each of some preferences."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.base import Agent
from rl_designer.agents.ppo import PPO
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.objectives import Objectives, Scale, few_preferences, scalarised
from rl_designer.envs.problem import Budget, BudgetSpent, Problem
from rl_designer.envs.seeding import stream

_AT_ONCE = 50  # evaluations a preference where only the time is limited
_LOWEST = -10.0  # far below what any design is worth


class PPOWeights(Agent):
    """What one does who has no search for fronts: the budget in equal parts, one for each preference, each a
    search by `ppo` whose reward is what a design is worth by that preference. Each begins with all designs
    that those before it had evaluated. Without objectives it is `ppo`.

    Args:
        warm: designs drawn at random at first, by which the objectives are brought to one scale.
    """

    name = "ppo-weights"
    finds_fronts = True

    def __init__(self, *, seed: int = 0, warm: int = 8) -> None:
        super().__init__(seed=seed)
        self.warm = warm

    def search(self, problem: Problem) -> None:
        objectives, draws, space = problem.objectives, stream(self.seed, self.name), problem.space
        if objectives is None:
            PPO(seed=self.seed).search(problem)
            return
        preferences = few_preferences(len(objectives))
        try:
            while np.isfinite(problem.values).all(axis=1).sum() < 2:
                problem.evaluate(space.architectures(space.random_actions(self.warm, draws)))
            for turn, preference in enumerate(cycle(preferences)):
                left = len(preferences) - turn % len(preferences)
                share = _AT_ONCE if problem.remaining is None else -(-problem.remaining // left)
                known = len(problem.designs)
                self._one(problem, preference, known + share, int(draws.integers(2**31)))
                if len(problem.designs) == known or problem.remaining == 0:
                    break
        except BudgetSpent:
            pass

    def _one(self, problem: Problem, preference: NDArray[np.float64], most: int, seed: int) -> None:
        """A search by one preference, until there are so many designs."""
        assert problem.objectives is not None
        reward = _Worth(problem.objectives, Scale.of_front(problem.values), tuple(preference))
        through = Problem(problem.space, _Through(problem), reward, Budget(most), failure_reward=_LOWEST)
        through.evaluate([design.architecture for design in problem.designs])
        PPO(seed=seed, final_updates=0).search(through)


@dataclass(frozen=True)
class _Worth:
    """What an evaluation is worth by a preference."""

    objectives: Objectives
    scale: Scale
    preference: tuple[float, ...]
    __name__ = "worth"

    def __call__(self, evaluation: Evaluation) -> float:
        units = self.scale.units(self.objectives.values([evaluation]))
        return float(scalarised(units, np.array(self.preference))[0])


@dataclass(frozen=True)
class _Through:
    """Asks another problem, whose budget counts, too."""

    problem: Problem

    @property
    def digest(self) -> str:
        return self.problem.evaluator.digest

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        return [design.evaluation for design in self.problem.evaluate(architectures)]
