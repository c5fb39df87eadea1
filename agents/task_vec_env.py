"""`TaskVecEnv`: episodes on many tasks at once, each within limits of its own, which the policy sees."""

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_designer.envs.design_vec_env import DesignVecEnv, Score
from rl_designer.envs.search_spaces.base import SearchSpace

# The space within the limits, what pays for designs in it, and what the policy sees of the task, float32.
Drawn = tuple[SearchSpace, Score, NDArray[np.float32]]


class TaskVecEnv(DesignVecEnv):
    """Rounds of whole episodes in lock step; in each round other tasks are drawn.

    An observation is the space's own, and behind it what is seen of the task and the limits.

    Args:
        draw: one task and limits; all spaces have the same actions and observations.
        tasks: drawn for a round.
        episodes: of each.
    """

    def __init__(self, draw: Callable[[], Drawn], tasks: int, episodes: int) -> None:
        self._draw = draw
        self._tasks = tasks
        self._episodes = episodes
        self._begin()
        space, _, seen = self._drawn[0]
        super().__init__(space, self._drawn[0][1], tasks * episodes, lock_step=True)
        size, bound = space.observation_size + len(seen), float(np.finfo(np.float32).max)
        self.observation_space = spaces.Box(-bound, bound, (size,), np.float32)

    def reset(self) -> NDArray[np.float32]:
        self._begin()
        return self._seen([env.reset() for env in self._envs])

    def step_async(self, actions: NDArray[np.int64]) -> None:
        for env, own in zip(self._envs, np.split(np.asarray(actions), self._tasks), strict=True):
            env.step_async(own)

    def step_wait(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        results = [env.step_wait() for env in self._envs]
        observations = [result[0] for result in results]
        rewards = np.concatenate([result[1] for result in results])
        ended = np.concatenate([result[2] for result in results])
        infos = [info for result in results for info in result[3]]
        if ended.all():
            for info, seen in zip(infos, self._facts(), strict=True):
                info["terminal_observation"] = np.concatenate([info["terminal_observation"], seen])
            return self.reset(), rewards, ended, infos
        return self._seen(observations), rewards, ended, infos

    def action_masks(self) -> NDArray[np.bool_]:
        return np.concatenate([env.action_masks() for env in self._envs])

    def _begin(self) -> None:
        self._drawn = [self._draw() for _ in range(self._tasks)]
        self._envs = [
            DesignVecEnv(space, score, self._episodes, lock_step=True) for space, score, _ in self._drawn
        ]

    def _facts(self) -> NDArray[np.float32]:
        return np.repeat(np.stack([seen for _, _, seen in self._drawn]), self._episodes, axis=0)

    def _seen(self, observations: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.concatenate([np.concatenate(observations), self._facts()], axis=1)
