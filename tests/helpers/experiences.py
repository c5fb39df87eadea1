"""Small trainings and experience, made in a moment: nothing is trained but what learns from them."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.experience import Experience
from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from rl_designer.envs.tasks.drawing import drawn_task
from rl_designer.experience.building import distinct_designs, task_data, task_of
from rl_designer.experience.learning import learn
from rl_designer.experience.settings import PolicySettings, PriorSettings
from rl_designer.experience.trainings import Trainings

QUICK_PRIOR = PriorSettings(members=2, hidden=16, epochs=200, learning_rate=1e-2)
QUICK_POLICY = PolicySettings(updates=20, tasks=4, episodes=16, hidden=16, learning_rate=1e-2)


def largeness(space: SearchSpace, actions: Actions) -> NDArray[np.float64]:
    """The score here: the logarithm of the parameters, about 0.2 to 0.9."""
    return space.summaries(actions)[:, 1].astype(np.float64) / 6


@cache
def made_trainings(tasks: int = 4, designs: int = 40) -> Trainings:
    """On made signals; the larger, the better."""
    parts = []
    for number in range(tasks):
        drawn = drawn_task("signal", number)
        task = task_of(drawn, task_data(drawn))
        actions = distinct_designs(task.space(), designs, np.random.default_rng(number))
        n = len(actions)
        limit, curve = np.full(n, 1e5, np.float32), np.repeat(largeness(task.space(), actions)[:, None], 2, 1)
        arrays = (np.zeros(n, np.int32), actions.astype(np.int16), limit, curve.astype(np.float32))
        parts.append(Trainings("signal", (task,), *arrays))
    return Trainings.merged(parts)


@cache
def made_experience() -> Experience:
    """Learned from these."""
    return learn(made_trainings(), QUICK_PRIOR, QUICK_POLICY)
