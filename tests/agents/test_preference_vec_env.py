"""Episodes by preferences, which the policy sees and the reward goes by."""

import numpy as np

from rl_designer.agents.front_policy import shown
from rl_designer.agents.preference_vec_env import PreferenceVecEnv
from rl_designer.envs.search_spaces.base import Actions
from rl_designer.envs.search_spaces.table import TableSpace
from tests.helpers.tables import synthetic_table

SPACE = TableSpace(synthetic_table((3, 4, 3)))


def first_weight(actions: Actions, preferences: np.ndarray) -> np.ndarray:
    """Pays for the preference alone, so that it can be told which one a design was paid by."""
    assert len(actions) == len(preferences)
    return preferences[:, 0]


def made(seed: int = 0) -> PreferenceVecEnv:
    draws = np.random.default_rng(seed)
    return PreferenceVecEnv(SPACE, first_weight, 16, lock_step=True, objectives=2, draws=draws)


def test_what_is_seen_is_what_is_paid_and_the_next_episodes_have_others() -> None:
    env = made()
    seen = env.reset()
    assert seen.shape == (16, SPACE.observation_size + 2) == (16, *env.observation_space.shape)
    first = env.preferences.copy()
    assert len(np.unique(first[:, 0])) > 5 and np.array_equal(seen[:, -2:], shown(first))
    for _ in range(SPACE.max_steps):
        assert np.array_equal(seen[:, -2:], shown(env.preferences))
        env.step_async(env.action_masks().argmax(axis=1))
        seen, rewards, done, infos = env.step_wait()
    assert done.all() and np.allclose(rewards, first[:, 0])
    assert np.array_equal(infos[3]["terminal_observation"][-2:], shown(first[3]))
    assert not np.array_equal(env.preferences, first) and np.array_equal(seen[:, -2:], shown(env.preferences))


def test_the_same_seed_draws_the_same_preferences() -> None:
    one, same, other = (made(seed).reset() for seed in (0, 0, 1))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_nothing_is_seen_where_all_are_wanted_alike() -> None:
    assert shown(np.array([0.5, 0.5])).tolist() == [0, 0] and shown(np.full(3, 1 / 3)).tolist() == [0, 0, 0]
