"""`train_policy`: PPO on many tasks, within many limits, paid by what a prior expects."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.controller import (
    PPOSettings,
    masked_ppo,
    own_randomness,
    unchecked_distributions,
    weights_of,
)
from rl_designer.agents.experience import DESCRIBED, Experience
from rl_designer.agents.task_vec_env import Drawn, TaskVecEnv
from rl_designer.envs.search_spaces.base import Actions
from rl_designer.envs.seeding import stream
from rl_designer.envs.tasks.facts import FACTS
from rl_designer.envs.workers.devices import one_thread
from rl_designer.experience.settings import PolicySettings
from rl_designer.experience.trainings import Task

Arrays = dict[str, NDArray[np.float32]]

LIMITS = (1_000, 1_000_000)  # parameters
_STEPS = 8  # limits of a task, evenly on a logarithmic scale, the last of which is none
_ORDINARY_DESIGNS = 100  # random ones, by which a task's rewards within its limits are standardised


def train_policy(
    experience: Experience, tasks: tuple[Task, ...], settings: PolicySettings, seed: int = 0
) -> Arrays:
    """Arrays as `Experience.policy` has them, learned against its prior."""
    drawing = _Drawing(experience, tasks, settings.caution, stream(seed, "experience", "tasks"))
    first, last = settings.entropy
    ppo_settings = PPOSettings(learning_rate=settings.learning_rate, entropy=first, hidden=settings.hidden)
    seeds = stream(seed, "experience", "policy")
    env = TaskVecEnv(drawing.draw, settings.tasks, settings.episodes)
    steps = env.space.max_steps
    ppo = masked_ppo(env, steps, ppo_settings, int(seeds.integers(2**63)))
    with own_randomness(int(seeds.integers(2**63))), one_thread(), unchecked_distributions():
        for update in range(settings.updates):
            ppo.ent_coef = first + (last - first) * update / max(settings.updates - 1, 1)
            ppo.learn(env.num_envs * steps, reset_num_timesteps=False)
    weights = weights_of(ppo)
    hidden = weights["hidden.weight"]
    cut = hidden.shape[1] - len(DESCRIBED)
    return {**weights, "hidden.weight": hidden[:, :cut].copy(), "facts.weight": hidden[:, cut:].copy()}


@dataclass
class _Drawing:
    """Draws tasks and limits; spaces are made once for each pair of a task and a limit."""

    experience: Experience
    tasks: tuple[Task, ...]
    caution: float
    draws: np.random.Generator
    _known: dict[Any, Drawn] = field(default_factory=dict)

    def draw(self) -> Drawn:
        number = int(self.draws.integers(len(self.tasks)))
        step = int(self.draws.integers(_STEPS))
        if (number, step) not in self._known:
            self._known[number, step] = self._made(self.tasks[number], step)
        return self._known[number, step]

    def _made(self, task: Task, step: int) -> Drawn:
        limit = float(np.geomspace(*LIMITS, _STEPS - 1)[step]) if step < _STEPS - 1 else None
        space = task.space() if limit is None else task.within(limit)
        seen = self.experience.seen(space, dict(zip(FACTS, task.facts, strict=True)))
        prior = self.experience.prior_for(seen)

        def expected(actions: Actions) -> NDArray[np.float64]:
            each = prior.each(space, actions)
            return each.mean(axis=0) - self.caution * each.std(axis=0)

        ordinary = expected(space.random_actions(_ORDINARY_DESIGNS, stream(0, "ordinary designs")))
        centre, spread = float(ordinary.mean()), float(ordinary.std()) or 1.0
        return space, lambda actions: (expected(actions) - centre) / spread, seen
