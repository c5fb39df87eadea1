"""`DesignVecEnv`: the transitions of many `DesignEnv`s, all at once."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import PPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor

from rl_designer.envs.design_env import DesignEnv
from rl_designer.envs.design_vec_env import DesignVecEnv, score_by
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Budget, BudgetSpent, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.base import Actions, SearchSpace
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.testing.problems import LayerEvaluator, Watched
from tests.helpers.strategies import few_examples, limited_tables, seeds
from tests.helpers.tables import synthetic_table

FAILURE_REWARD = -0.5
TABLE_SPACE = TableSpace(synthetic_table((3, 4, 2), forbidden=0.3, duplicates=True))
SIGNALS = [make_space("convnet1d", (1, 40), 10, max_parameters=limit) for limit in (None, 3_000, 700)]

SPELLINGS = TableSpace(synthetic_table((3, 3, 2), duplicates=True))

CELLS = make_space("cell1d", (1, 40), 10, max_macs=200_000)

spaces = st.sampled_from([SPELLINGS, *SIGNALS, CELLS]) | limited_tables().map(lambda limited: limited[0])


def problem_of(space: SearchSpace, failing: float = 0.2, budget: Budget | None = None) -> Problem:
    evaluator = TableEvaluator(space) if isinstance(space, TableSpace) else LayerEvaluator()
    watched = Watched(evaluator, failing)
    return Problem(space, watched, accuracy, budget or Budget(), failure_reward=FAILURE_REWARD)


def batched(problem: Problem, num_envs: int, lock_step: bool = False) -> DesignVecEnv:
    return DesignVecEnv(
        problem.space, score_by(problem), num_envs, failure_reward=FAILURE_REWARD, lock_step=lock_step
    )


def one_by_one(problem: Problem, num_envs: int) -> DummyVecEnv:
    return DummyVecEnv([partial(DesignEnv, problem)] * num_envs)


def any_action(mask: NDArray[np.bool_], illegal: float, generator: np.random.Generator) -> int:
    """A legal action, or with some probability any."""
    return int(generator.choice(len(mask) if generator.random() < illegal else np.flatnonzero(mask)))


# -- both doors, one rule book -----------------------------------------------------------------------


@few_examples
@given(spaces, st.integers(1, 5), st.sampled_from([0.0, 0.15, 1.0]), seeds)
def test_the_same_actions_give_the_same_transitions_as_a_row_of_single_environments(
    space: SearchSpace, num_envs: int, illegal: float, seed: int
) -> None:
    problems = problem_of(space), problem_of(space)
    fast, slow = batched(problems[0], num_envs), one_by_one(problems[1], num_envs)
    generator = np.random.default_rng(seed)
    np.testing.assert_array_equal(fast.reset(), slow.reset())
    for _ in range(3 * space.max_steps):
        masks = fast.action_masks()
        np.testing.assert_array_equal(masks, np.stack(slow.env_method("action_masks")))
        actions = np.array([any_action(mask, illegal, generator) for mask in masks])
        (observations, rewards, dones, infos), others = fast.step(actions), slow.step(actions)
        for one, other in zip((observations, rewards, dones), others[:3], strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
        for one, other in zip(infos, others[3], strict=True):
            assert ("terminal_observation" in one) == ("terminal_observation" in other)
            np.testing.assert_array_equal(one.get("terminal_observation"), other.get("terminal_observation"))
    assert problems[0].designs == problems[1].designs


def test_an_episodes_return_and_length_are_told_as_sb3s_monitor_tells_them() -> None:
    fast = batched(problem_of(TABLE_SPACE), 2)
    slow = DummyVecEnv([lambda: Monitor(DesignEnv(problem_of(TABLE_SPACE)))] * 2)
    fast.reset(), slow.reset()
    for actions in ([0, 1], [0, 3], [0, 0], [2, 3], [3, 0]):  # the second has an illegal action
        one, other = fast.step(np.array(actions))[3], slow.step(np.array(actions))[3]
        for mine, theirs in zip(one, other, strict=True):
            assert ("episode" in mine) == ("episode" in theirs)
            if "episode" in mine:
                assert mine["episode"]["l"] == theirs["episode"]["l"]
                assert mine["episode"]["r"] == pytest.approx(theirs["episode"]["r"], abs=1e-6)


@pytest.mark.parametrize("action", [-1, 4])
def test_a_number_that_is_no_action_is_an_error(action: int) -> None:
    env = batched(problem_of(TABLE_SPACE), 2)
    env.reset()
    with pytest.raises(ValueError, match=rf"an action must be from 0 to 3, got \[0, {action}\]"):
        env.step(np.array([0, action]))


def test_designs_that_the_budget_does_not_allow_end_the_search() -> None:
    problem = problem_of(TABLE_SPACE, budget=Budget(evaluations=2))
    env = batched(problem, 3)
    env.reset()
    with pytest.raises(BudgetSpent):
        for actions in ([0, 1, 2], [0, 0, 0], [0, 0, 0]):
            env.step(np.array(actions))
    assert len(problem.designs) == 2


# -- lock step ---------------------------------------------------------------------------------------


def first_returns(env: DesignVecEnv, wishes: NDArray[np.float64], illegal: NDArray[np.bool_]) -> list[float]:
    """The return of each row's first episode: at each step a row takes the action that it most wishes for
    among the legal ones, or among all where `illegal[row, step]`."""
    returns: list[float | None] = [None] * env.num_envs
    env.reset()
    for step in range(env.space.max_steps):
        allowed = env.action_masks() | illegal[:, step, None]
        _, rewards, dones, _ = env.step(np.where(allowed, wishes[:, step], -1).argmax(axis=1))
        for row in np.flatnonzero(dones):
            returns[row] = float(rewards[row]) if returns[row] is None else returns[row]
        assert (rewards[~dones] == 0).all()
    assert None not in returns
    return [value for value in returns if value is not None]


@few_examples
@given(spaces, st.integers(1, 6), seeds)
def test_in_lock_step_every_episode_has_the_return_that_it_would_have_had_alone(
    space: SearchSpace, num_envs: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    wishes = generator.random((num_envs, space.max_steps, space.num_actions))
    illegal = generator.random((num_envs, space.max_steps)) < 0.1
    freely = first_returns(batched(problem_of(space), num_envs), wishes, illegal)
    together = first_returns(batched(problem_of(space), num_envs, lock_step=True), wishes, illegal)
    assert freely == together


@few_examples
@given(st.sampled_from(SIGNALS), seeds)
def test_in_lock_step_an_episode_that_is_over_waits_and_all_end_together(
    space: SearchSpace, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    asked: list[Actions] = []

    def score(actions: Actions) -> NDArray[np.float64]:
        asked.append(actions.copy())
        return np.arange(len(actions), dtype=np.float64)

    env = DesignVecEnv(space, score, 6, lock_step=True)
    env.reset()
    for _ in range(2):
        known, over = len(asked), np.zeros(6, dtype=bool)  # without whole designs nothing is asked
        lengths = np.zeros(6, dtype=int)
        before = np.zeros((6, space.observation_size))
        for step in range(space.max_steps):
            masks = env.action_masks()
            for row in np.flatnonzero(over):
                assert np.flatnonzero(masks[row]).tolist() == [0]
            assert masks.any(axis=1).all()
            lengths += ~over
            actions = np.array([any_action(mask, 0.1, generator) for mask in masks])
            observations, rewards, dones, infos = env.step(actions)
            last = np.stack(
                [info.get("terminal_observation", o) for info, o in zip(infos, observations, strict=True)]
            )
            np.testing.assert_array_equal(last[over], before[over])
            before = last
            over |= ~masks[np.arange(6), actions]  # an illegal action; waiting rows are over anyway
            over |= ~space.masks(env._states).any(axis=1)
            assert dones.tolist() == [step == space.max_steps - 1] * 6
        assert len(asked) <= known + 1
        assert [info["episode"]["l"] for info in infos] == lengths.tolist()
        assert all("terminal_observation" in info for info in infos)
        np.testing.assert_array_equal(observations, space.observations(space.pad([()] * 6)))
        complete = len(asked[-1]) if len(asked) > known else 0
        assert rewards.sum() == sum(range(complete)) - (6 - complete)


def test_in_lock_step_all_designs_of_a_rollout_are_one_batch() -> None:
    batches: list[int] = []

    def score(actions: Actions) -> NDArray[np.float64]:
        batches.append(len(actions))
        return np.zeros(len(actions))

    env = DesignVecEnv(SIGNALS[1], score, 32, lock_step=True)
    generator = np.random.default_rng(0)
    env.reset()
    for _ in range(3 * env.space.max_steps):
        env.step(np.array([any_action(mask, 0.0, generator) for mask in env.action_masks()]))
    assert batches == [32] * 3


# -- Stable-Baselines3 -------------------------------------------------------------------------------

DOORS: dict[str, Callable[[], VecEnv]] = {
    "batched": lambda: batched(problem_of(TABLE_SPACE), 8),
    "in lock step": lambda: batched(problem_of(SIGNALS[1]), 8, lock_step=True),
    "one by one": lambda: one_by_one(problem_of(TABLE_SPACE), 8),
    "monitored": lambda: VecMonitor(batched(problem_of(TABLE_SPACE), 8)),
}


@pytest.mark.parametrize("algorithm", [PPO, MaskablePPO])
@pytest.mark.parametrize("door", DOORS)
def test_sb3s_ppo_and_maskable_ppo_run(door: str, algorithm: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        learner = algorithm(
            "MlpPolicy", DOORS[door](), n_steps=9, batch_size=72, n_epochs=1, seed=0, device="cpu"
        )
        learner.learn(2 * 72)
    assert learner.num_timesteps == 2 * 72
    assert len(learner.ep_info_buffer) > 0 or door == "one by one"


def test_a_lone_environment_is_trained_on_too() -> None:
    for algorithm in (PPO, MaskablePPO):
        env = DesignEnv(problem_of(TABLE_SPACE))
        algorithm("MlpPolicy", env, n_steps=8, batch_size=8, n_epochs=1, device="cpu").learn(16)


def test_masks_are_found_under_the_name_that_sb3_contrib_asks_for() -> None:
    env = batched(problem_of(TABLE_SPACE), 3)
    env.reset()
    env.step(np.array([0, 1, 2]))
    assert is_masking_supported(env)
    np.testing.assert_array_equal(get_action_masks(env), env.action_masks())
    np.testing.assert_array_equal(env.env_method("action_masks", indices=[2, 0]), env.action_masks()[[2, 0]])
    np.testing.assert_array_equal(env.env_method("action_masks", indices=1), env.action_masks()[[1]])


def test_the_rest_of_sb3s_contract() -> None:
    env = batched(problem_of(TABLE_SPACE), 3)
    assert env.get_attr("render_mode") == [None] * 3
    assert env.get_attr("space", [0, 2]) == [TABLE_SPACE] * 2
    env.set_attr("failure_reward", -9.0)
    assert env.get_attr("failure_reward", 0) == [-9.0]
    assert env.env_is_wrapped(Monitor) == [False] * 3
    assert env.seed(3) == [3, 4, 5]
    env.close()


def test_where_they_are_to_be_cut_off_the_others_are_paid_as_in_an_environment_of_one() -> None:
    problem = problem_of(TABLE_SPACE, budget=Budget(evaluations=2))
    env = DesignVecEnv(problem.space, score_by(problem), 3, cut_off=True)
    env.reset()
    for actions in ([0, 1, 2], [0, 0, 0], [0, 0, 0]):
        _, rewards, done, infos = env.step(np.array(actions))
    assert done.all() and len(problem.designs) == 2
    assert rewards.tolist() == pytest.approx([*problem.designs.rewards, 0.0])
    assert ["budget_spent" in info for info in infos] == [False, False, True]
    assert infos[2]["TimeLimit.truncated"]
