"""`ppo-model-free`: PPO that learns from real evaluations alone."""

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.base import PolicyAgent, at_least_one
from rl_designer.agents.controller import Controller, PPOSettings
from rl_designer.envs.design_vec_env import Score
from rl_designer.envs.errors import Error
from rl_designer.envs.problem import BudgetSpent, Problem
from rl_designer.envs.search_spaces.base import Actions
from rl_designer.envs.seeding import stream

_LOWEST_SCORE = -3.0  # standard deviations: one failure must not outweigh everything else
_PATIENCE = 20  # updates in a row that may bring nothing new
_FEWEST_IMITATED = 8
_GROWN_UP = 50  # updates after which a policy that started anew is as good as any


class ModelFreePPO(PolicyAgent):
    """Small updates, rewards standardised against all designs so far, and imitation of the best of them.

    A policy that proposes nothing new in 20 updates in a row has collapsed: the search goes on with fresh
    weights, whose first update is without imitation, so that they don't collapse onto the same designs.

    SB3's defaults learn nothing in the budgets that matter here: 2,048 steps an update are hundreds of
    trainings. Advantages are not normalised, because that amplifies noise once the designs are alike.

    Args:
        episodes: designs an update.
        imitated_share: after each update the policy takes `imitation_steps` cross-entropy steps on this share
            of all designs so far, the best, and on eight at least (self-imitation, Oh et al. 2018).
    """

    name = "ppo-model-free"

    def __init__(
        self,
        *,
        seed: int = 0,
        episodes: int = 8,
        learning_rate: float = 1e-2,
        entropy: float = 0.1,
        imitated_share: float = 0.0625,
        imitation_steps: int = 4,
    ) -> None:
        super().__init__(seed=seed)
        at_least_one(episodes=episodes)
        if not 0 <= imitated_share <= 1:
            raise Error(f"'imitated_share' must be from 0 to 1, got {imitated_share}")
        self.settings = PPOSettings(episodes=episodes, learning_rate=learning_rate, entropy=entropy)
        self.imitated_share = imitated_share
        self.imitation_steps = imitation_steps

    def search(self, problem: Problem) -> None:
        seeds = stream(self.seed, "ppo-model-free")
        score = standardised(problem)

        def fresh() -> Controller:
            return Controller(problem.space, score, self.settings, int(seeds.integers(2**63)))

        controller, restarted, updates, idle = fresh(), False, 0, 0
        try:
            while True:
                known = len(problem.designs)
                controller.update(score, 1, int(seeds.integers(2**63)))
                updates, idle = updates + 1, idle + 1 if len(problem.designs) == known else 0
                if idle == _PATIENCE:
                    controller, restarted, updates, idle = fresh(), True, 0, 0
                elif updates > 1 or not restarted:
                    controller.imitate(self._best_actions(problem), self.imitation_steps)
        except BudgetSpent:
            pass
        if restarted:  # what is handed out must not be worse than what was given up
            missed = max(_GROWN_UP - updates, 0)
            controller.imitate(self._best_actions(problem), missed * self.imitation_steps)
        self.policy = controller.policy(agent=self.name, seed=self.seed, evaluations=len(problem.designs))

    def _best_actions(self, problem: Problem) -> Actions:
        trained = np.flatnonzero(~problem.designs.failed)
        imitated = max(_FEWEST_IMITATED, int(self.imitated_share * len(problem.designs)))
        best = np.argsort(-problem.designs.rewards[trained], kind="stable")[:imitated]
        return problem.actions[trained[best]]


def standardised(problem: Problem) -> Score:
    """Rewards of real evaluations, in standard deviations from the mean of all designs so far."""

    def score(actions: Actions) -> NDArray[np.float64]:
        designs = problem.evaluate(problem.space.architectures(actions))
        archive = problem.designs.rewards[~problem.designs.failed]
        mean, spread = (np.mean(archive), np.std(archive)) if len(archive) else (0.0, 0.0)
        # Rewards may have any scale, but the mean of equal ones is not always exactly they.
        spread = max(spread, 1e-9 * np.abs(archive).max(initial=0.0), 1e-300)
        scores = (np.array([design.reward for design in designs]) - mean) / spread
        failed = np.array([design.evaluation.failure is not None for design in designs])
        return np.where(failed, _LOWEST_SCORE, np.maximum(scores, _LOWEST_SCORE))

    return score
