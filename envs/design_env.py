"""`DesignEnv`: designing one network, as a Gymnasium episode."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_designer.envs.errors import Error
from rl_designer.envs.named_problem import named_problem
from rl_designer.envs.problem import Problem
from rl_designer.envs.rendering import picture, text


class DesignEnv(gymnasium.Env[NDArray[np.float32], np.int64]):
    """One episode builds one design, layer by layer; the reward comes with the last step.

    Observation: float32 [observation_size], values as the search space's `encode` gives them. Action: a
    number below `num_actions`. Reward: 0 until the design is complete, then the problem's reward of it. An
    action that `action_masks()` forbids ends the episode with the problem's failure reward.

    `info` at the end of an episode has `design` (a `Design`), or `failure` (text) after an illegal action.

    The problem is given, or made of names (`named_problem` has them): `data="mnist1d"`, `table="…"`. An
    environment made of names can be pickled, made again from its `spec` and vectorised; a copy has the same
    problem with nothing evaluated yet.

    `step` raises `BudgetSpent` when the problem's budget doesn't allow the design's evaluation, RuntimeError
    after the end of an episode, and ValueError for a number that is no action.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}  # noqa: RUF012

    def __init__(
        self, problem: Problem | None = None, *, render_mode: str | None = None, **names: Any
    ) -> None:
        modes = self.metadata["render_modes"]
        if render_mode is not None and render_mode not in modes:
            raise Error(f"render_mode must be one of {modes} or None, got {render_mode!r}")
        if problem is not None and names:
            raise Error(f"a problem and names exclude each other, got both: {', '.join(names)}")
        self._names = names
        self.problem = problem = named_problem(**names) if problem is None else problem
        self.render_mode = render_mode
        space = problem.space
        low, high = np.minimum(space.action_features.min(), 0), np.maximum(space.action_features.max(), 1)
        self.observation_space = spaces.Box(float(low), float(high), (space.observation_size,), np.float32)
        self.action_space = spaces.Discrete(space.num_actions)
        self._architecture = space.initial()
        self._over = True

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if self._names:
            del state["problem"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        if self._names:
            self.problem = named_problem(**self._names)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        super().reset(seed=seed)
        self._architecture = self.problem.space.initial()
        self._over = False
        return self.problem.space.encode(self._architecture), {}

    def step(self, action: np.int64) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        if self._over:
            raise RuntimeError("the episode is over: call reset() before step()")
        space, chosen = self.problem.space, int(action)
        if not 0 <= chosen < space.num_actions:
            raise Error(f"an action must be from 0 to {space.num_actions - 1}, got {chosen}")
        if not self.action_masks()[chosen]:
            self._over = True
            failure = f"illegal action {chosen} after {self._architecture}"
            reward = self.problem.failure_reward
            return space.encode(self._architecture), reward, True, False, {"failure": failure}
        self._architecture = space.extend(self._architecture, chosen)
        self._over = self._architecture.complete
        if not self._over:
            return space.encode(self._architecture), 0.0, False, False, {}
        (design,) = self.problem.evaluate([self._architecture])
        return space.encode(self._architecture), design.reward, True, False, {"design": design}

    def action_masks(self) -> NDArray[np.bool_]:
        """The legal actions, bool [num_actions], under the name that sb3-contrib looks for."""
        return self.problem.space.action_mask(self._architecture)

    def render(self) -> Any:
        """The design so far: text for `ansi`, uint8 [height, width, 3] of one size for `rgb_array`."""
        if self.render_mode == "ansi":
            return text(self._architecture)
        if self.render_mode == "rgb_array":
            return picture(self._architecture, self.problem.space.max_steps)
        return None
