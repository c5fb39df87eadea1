"""The environment made of names: by Gymnasium's doors, again, pickled, vectorised."""

import pickle
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as sb3_check
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import SubprocVecEnv

from rl_designer.envs.design_env import DesignEnv, named_problem
from tests.helpers.tables import synthetic_table

ENVIRONMENT = "rl_designer.envs:rl_designer/Design-v0"
NAMES = {
    "data": {"data": "wine", "max_parameters": 1_000, "epochs": 1, "device": "cpu"},
    "table": {"table": "mnist1d-convnet1d", "reward": "mnasnet", "evaluations": 50},
}


def first_designs(env: Any, seed: int = 0, episodes: int = 2) -> list[Any]:
    generator, designs = np.random.default_rng(seed), []
    for _ in range(episodes):
        env.reset()
        done = False
        while not done:
            legal = np.flatnonzero(env.unwrapped.action_masks())
            *_, done, _, info = env.step(generator.choice(legal))
        designs.append((info["design"].architecture, info["design"].reward))
    return designs


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_both_checkers_pass_without_a_warning(names: dict[str, Any]) -> None:
    made = gymnasium.make(ENVIRONMENT, **names)
    gymnasium_check(made.unwrapped, skip_render_check=True)
    sb3_check(made.unwrapped, skip_render_check=True)


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_it_is_made_again_from_its_spec_and_copied(names: dict[str, Any]) -> None:
    made = gymnasium.make(ENVIRONMENT, **names)
    assert made.spec is not None
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(made.spec.to_json()))
    designs = first_designs(made)
    assert first_designs(again) == designs
    made.reset()
    made.step(np.int64(0))
    copied = pickle.loads(pickle.dumps(made))
    np.testing.assert_array_equal(copied.unwrapped.action_masks(), made.unwrapped.action_masks())
    assert copied.unwrapped.problem.designs == [] and len(made.unwrapped.problem.designs) > 0
    assert first_designs(copied) == designs


def test_it_is_vectorised_by_gymnasium_and_by_sb3() -> None:
    for mode in ("sync", "async"):
        many = gymnasium.make_vec(ENVIRONMENT, num_envs=2, vectorization_mode=mode, **NAMES["table"])
        observations, _ = many.reset(seed=0)
        assert observations.shape[0] == 2
        masks = np.stack(many.call("action_masks"))
        many.step(masks.argmax(axis=1))
        many.close()
    several = make_vec_env(ENVIRONMENT, 2, env_kwargs=NAMES["table"], vec_env_cls=SubprocVecEnv)
    several.reset()
    masks = np.stack(several.env_method("action_masks"))
    several.step(masks.argmax(axis=1))
    several.close()


def test_a_given_problem_is_pickled_with_what_it_knows(tmp_path: Path) -> None:
    synthetic_table().save(tmp_path / "t.npz")
    env = DesignEnv(named_problem(table=str(tmp_path / "t.npz")))
    first_designs(env)
    assert len(pickle.loads(pickle.dumps(env)).problem.designs) == len(env.problem.designs) > 0


def test_the_budget_and_the_limits_hold() -> None:
    env = gymnasium.make(ENVIRONMENT, table="mnist1d-convnet1d", evaluations=1)
    first_designs(env, episodes=1)
    env.reset()
    done = truncated = False
    while not (done or truncated):
        *_, done, truncated, _ = env.step(env.unwrapped.action_masks().argmax())
    assert truncated and len(env.unwrapped.problem.designs) == 1
    problem = named_problem("wine", space="mlp", max_parameters=600)
    assert problem.space.name == "mlp" and problem.evaluator.settings.epochs == 12


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ({}, "name data or a table, one of them; got data=None, table=None"),
        ({"data": "wine", "table": "mnist1d-convnet1d"}, "one of them"),
        ({"data": "wyne"}, "unknown data set 'wyne'. Did you mean 'wine'"),
        ({"data": "wine", "space": "convnett"}, "unknown space 'convnett'"),
        ({"data": "wine", "max_parameters": 1}, "no network of space 'mlp'"),
        ({"table": "mnist1d-convnet1d", "reward": "acuracy"}, "unknown reward 'acuracy'"),
    ],
)
def test_what_can_not_be_is_refused(names: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        DesignEnv(**names)
    if names:
        with pytest.raises(ValueError, match="a problem and names exclude each other, got both: "):
            DesignEnv(named_problem(table="mnist1d-convnet1d"), **names)


def test_data_are_scored_by_any_metric_on_folds() -> None:
    problem = named_problem("wine", epochs=1, metric="auroc", folds=2, max_parameters=1_000, device="cpu")
    (design,) = problem.evaluate(
        problem.space.architectures(problem.space.random_actions(1, np.random.default_rng(0)))
    )
    assert (design.evaluation.metric, design.evaluation.folds) == ("auroc", 2)
    assert design.reward == design.evaluation.val_score
    with pytest.raises(ValueError, match="a table has its own scores: leave metric and folds away"):
        named_problem(table="mnist1d-convnet1d", metric="auroc")


def test_a_number_is_predicted_where_it_is_asked_for(tmp_path: Path) -> None:
    y = np.arange(60) % 6  # which would be taken for classes
    np.savez(tmp_path / "d.npz", x=np.random.default_rng(0).normal(size=(60, 3)), y=y)
    env = DesignEnv(data=tmp_path / "d.npz", predicts="number", epochs=1, max_parameters=500, device="cpu")
    design = env.problem.evaluate([first_designs(env, episodes=1)[0][0]])[0]
    assert design.evaluation.metric == "r2"
