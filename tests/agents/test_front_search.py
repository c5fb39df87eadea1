"""`ppo` with objectives: one search, one policy, the whole front."""

from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from rl_designer.agents.controller import Controller, PPOSettings
from rl_designer.agents.front_belief import FrontModel, as_values, with_failures
from rl_designer.agents.front_policy import FrontPolicy
from rl_designer.agents.front_search import improving
from rl_designer.agents.memory import Memory, Source
from rl_designer.agents.policy import Policy
from rl_designer.agents.ppo import PPO
from rl_designer.agents.preference_vec_env import PreferenceVecEnv
from rl_designer.agents.registry import agent_class
from rl_designer.agents.reward_model import RewardModel
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.objectives import Objectives, Scale
from rl_designer.envs.problem import Budget, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.table import TableSpace
from tests.helpers.policies import random_weights
from tests.helpers.quick_ppo import OPTIONS
from tests.helpers.tables import synthetic_table

# 1,024 designs.
TABLE = TableEvaluator(TableSpace(synthetic_table((4, 4, 4, 4, 4))))
SPACE = TABLE.space
OBJECTIVES = Objectives.of(["val_accuracy", "parameters"])
BUDGET = 48


@cache
def whole() -> np.ndarray:
    return OBJECTIVES.values(TABLE.evaluations())


@cache
def chance(budget: int) -> np.ndarray:
    """The shares of the table's hypervolume that 200 draws of so many designs have."""
    draws, values = np.random.default_rng(0), whole()
    scale = Scale.of_front(values)
    return np.array(
        [scale.share(values[draws.permutation(len(values))[:budget]], values) for _ in range(200)]
    )


def problem_of(budget: int = BUDGET) -> Problem:
    return Problem(SPACE, TABLE, accuracy, Budget(budget), objectives=OBJECTIVES)


def share_of(problem: Problem) -> float:
    return Scale.of_front(whole()).share(problem.values, whole())


@cache
def searched() -> tuple[PPO, Problem]:
    problem, agent = problem_of(), PPO(seed=0)
    agent.search(problem)
    return agent, problem


def test_it_finds_a_front_that_chance_would_not() -> None:
    """Not one of 200 draws at random has as much, so that by chance it happens in fewer than 1 of 100."""
    assert share_of(searched()[1]) > chance(BUDGET).max() > np.median(chance(BUDGET))


def test_evolution_finds_one_that_chance_seldom_would() -> None:
    """With 150 evaluations the mean of three runs lies above the 95 % quantile of single draws; of means by
    chance not one in a thousand does.
    """
    pytest.importorskip("optuna", reason="the extra `optuna` is not installed")
    shares = []
    for seed in range(3):
        problem = problem_of(150)
        agent_class("nsga-ii")(seed=seed).search(problem)
        shares.append(share_of(problem))
    assert np.mean(shares) > np.quantile(chance(150), 0.95)


def test_its_policy_samples_the_front_by_preferences() -> None:
    """Of random designs 2 % are so near to the front, and no preference tells their costs."""
    agent, _ = searched()
    scale, near, costs, weights = Scale.of_front(whole()), [], [], []
    front = scale.units(whole()[OBJECTIVES.front(TABLE.evaluations())])

    def share_near(values: np.ndarray) -> float:
        """Of those of which no design is better by more than 5 % of the front's range in both objectives."""
        gaps = (front[None] - scale.units(values)[:, None]).min(axis=2).max(axis=1)
        return float((gaps <= 0.05).mean())

    assert share_near(whole()) < 0.05
    for weight in (0, 0.25, 0.5, 0.75, 1):
        samples = agent.at_preference([1 - weight, weight]).sample(50, SPACE, seed=1)
        values = OBJECTIVES.values(TABLE.evaluate([sample.architecture for sample in samples]))
        near.append(share_near(values))
        costs += values[:, 1].tolist()
        weights += [weight] * len(values)
    assert min(near) > 0.3 and np.mean(near) > 0.5
    assert spearmanr(weights, costs).statistic > 0.8


def test_a_preference_is_sampled_alike_by_the_same_seed_and_after_saving(tmp_path: Path) -> None:
    agent, _ = searched()
    agent.save(tmp_path)
    again = PPO.load(tmp_path, SPACE)
    for preference in ([1, 0], [0.3, 0.7]):
        first, same, loaded, other = (
            [s.architecture for s in a.at_preference(preference).sample(20, SPACE, seed=seed)]
            for a, seed in ((agent, 5), (agent, 5), (again, 5), (agent, 6))
        )
        assert first == same == loaded != other
    plain = [sample.architecture for sample in agent.sample(20, SPACE, seed=5)]
    assert plain == [s.architecture for s in agent.at_preference([0.5, 0.5]).sample(20, SPACE, seed=5)]
    source = Source.load(tmp_path, SPACE)  # what other searches start from knows of no preferences
    assert source.belief is not None


def test_its_network_is_as_the_options_say_and_twice_as_wide(tmp_path: Path) -> None:
    agent = PPO(seed=0, **{**OPTIONS, "hidden": 4, "layers": 2, "activation": "relu"})  # type: ignore[arg-type]
    agent.search(problem_of(12))
    assert agent.policy is not None and (agent.policy.layers, agent.policy.activation) == (2, "relu")
    assert agent.policy.weights["hidden.bias"].shape == (8,)
    agent.save(tmp_path)
    again = PPO.load(tmp_path, SPACE)
    first, loaded = (
        [s.architecture for s in a.at_preference([0.3, 0.7]).sample(8, SPACE, seed=5)] for a in (agent, again)
    )
    assert first == loaded


def test_no_policy_is_left_where_designs_alone_count() -> None:
    agent, problem = PPO(seed=0, **{**OPTIONS, "final_updates": 0}), problem_of(12)  # type: ignore[arg-type]
    agent.search(problem)
    assert len(problem.designs) == 12 and agent.policy is None and agent.front is None
    assert agent.belief is not None


def test_without_objectives_there_are_no_preferences(tmp_path: Path) -> None:
    agent = PPO(seed=0, **OPTIONS)  # type: ignore[arg-type]
    agent.search(Problem(SPACE, TABLE, accuracy, Budget(9)))
    assert agent.front is None
    with pytest.raises(ValueError, match="the policy knows no preferences"):
        agent.at_preference([0.5, 0.5])


def test_what_an_earlier_search_learned_of_accuracy_is_believed_of_that_objective(tmp_path: Path) -> None:
    agent, _ = searched()
    agent.save(tmp_path)
    problem, memory = problem_of(12), Memory([Source.load(tmp_path, SPACE)])
    PPO(seed=1, **OPTIONS).search_from(problem, memory)  # type: ignore[arg-type]
    assert len(problem.designs) == 12 and memory.reviews[0].kept
    model = FrontModel(OBJECTIVES, SPACE, memory.model(SPACE))
    assert [m is None for m in model.models] == [False, True]
    assert model.models[0] is not None and len(model.models[0].sources) == 1


# -- what it believes ----------------------------------------------------------------------------------


def test_costs_are_known_exactly_and_the_rest_with_doubt() -> None:
    _, problem = searched()
    belief = FrontModel(OBJECTIVES, SPACE, RewardModel(SPACE)).fit(problem)
    fresh = SPACE.random_actions(20, np.random.default_rng(1))
    values = OBJECTIVES.values(TABLE.evaluate(SPACE.architectures(fresh)))
    means, bounds, joint = belief.means(fresh), belief.bounds(fresh, 2.0), belief.joint(fresh)
    for expected in (means, bounds, joint.values(0.0), joint.values(2.0)):
        assert np.allclose(expected[:, 1], values[:, 1])
    assert np.allclose(joint.values(0.0), means) and np.allclose(joint.values(2.0), bounds)
    assert (bounds[:, 0] >= means[:, 0]).all() and (bounds[:, 0] > means[:, 0]).any()
    joint.count_on(3)
    assert joint.values(2.0)[3, 0] < bounds[3, 0] and np.allclose(joint.values(0.0), means)


def test_a_failure_is_a_little_worse_than_the_worst_and_beyond_the_best_there_is_hope() -> None:
    values = with_failures(np.array([0.5, np.nan, 0.9]))
    assert 0.49 < values[1] < 0.5 and values[[0, 2]].tolist() == [0.5, 0.9]
    assert with_failures(np.full(2, np.nan)).tolist() == [0, 0]
    _, problem = searched()
    belief = RewardModel(SPACE).fit(problem.actions, problem.values[:, 0])
    scores = np.array([-9.0, belief.scores[0], belief.scores[-1], belief.scores[-1] + 1])
    found = as_values(belief, scores)
    assert found[0] == found[1] == belief.rewards[0] and found[2] == belief.rewards[-1] < found[3]
    steeper = as_values(belief, scores, bounded=False)
    assert steeper[:3].tolist() == found[:3].tolist() and steeper[3] >= found[3]


def test_of_costs_that_are_measured_there_may_always_be_much_less() -> None:
    """Where nearly all designs so far are slow, that the fastest are alike says nothing of those to come."""
    rewards = np.array([0.0, 1.0, 2.0, *np.linspace(2.9, 3.0, 17)])
    belief = RewardModel(SPACE).fit(SPACE.random_actions(20, np.random.default_rng(0)), rewards)
    beyond = belief.scores[-1:] + 1
    assert as_values(belief, beyond)[0] - 3 < 0.15 < 0.5 < as_values(belief, beyond, bounded=False)[0] - 3


def test_the_batch_is_spread_over_the_front_and_no_design_is_in_it_twice() -> None:
    _, problem = searched()
    belief = FrontModel(OBJECTIVES, SPACE, RewardModel(SPACE)).fit(problem)
    fresh = problem.unseen(SPACE.random_actions(200, np.random.default_rng(2)))
    picked = improving(belief.joint(fresh), problem.values, 2.0, 4)
    assert len(set(picked)) == 4
    costs = OBJECTIVES.beforehand(SPACE, fresh)[picked, 1]
    assert len(np.unique(costs)) > 1


class Experienced(Memory):
    """As if it knew from other tasks a policy of 16 units."""

    @property
    def experienced(self) -> Policy:
        return Policy(random_weights(SPACE, hidden=16), SPACE.name, {})


def test_it_goes_on_from_the_policy_of_experience_which_knows_no_preferences() -> None:
    memory, problem = Experienced(()), problem_of(9)
    agent = PPO(seed=0, **OPTIONS)  # type: ignore[arg-type]
    agent.search_from(problem, memory)
    assert len(problem.designs) == 9 and agent.front is not None and agent.front.weight.shape == (16, 2)
    controller = Controller(
        SPACE,
        lambda actions, preferences: np.zeros(len(actions)),
        PPOSettings(hidden=16),
        0,
        partial(PreferenceVecEnv, objectives=2, draws=np.random.default_rng(0)),
    )
    controller.start_from(memory.experienced)
    front = FrontPolicy.of(controller.policy(), OBJECTIVES.texts)
    assert not front.weight.any()
    for name, array in memory.experienced.weights.items():
        assert np.allclose(front.at([1, 0]).weights[name], array), name
