"""`DesignEnv`: designing one network, as a Gymnasium episode; the problem may be made of names."""

import hashlib
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.errors import Error
from rl_designer.envs.evaluation import Evaluator
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import DEFAULT_FAILURE_REWARD, Budget, BudgetSpent, Problem
from rl_designer.envs.rewards import RewardContext, load_reward
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.limits import Limits
from rl_designer.envs.search_spaces.registry import kind_of, make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.catalogue import load_table


def named_problem(
    data: str | Path | None = None,
    *,
    table: str | Path | None = None,
    task: str | None = None,
    space: str | Path | None = None,
    reward: str = "accuracy",
    evaluations: int | None = None,
    failure_reward: float = DEFAULT_FAILURE_REWARD,
    epochs: int | None = None,
    metric: str | None = None,
    folds: int = 1,
    device: str = "auto",
    **more: Any,
) -> Problem:
    """On data, whose designs are trained in this process, or on an architecture table.

    Args:
        data: as `load_dataset` takes it, and `more` the rest: `target`, `predicts`, `drop` …
        table, task: as `load_table` and `TableEvaluator` take them.
        space: as `space_definition` takes it; None for what suits the data.
        reward: as `load_reward` takes it.
        more: limits of every design, too, as `Limits` has them, by name: `max_parameters`, `max_ram` …
        evaluations: the budget; None is without limit.
        epochs: of each training; None for the default.
        metric, folds: how designs are scored on data, as `TrainingEvaluator` takes them; not with a table.

    Raises:
        ValueError: for names that there aren't, data that can't be used, limits that leave no design, and
            where there are both data and a table, or neither.
    """
    if (data is None) == (table is None):
        raise Error(f"name data or a table, one of them; got data={data!r}, table={table!r}")
    limits = {name: more.pop(name) for name in Limits.names() if name in more}
    made: SearchSpace
    evaluator: Evaluator
    if table is not None:
        if more:
            raise Error(f"{', '.join(more)}: for data, not for an architecture table")
        if metric is not None or folds != 1:
            raise Error(f"a table has its own scores: leave metric and folds away; got {table!r}")
        made = of_table = TableSpace(load_table(str(table)), **limits)
        evaluator = TableEvaluator(of_table, task)
    elif data is not None:
        from rl_designer.envs.datasets import load_dataset
        from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings

        kind = None if space is None else kind_of(space)
        dataset = load_dataset(data, kind=kind, **more)
        made = make_space(space or dataset.space, dataset.input_shape, dataset.num_classes, **limits)
        settings = TrainingSettings() if epochs is None else TrainingSettings(epochs=epochs)
        evaluator = TrainingEvaluator(dataset, settings=settings, device=device, metric=metric, folds=folds)
    paid = load_reward(reward, RewardContext(made))
    return Problem(made, evaluator, paid, Budget(evaluations), failure_reward=failure_reward)


# In `info` where an episode was cut off since the budget is spent; why, as text.
SPENT = "budget_spent"

_WIDTH, _ROW = 480, 36


def text(architecture: Architecture) -> str:
    """A line a layer, numbered, and a last line that says whether the design is complete."""
    lines = [f"{number:2d}  {layer}" for number, layer in enumerate(architecture.layers, start=1)]
    lines.append("complete" if architecture.complete else "…")
    return "\n".join(lines)


def picture(architecture: Architecture, rows: int) -> NDArray[np.uint8]:
    """A box a layer, one colour a kind; uint8 [36 · (rows + 1), 480, 3], whatever the design."""
    image = Image.new("RGB", (_WIDTH, _ROW * (rows + 1)), "white")
    draw = ImageDraw.Draw(image)
    for number, layer in enumerate(architecture.layers):
        box = (8, number * _ROW + 4, _WIDTH - 8, (number + 1) * _ROW - 4)
        draw.rounded_rectangle(box, radius=6, fill=_colour(layer), outline="black")
        draw.text((20, number * _ROW + 12), str(layer)[:72], fill="black")
    last = "complete" if architecture.complete else "..."
    draw.text((20, len(architecture.layers) * _ROW + 12), last, fill="black")
    return np.asarray(image)


def _colour(layer: Layer) -> tuple[int, int, int]:
    red, green, blue = hashlib.sha256(layer.kind.encode()).digest()[:3]
    return 160 + red % 90, 160 + green % 90, 160 + blue % 90


class DesignEnv(gymnasium.Env[NDArray[np.float32], np.int64]):
    """One episode builds one design, layer by layer; the reward comes with the last step.

    Observation: float32 [observation_size], values as the search space's `encode` gives them. Action: a
    number below `num_actions`. Reward: 0 until the design is complete, then the problem's reward of it. An
    action that `action_masks()` forbids ends the episode with the problem's failure reward.

    `info` at the end of an episode has `design` (a `Design`), or `failure` (text) after an illegal action.

    A design whose evaluation the problem's budget doesn't allow ends the episode cut off (`truncated`), with
    reward 0 and `budget_spent` (text) in `info`; known designs are paid as before. An algorithm of SB3 stops
    there with the callback `StopTrainingOnSpentBudget`.

    The problem is given, or made of names (`named_problem` has them): `data="mnist1d"`, `table="…"`. An
    environment made of names can be pickled, made again from its `spec` and vectorised; a copy has the same
    problem with nothing evaluated yet.

    `step` raises RuntimeError after the end of an episode, and ValueError for a number that is no action.
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
        try:
            (design,) = self.problem.evaluate([self._architecture])
        except BudgetSpent as spent:
            return space.encode(self._architecture), 0.0, False, True, {SPENT: str(spent)}
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
