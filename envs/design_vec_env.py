"""`DesignVecEnv`: many episodes of `DesignEnv` at once, batched in NumPy, as an SB3 `VecEnv`."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from rl_designer.envs.design_env import SPENT
from rl_designer.envs.errors import Error
from rl_designer.envs.problem import DEFAULT_FAILURE_REWARD, BudgetSpent, Problem
from rl_designer.envs.search_spaces.base import Actions, SearchSpace

# Complete designs as action rows, int64 [k, max_steps] padded with -1, to their rewards, float64 [k].
Score = Callable[[Actions], NDArray[np.float64]]


def score_by(problem: Problem) -> Score:
    """Rewards from real evaluations, one batch for all designs that are complete at a step."""

    def score(actions: Actions) -> NDArray[np.float64]:
        designs = problem.evaluate(problem.space.architectures(actions))
        return np.array([design.reward for design in designs])

    return score


class StopTrainingOnSpentBudget(BaseCallback):
    """Ends an algorithm's `learn` once an environment says that the problem's budget is spent."""

    def _on_step(self) -> bool:
        return not any(SPENT in info for info in self.locals["infos"])


class DesignVecEnv(VecEnv):
    """The transitions of `num_envs` `DesignEnv`s, a NumPy operation for all of them at a time.

    `step` raises ValueError for a number that is no action, and whatever `score` raises: `score_by` raises
    `BudgetSpent`, unless episodes are to be cut off then.

    Args:
        score: pays for complete designs: `score_by(problem)` for real, or a reward model.
        failure_reward: paid for an illegal action, which ends the episode.
        lock_step: an episode that is over waits, with action 0 as its only legal one, until `max_steps`
            steps have been taken; all rewards come then, from one call of `score`. With a discount of 1 the
            returns are the same, and all candidates of a rollout are evaluated as one batch.
        cut_off: a design that the budget doesn't allow is cut off and paid 0, as in a `DesignEnv`.
    """

    def __init__(
        self,
        space: SearchSpace,
        score: Score,
        num_envs: int,
        *,
        failure_reward: float = DEFAULT_FAILURE_REWARD,
        lock_step: bool = False,
        cut_off: bool = False,
    ) -> None:
        low, high = np.minimum(space.action_features.min(), 0), np.maximum(space.action_features.max(), 1)
        box = spaces.Box(float(low), float(high), (space.observation_size,), np.float32)
        self.render_mode = None
        super().__init__(num_envs, box, spaces.Discrete(space.num_actions))
        self.space = space
        self.score = score
        self.failure_reward = failure_reward
        self.lock_step = lock_step
        self.cut_off = cut_off
        self._all = np.arange(num_envs)

    def reset(self) -> NDArray[np.float32]:
        self._states = self.space.start(self.num_envs)
        self._actions = np.full((self.num_envs, self.space.max_steps), -1, dtype=np.int64)
        self._steps = np.zeros(self.num_envs, dtype=np.int64)
        self._illegal = np.zeros(self.num_envs, dtype=bool)
        self._ticks = 0
        self._look()
        return self.space.observations(self._actions)

    def step_async(self, actions: NDArray[np.int64]) -> None:
        self._chosen = np.asarray(actions, dtype=np.int64)
        last = self.space.num_actions - 1
        if self._chosen.min() < 0 or self._chosen.max() > last:
            raise Error(f"an action must be from 0 to {last}, got {self._chosen.tolist()}")

    def step_wait(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        live = ~self._over
        legal = self._masks[self._all, self._chosen] & live
        self._illegal |= live & ~legal
        moved = np.flatnonzero(legal)
        self._actions[moved, self._steps[moved]] = self._chosen[moved]
        self._states[moved] = self.space.advance(self._states[moved], self._chosen[moved])
        self._steps[live] += 1
        self._ticks += 1
        self._look()
        return self._results(self._done())

    def action_masks(self) -> NDArray[np.bool_]:
        """The legal actions of every episode, bool [num_envs, num_actions]."""
        if not self._over.any():
            return self._masks
        masks = self._masks & ~self._over[:, None]
        masks[self._over, 0] = True
        return masks

    def _look(self) -> None:
        self._masks = self.space.masks(self._states)
        self._over = ~self._masks.any(axis=1) | self._illegal

    def _done(self) -> NDArray[np.bool_]:
        if self.lock_step:
            return np.full(self.num_envs, self._ticks == self.space.max_steps)
        return self._over.copy()

    def _results(
        self, done: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        rewards = np.zeros(self.num_envs, dtype=np.float32)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if done.any():
            rewards[done & self._illegal] = self.failure_reward
            complete = np.flatnonzero(done & ~self._illegal)
            if len(complete):
                self._actions[complete] = self.space.canonical(self._actions[complete])
                rewards[complete] = self._scored(complete, infos)
            last = self.space.observations(self._actions)
            for row in np.flatnonzero(done):
                infos[row]["terminal_observation"] = last[row]
                infos[row]["episode"] = {"r": float(rewards[row]), "l": int(self._steps[row]), "t": 0.0}
            self._restart(np.flatnonzero(done))
        return self.space.observations(self._actions), rewards, done, infos

    def _scored(self, rows: NDArray[np.int64], infos: list[dict[str, Any]]) -> NDArray[np.float64]:
        try:
            return self.score(self._actions[rows])
        except BudgetSpent:
            if not self.cut_off:
                raise
        # One by one: those that the budget still allowed are known by now.
        rewards = np.zeros(len(rows))
        for place, row in enumerate(rows):
            try:
                rewards[place] = self.score(self._actions[[row]])[0]
            except BudgetSpent as spent:
                infos[row] |= {SPENT: str(spent), "TimeLimit.truncated": True}
        return rewards

    def _restart(self, rows: NDArray[np.int64]) -> None:
        self._states[rows] = self.space.start(len(rows))
        self._actions[rows] = -1
        self._steps[rows] = 0
        self._illegal[rows] = False
        self._ticks = 0 if self.lock_step else self._ticks
        self._look()

    # -- the rest of SB3's contract ----------------------------------------------------------------

    def close(self) -> None:
        """Nothing is held open."""

    def _rows(self, indices: int | Iterable[int] | None) -> list[int]:
        if indices is None:
            return list(range(self.num_envs))
        return [indices] if isinstance(indices, int) else list(indices)

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        return [getattr(self, attr_name)] * len(self._rows(indices))

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:
        setattr(self, attr_name, value)

    def env_method(
        self,
        method_name: str,
        *method_args: Any,
        indices: int | Iterable[int] | None = None,
        **method_kwargs: Any,
    ) -> list[Any]:
        """One result an episode; `action_masks` is what MaskablePPO asks for."""
        result = getattr(self, method_name)(*method_args, **method_kwargs)
        return [result[row] for row in self._rows(indices)]

    def env_is_wrapped(
        self, wrapper_class: type[Any], indices: int | Iterable[int] | None = None
    ) -> list[bool]:
        return [False] * len(self._rows(indices))
