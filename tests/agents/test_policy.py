"""`Policy`: what it samples, with what probability, and for which spaces it is."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rl_designer.agents.policy import Policy
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.costs import costs
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from tests.helpers.policies import random_weights
from tests.helpers.strategies import few_examples, limited_tables, many_examples, seeds, walks
from tests.helpers.tables import synthetic_table

SPACE = TableSpace(synthetic_table((3, 4, 2), forbidden=0.3))
SIGNALS = [make_space("convnet1d", (1, 40), 10, max_parameters=limit) for limit in (None, 2_000)]

spaces = limited_tables().map(lambda limited: limited[0]) | st.sampled_from(SIGNALS)
temperatures = st.sampled_from([1e-300, 0.01, 0.5, 1.0, 3.0, 1e9])


def policy_of(space: SearchSpace, seed: int = 0, scale: float = 1.0) -> Policy:
    """A policy of random weights."""
    return Policy(random_weights(space, seed=seed, scale=scale), space.name, {"agent": "ppo", "seed": 3})


def sampled(policy: Policy, space: SearchSpace, n: int = 50, seed: int = 0, **options: Any) -> Any:
    return policy.sample(space, n, np.random.default_rng(seed), **options)


def steps_of(policy: Policy, space: SearchSpace, row: NDArray[np.int64], temperature: float) -> list[float]:
    """The probability of each action of a design, one prefix at a time."""
    taken = [int(action) for action in row if action >= 0]
    probabilities = []
    for length, action in enumerate(taken):
        prefix = space.architecture(taken[:length])
        logs = policy.log_probabilities(
            space.encode(prefix)[None], space.action_mask(prefix)[None], temperature
        )
        probabilities.append(float(np.exp(logs[0, action])))
    return probabilities


# -- probabilities -----------------------------------------------------------------------------------


@many_examples
@given(spaces, seeds, temperatures, st.sampled_from([0.0, 1.0, 1e3, 1e6]))
@pytest.mark.filterwarnings("error")
def test_the_probabilities_of_the_legal_actions_sum_to_1_and_the_others_are_impossible(
    space: SearchSpace, seed: int, temperature: float, scale: float
) -> None:
    actions = walks(space, 5, seed)
    actions[:, space.max_steps // 2 :] = -1
    masks = space.masks(space.final_states(actions))
    open_ends = masks.any(axis=1)
    masks = masks[open_ends]
    observations = space.observations(actions[open_ends])
    logs = policy_of(space, seed, scale).log_probabilities(observations, masks, temperature)
    assert logs.shape == masks.shape and logs.dtype == np.float64
    assert (np.exp(logs[~masks]) == 0).all()
    np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1)


@few_examples
@given(spaces, seeds, st.sampled_from([0.5, 1.0, 3.0]), st.booleans())
def test_a_designs_log_probability_is_that_of_its_actions_one_after_another(
    space: SearchSpace, seed: int, temperature: float, deterministic: bool
) -> None:
    policy = policy_of(space, seed, 0.5)
    actions, logs = sampled(policy, space, 4, seed, temperature=temperature, deterministic=deterministic)
    assert logs.dtype == np.float64
    for row, log in zip(actions, logs, strict=True):
        assert log == pytest.approx(np.log(steps_of(policy, space, row, temperature)).sum(), abs=1e-3)


def test_the_probabilities_of_all_designs_sum_to_1() -> None:
    policy = policy_of(SPACE)
    rows = SPACE.table.architectures.astype(np.int64)
    assert sum(np.prod(steps_of(policy, SPACE, row, 1.0)) for row in rows) == pytest.approx(1)


def test_designs_are_drawn_as_often_as_their_probability_says() -> None:
    policy = policy_of(SPACE)
    actions, logs = sampled(policy, SPACE, 20_000)
    for design in np.unique(actions, axis=0):
        drawn = (actions == design).all(axis=1)
        assert drawn.mean() == pytest.approx(np.exp(logs[drawn][0]), abs=0.01)


# -- samples -----------------------------------------------------------------------------------------


@few_examples
@given(spaces, seeds, temperatures, st.booleans())
@pytest.mark.filterwarnings("error")
def test_every_sample_is_a_complete_design_of_the_space(
    space: SearchSpace, seed: int, temperature: float, deterministic: bool
) -> None:
    actions, logs = sampled(
        policy_of(space, seed), space, 10, seed, temperature=temperature, deterministic=deterministic
    )
    assert actions.shape == (10, space.max_steps) and (logs <= 0).all()
    for design in space.architectures(actions):
        assert design.complete
        space.check(design)


def test_the_same_seed_gives_the_same_designs_and_another_others() -> None:
    policy = policy_of(SPACE)
    first, again, other = (sampled(policy, SPACE, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_deterministic_is_the_likeliest_action_at_each_step_whatever_the_seed() -> None:
    policy = policy_of(SPACE)
    designs = np.concatenate([sampled(policy, SPACE, 5, seed, deterministic=True)[0] for seed in (0, 1)])
    assert len(np.unique(designs, axis=0)) == 1
    taken: list[int] = []
    for action in designs[0]:
        prefix = SPACE.architecture(taken)
        logs = policy.log_probabilities(SPACE.encode(prefix)[None], SPACE.action_mask(prefix)[None])[0]
        assert logs[action] == logs.max()
        taken.append(int(action))


def test_a_higher_temperature_makes_designs_more_various() -> None:
    policy = policy_of(SPACE, scale=1.5)
    distinct = [
        len(np.unique(sampled(policy, SPACE, 200, temperature=temperature)[0], axis=0))
        for temperature in (1e-300, 0.5, 1.0, 1e9)
    ]
    assert distinct[0] == 1
    assert all(one < other for one, other in pairwise(distinct))
    np.testing.assert_array_equal(
        sampled(policy, SPACE, 1, temperature=1e-300)[0], sampled(policy, SPACE, 1, deterministic=True)[0]
    )


def test_no_samples_are_no_samples() -> None:
    actions, logs = sampled(policy_of(SPACE), SPACE, 0)
    assert actions.shape == (0, 3) and logs.shape == (0,)


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan, np.inf])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match=f"the temperature must be above 0 and finite, got {temperature}"):
        sampled(policy_of(SPACE), SPACE, temperature=temperature)


# -- other data, other limits, other spaces ------------------------------------------------------------


def test_a_policy_samples_for_other_data_and_within_other_limits_than_it_learned_under() -> None:
    policy = policy_of(SIGNALS[0])
    for shape, classes, limit in [((1, 40), 10, 1_500), ((3, 128), 2, 8_000), ((6, 64), 5, None)]:
        space = make_space("convnet1d", shape, classes, max_parameters=limit)
        for design in space.architectures(sampled(policy, space)[0]):
            assert limit is None or costs(design, shape, classes).parameters <= limit


@pytest.mark.parametrize(
    "other",
    [
        TableSpace(replace(SPACE.table, name="other")),
        TableSpace(synthetic_table((3, 4, 2, 3))),
        TableSpace(synthetic_table((3, 5, 2))),
    ],
    ids=["another name", "another depth", "other actions"],
)
def test_a_policy_of_another_space_is_refused(other: SearchSpace) -> None:
    policy = policy_of(SPACE)
    policy.check(SPACE)
    for refused in (policy.check, lambda space: sampled(policy, space)):
        with pytest.raises(
            ValueError, match="the policy is for space 'table:synthetic' with 4 actions and obs"
        ):
            refused(other)
