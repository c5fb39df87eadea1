"""`DesignEnv`: one network is one episode, as Gymnasium and Stable-Baselines3 understand it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from hypothesis import given
from stable_baselines3.common.env_checker import check_env as sb3_check

import rl_designer.envs  # registers the environment
from rl_designer.envs import ENVIRONMENT_ID, register_environments
from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.design_env import DesignEnv, picture, text
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Budget, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.testing.problems import LayerEvaluator
from tests.helpers.strategies import few_examples, seeds
from tests.helpers.tables import synthetic_table


def table_problem(*options: int, **more: Any) -> Problem:
    space = TableSpace(synthetic_table(options or (3, 4, 2), forbidden=0.3, duplicates=True))
    return Problem(space, TableEvaluator(space), accuracy, **more)


def signals_problem() -> Problem:
    return Problem(make_space("convnet1d", (1, 40), 10, max_parameters=3_000), LayerEvaluator(), accuracy)


def cells_problem() -> Problem:
    return Problem(make_space("cell", (1, 8, 8), 10, max_parameters=20_000), LayerEvaluator(), accuracy)


PROBLEMS = {
    "table": table_problem,
    "one decision": lambda: table_problem(3),
    "one design": lambda: table_problem(1),
    "convnet1d": signals_problem,
    "cell": cells_problem,
}


# -- what the checkers say ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("render_mode", [None, "ansi", "rgb_array"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_both_checkers_pass_without_a_warning(name: str, render_mode: str | None) -> None:
    made = gymnasium.make(ENVIRONMENT_ID, problem=PROBLEMS[name](), render_mode=render_mode).unwrapped
    gymnasium_check(made, skip_render_check=False)
    sb3_check(made, skip_render_check=False)
    sb3_check(DesignEnv(PROBLEMS[name](), render_mode=render_mode), skip_render_check=False)


@pytest.mark.filterwarnings("error")
def test_an_environment_made_by_name_runs_under_gymnasiums_own_wrappers() -> None:
    env = gymnasium.make("rl_designer/Design-v0", problem=table_problem())
    generator, done = np.random.default_rng(0), False
    observation, _ = env.reset(seed=1)
    while not done:
        assert observation in env.observation_space
        legal = np.flatnonzero(env.get_wrapper_attr("action_masks")())
        observation, reward, done, truncated, info = env.step(generator.choice(legal))
        assert not truncated
    assert reward == info["design"].reward


def test_importing_the_package_is_enough_to_register_the_environment_and_twice_is_once() -> None:
    code = (
        "import sys, rl_designer.envs as e\n"
        "assert 'gymnasium' not in sys.modules\n"
        "import gymnasium\n"
        "e.register_environments(gymnasium)\n"
        "assert 'rl_designer/Design-v0' in gymnasium.registry and 'torch' not in sys.modules"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=root, check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    register_environments(gymnasium)
    assert ENVIRONMENT_ID in gymnasium.registry and rl_designer.envs


# -- an episode --------------------------------------------------------------------------------------


@few_examples
@given(seeds)
@pytest.mark.parametrize("name", PROBLEMS)
def test_an_episode_builds_one_design_and_is_paid_at_its_end(name: str, seed: int) -> None:
    problem, generator = PROBLEMS[name](), np.random.default_rng(seed)
    env = DesignEnv(problem)
    observation, info = env.reset()
    assert info == {}
    np.testing.assert_array_equal(observation, problem.space.encode(problem.space.initial()))
    prefix, done = problem.space.initial(), False
    while not done:
        np.testing.assert_array_equal(env.action_masks(), problem.space.action_mask(prefix))
        action = generator.choice(np.flatnonzero(env.action_masks()))
        prefix = problem.space.extend(prefix, int(action))
        observation, reward, done, truncated, info = env.step(action)
        assert observation in env.observation_space and not truncated
        np.testing.assert_array_equal(observation, problem.space.encode(prefix))
        assert done == prefix.complete
        assert done or (reward, info) == (0.0, {})
    (design,) = problem.designs
    assert info == {"design": design}
    assert (design.architecture, design.reward) == (prefix, reward)
    assert not env.action_masks().any()


def test_an_illegal_action_ends_the_episode_with_the_failure_reward() -> None:
    env = DesignEnv(table_problem(2, 3, failure_reward=-3.0))
    env.reset()
    before, *_ = env.step(np.int64(1))
    env.reset()
    observation, reward, terminated, truncated, info = env.step(np.int64(2))
    assert (reward, terminated, truncated) == (-3.0, True, False)
    assert info == {"failure": "illegal action 2 after (empty)"}
    np.testing.assert_array_equal(observation, env.reset()[0])
    assert not np.array_equal(before, observation)
    assert env.problem.designs == []


def test_a_step_before_the_first_reset_or_after_the_end_is_an_error() -> None:
    env = DesignEnv(table_problem(2, 3))
    with pytest.raises(RuntimeError, match=r"the episode is over: call reset\(\) before step\(\)"):
        env.step(np.int64(0))
    for actions in ([0, 0], [2]):  # complete, and illegal
        env.reset()
        for action in actions:
            env.step(np.int64(action))
        with pytest.raises(RuntimeError, match="the episode is over"):
            env.step(np.int64(0))


@pytest.mark.parametrize("action", [-1, 4, 99])
def test_a_number_that_is_no_action_is_an_error(action: int) -> None:
    env = DesignEnv(table_problem(3, 4))
    env.reset()
    with pytest.raises(ValueError, match=f"an action must be from 0 to 3, got {action}"):
        env.step(np.int64(action))


def test_a_design_that_the_budget_does_not_allow_is_cut_off_and_known_ones_are_paid_on() -> None:
    env = DesignEnv(table_problem(3, budget=Budget(evaluations=1)))
    env.reset()
    *_, paid = env.step(np.int64(0))
    env.reset()
    *_, reward, terminated, truncated, info = env.step(np.int64(1))
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert info == {"budget_spent": "the budget is spent after 1 evaluations"}
    with pytest.raises(RuntimeError):
        env.step(np.int64(1))
    env.reset()
    *_, terminated, truncated, info = env.step(np.int64(0))
    assert (terminated, truncated, info) == (True, False, paid)


# -- pictures ----------------------------------------------------------------------------------------

DESIGN = Architecture("s", (Layer.of("conv", width=16), Layer("stop")), complete=True)


def test_a_design_as_text_is_a_line_a_layer() -> None:
    assert text(DESIGN) == " 1  conv(width=16)\n 2  stop\ncomplete"
    assert text(Architecture("s")) == "…"


def test_a_picture_has_one_size_whatever_the_design_and_one_colour_a_kind() -> None:
    pictures = [picture(design, rows=3) for design in (Architecture("s"), DESIGN)]
    assert {(image.shape, image.dtype) for image in pictures} == {((144, 480, 3), np.dtype(np.uint8))}
    assert not np.array_equal(*pictures)
    boxes = picture(Architecture("s", (Layer("a"), Layer("b"), Layer("a"))), rows=3)[18::36, 470]
    assert boxes[0].tolist() == boxes[2].tolist() != boxes[1].tolist()


def test_any_text_can_be_drawn() -> None:
    layers = (Layer("卷积 ∑ \N{SNOWMAN}"), Layer.of("x" * 500, y="two\nlines"))
    assert picture(Architecture("s", layers), rows=2).shape == (108, 480, 3)


def test_an_environment_shows_the_design_so_far() -> None:
    env = DesignEnv(table_problem(), render_mode="ansi")
    env.reset()
    env.step(np.int64(0))
    assert env.render() == " 1  decision 0(option=option 0)\n…"
    assert DesignEnv(table_problem()).render() is None


def test_an_unknown_render_mode_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"render_mode must be one of \['ansi', 'rgb_array'\] or None, got 'human'"
    ):
        DesignEnv(table_problem(), render_mode="human")
