"""A budget that is spent inside an algorithm's `learn`, under the usual wrappers and in other processes."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.utils.env_checker import check_env as gymnasium_check
from sb3_contrib import MaskablePPO
from sb3_contrib.common.wrappers import ActionMasker
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env as sb3_check
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import SubprocVecEnv

from rl_designer.envs import ENVIRONMENT_ID
from rl_designer.envs.datasets import load_dataset
from rl_designer.envs.design_vec_env import DesignVecEnv, StopTrainingOnSpentBudget, score_by
from rl_designer.envs.evaluators.training import TrainingEvaluator, TrainingSettings
from rl_designer.envs.problem import Budget, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.registry import make_space

TABLE = {"table": "mnist1d-convnet1d", "evaluations": 3}
SETTINGS: dict[str, Any] = {"n_steps": 16, "batch_size": 16, "n_epochs": 1, "device": "cpu"}


def masks(env: Any) -> Any:
    return env.unwrapped.action_masks()


WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "TimeLimit": partial(wrappers.TimeLimit, max_episode_steps=50),
    "RecordEpisodeStatistics": wrappers.RecordEpisodeStatistics,
    "Monitor": Monitor,
    "FlattenObservation": wrappers.FlattenObservation,
    "ActionMasker": lambda env: ActionMasker(env, masks),
}


def trained_problem() -> Problem:
    """As docs/extend.md has it."""
    data = load_dataset("wine")
    space = make_space("mlp", data.input_shape, data.num_classes, max_parameters=2_000)
    evaluator = TrainingEvaluator(data, settings=TrainingSettings(epochs=1))
    return Problem(space, evaluator, accuracy, Budget(evaluations=2))


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_under_a_wrapper_it_is_checked_and_learned_on_without_a_warning(wrapper: str) -> None:
    env = WRAPPERS[wrapper](gymnasium.make(ENVIRONMENT_ID, **TABLE))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb3_check(env)
        algorithm = MaskablePPO if wrapper == "ActionMasker" else PPO
        learned = algorithm("MlpPolicy", env, **SETTINGS).learn(48)
    assert learned.num_timesteps == 48  # without the callback it goes on, and nothing is raised
    assert len(env.unwrapped.problem.designs) <= 3


def test_the_environment_of_the_docs_passes_both_checkers_also_once_its_budget_is_spent() -> None:
    env = gymnasium.make(ENVIRONMENT_ID, problem=trained_problem())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            sb3_check(env)
            gymnasium_check(env.unwrapped)


def test_the_callback_ends_learning_when_the_budget_is_spent() -> None:
    env = gymnasium.make(ENVIRONMENT_ID, **TABLE)
    model = MaskablePPO("MlpPolicy", env, **SETTINGS)
    model.learn(10_000, callback=StopTrainingOnSpentBudget())
    assert model.num_timesteps < 200 and len(env.unwrapped.problem.designs) == 3
    model.predict(env.reset()[0], action_masks=masks(env))  # it is as usable as after any training


def test_the_callback_ends_learning_on_the_batched_environment() -> None:
    problem = trained_problem()
    env = DesignVecEnv(problem.space, score_by(problem), 2, cut_off=True)
    model = MaskablePPO("MlpPolicy", env, **SETTINGS).learn(10_000, callback=StopTrainingOnSpentBudget())
    assert model.num_timesteps < 200 and len(problem.designs) == 2


def test_in_other_processes_a_given_problem_is_learned_on_until_its_budget_is_spent() -> None:
    problem = trained_problem()
    many = SubprocVecEnv([partial(gymnasium.make, ENVIRONMENT_ID, problem=problem)] * 2)
    try:
        model = MaskablePPO("MlpPolicy", many, **SETTINGS).learn(500, callback=StopTrainingOnSpentBudget())
    finally:
        many.close()
    assert model.num_timesteps < 500


def test_gymnasiums_own_processes_go_on_when_a_budget_is_spent() -> None:
    many = gymnasium.vector.AsyncVectorEnv([partial(gymnasium.make, ENVIRONMENT_ID, **TABLE)] * 2)
    generator, cut_off = np.random.default_rng(0), 0
    try:
        many.reset(seed=0)
        for _ in range(60):
            legal = np.stack(many.call("action_masks"))
            chosen = (legal * generator.random(legal.shape)).argmax(axis=1)
            *_, truncated, _ = many.step(chosen)
            cut_off += int(truncated.sum())
    finally:
        many.close()
    assert cut_off > 0
