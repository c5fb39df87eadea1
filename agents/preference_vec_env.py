"""`PreferenceVecEnv`: each episode has a preference among several objectives, which the policy sees."""

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_designer.agents.front_policy import shown
from rl_designer.envs.design_vec_env import DesignVecEnv
from rl_designer.envs.objectives import drawn_preferences
from rl_designer.envs.search_spaces.base import Actions, SearchSpace

# Complete designs and the preferences that they were made for, float64 [n, k], to rewards, float64 [n].
PreferenceScore = Callable[[Actions, NDArray[np.float64]], NDArray[np.float64]]


class PreferenceVecEnv(DesignVecEnv):
    """An observation is the space's own, and behind it what is `shown` of the episode's preference.

    Args:
        score: pays for complete designs by preferences.
        objectives: how many there are.
        draws: preferences, each episode another.
    """

    def __init__(
        self,
        space: SearchSpace,
        score: PreferenceScore,
        num_envs: int,
        *,
        objectives: int,
        draws: np.random.Generator,
        **options: Any,
    ) -> None:
        super().__init__(space, lambda actions: np.zeros(len(actions)), num_envs, **options)
        self.score = score  # type: ignore[assignment]
        self._draws = draws
        self.preferences = np.full((num_envs, objectives), 1 / objectives)
        size, bound = space.observation_size + objectives, float(np.finfo(np.float32).max)
        self.observation_space = spaces.Box(-bound, bound, (size,), np.float32)

    def reset(self) -> NDArray[np.float32]:
        observations = super().reset()
        self.preferences = drawn_preferences(self.preferences.shape[1], self.num_envs, self._draws)
        return self._seen(observations)

    def step_wait(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        before = shown(self.preferences)
        observations, rewards, done, infos = super().step_wait()
        for row in np.flatnonzero(done):
            last = infos[row]["terminal_observation"]
            infos[row]["terminal_observation"] = np.concatenate([last, before[row]])
        return self._seen(observations), rewards, done, infos

    def _scored(self, rows: NDArray[np.int64], infos: list[dict[str, Any]]) -> NDArray[np.float64]:
        return self.score(self._actions[rows], self.preferences[rows])  # type: ignore[call-arg]

    def _restart(self, rows: NDArray[np.int64]) -> None:
        super()._restart(rows)
        self.preferences[rows] = drawn_preferences(self.preferences.shape[1], len(rows), self._draws)

    def _seen(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([observations, shown(self.preferences)], axis=1)
