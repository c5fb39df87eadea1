"""`RewardModel`: what it learns of a space from a few evaluated designs, and that scales don't matter."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.agents.reward_model import RewardModel, RewardModelSettings, normal_scores
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.wiring import Wiring
from rl_designer.envs.workers.devices import one_thread
from rl_designer.testing.problems import LayerEvaluator
from tests.helpers.reward_models import (
    DESIGNS,
    SIGNALS,
    SPACE,
    Rewards,
    additive,
    fingerprint,
    fitted,
    numbers_of,
    rank_correlation,
)
from tests.helpers.strategies import many_examples, walks
from tests.helpers.tables import synthetic_table

# -- what it learns ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_from_40_of_1024_designs_it_learns_an_additive_reward(seed: int) -> None:
    """By chance the rank correlation with 984 others would be 0 with a standard deviation of 0.03."""
    designs = np.random.default_rng(seed).permutation(DESIGNS)
    belief = fitted(designs[:40], additive(designs[:40]))
    others = designs[40:]
    assert rank_correlation(belief.predict(SPACE, others)[0], additive(others)) > 0.9
    assert rank_correlation(belief.expected_rewards(SPACE, others), additive(others)) > 0.9


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_learns_in_a_space_of_variable_length(seed: int) -> None:
    """Layers and depth decide. By chance the correlation with 300 or so others would be 0 ± 0.06."""
    designs = np.random.default_rng(seed).permutation(np.unique(walks(SIGNALS, 360, seed), axis=0))
    evaluations = LayerEvaluator().evaluate(SIGNALS.architectures(designs))
    rewards = np.array([evaluation.val_accuracy for evaluation in evaluations], dtype=np.float64)
    belief = RewardModel(SIGNALS).fit(designs[:60], rewards[:60])
    assert rank_correlation(belief.predict(SIGNALS, designs[60:])[0], rewards[60:]) > 0.4


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_layer_more_at_the_front_makes_little_difference(seed: int) -> None:
    """Step by step it makes all the rest different. Here the number of the layers' kinds decides."""
    designs = np.unique(walks(SIGNALS, 400, seed), axis=0)
    designs = np.random.default_rng(seed).permutation(designs)
    kinds = np.array([len({layer.kind for layer in a.layers}) for a in SIGNALS.architectures(designs)])
    rewards = kinds + 0.1 * np.random.default_rng(seed).normal(size=len(kinds))
    by_structure, by_steps = (
        RewardModel(SIGNALS, settings=RewardModelSettings(structure=structure)).fit(
            designs[:40], rewards[:40]
        )
        for structure in (True, False)
    )
    found = [rank_correlation(b.mean(SIGNALS, designs[40:]), rewards[40:]) for b in (by_structure, by_steps)]
    assert found[0] > found[1] + 0.1


def test_of_cells_it_sees_which_edges_matter() -> None:
    """The reward is the length of the longest path."""
    space = TableSpace(
        replace(
            synthetic_table((3, 3, 3, 3, 3, 3)),
            wiring=Wiring(((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)), absent="option 0"),
        )
    )
    designs = np.random.default_rng(0).permutation(space.table.architectures.astype(np.int64))
    a, b, c, d, e, f = (designs > 0).T
    rewards = np.max([3 * (a & c & f), 2 * (a & e), 2 * (b & f), 1 * d], axis=0).astype(float)
    found = []
    for structure in (True, False):
        model = RewardModel(space, settings=RewardModelSettings(structure=structure))
        belief = model.fit(designs[:20], rewards[:20])
        assert belief.structured == [structure]
        found.append(rank_correlation(belief.mean(space, designs[20:]), rewards[20:]))
    assert found[0] > 0.9 and found[0] > found[1] + 0.03, found


def test_each_group_of_what_is_known_has_a_length_scale_of_its_own() -> None:
    """Only the last layer counts: what it is like gets more weight than all else."""
    designs = np.unique(walks(SIGNALS, 400), axis=0)
    last = np.array(
        [int(dict(a.layers[-1].options).get("operation") == "max") for a in SIGNALS.architectures(designs)]
    )
    belief = RewardModel(SIGNALS).fit(designs[:80], last[:80].astype(float))
    groups = list(SIGNALS.structure(designs[:1]))
    features = SIGNALS.action_features.shape[1]
    assert belief.scales.shape == (len(groups) + features,)
    assert groups[belief.scales[: len(groups)].argmax()] == "last"


def test_a_feature_of_layers_has_a_length_scale_of_its_own() -> None:
    """Only squeeze-excitation counts, wherever it stands: it gets the most weight of all features."""
    designs = np.random.default_rng(0).permutation(np.unique(walks(SIGNALS, 400), axis=0))
    squeezed = [
        sum(bool(dict(layer.options).get("squeeze_excitation")) for layer in a.layers)
        for a in SIGNALS.architectures(designs)
    ]
    belief = RewardModel(SIGNALS).fit(designs[:120], np.array(squeezed[:120], dtype=float))
    names = SIGNALS.action_features
    groups = len(SIGNALS.structure(designs[:1]))
    has = [
        bool(layer is not None and dict(layer.options).get("squeeze_excitation"))
        for layer in (SIGNALS.layer(0, action) for action in range(SIGNALS.num_actions))
    ]
    column = next(c for c in range(names.shape[1]) if (names[:, c] == has).all())
    scales = belief.scales[groups:]
    assert scales.argmax() == column
    assert rank_correlation(belief.mean(SIGNALS, designs[120:]), np.array(squeezed[120:])) > 0.7


def test_numbers_that_do_not_vary_among_designs_are_not_compared() -> None:
    belief = RewardModel(SIGNALS).fit(walks(SIGNALS, 20), np.arange(20.0))
    known = np.concatenate(list(SIGNALS.structure(walks(SIGNALS, 500, seed=3)).values()), axis=1)
    constant = np.ptp(known, axis=0) == 0
    assert constant.any() and (belief.projection[constant] == 0).all()
    assert (belief.projection[~constant] > 0).all()


# -- how sure it is ---------------------------------------------------------------------------------


def test_where_luck_is_known_it_learns_more_from_the_same_rewards() -> None:
    """A third of the rewards are worthless, the others exact. By chance the correlation would be 0 ± 0.03."""
    told, untold = [], []
    for seed in range(5):
        draws = np.random.default_rng(seed)
        designs = draws.permutation(DESIGNS)
        spread = additive(designs).std()
        luck = np.where(draws.random(40) < 1 / 3, 3 * spread, 0.0)
        rewards = additive(designs[:40]) + draws.normal(0, 1, 40) * luck
        for learned, deviations in ((told, luck), (untold, None)):
            belief = RewardModel(SPACE).fit(designs[:40], rewards, deviations)
            learned.append(rank_correlation(belief.mean(SPACE, designs[40:]), additive(designs[40:])))
    assert np.mean(told) > np.mean(untold) + 0.1 and np.mean(told) > 0.7


def test_of_two_equal_rewards_the_one_with_less_luck_in_it_is_believed_more() -> None:
    designs, rewards, luck = DESIGNS[::64], additive(DESIGNS[::64]), np.zeros(16)
    best = int(rewards.argmax())
    luck[best] = np.ptp(rewards)
    sure, unsure = (RewardModel(SPACE).fit(designs, rewards, known) for known in (None, luck))
    assert unsure.mean(SPACE, designs)[best] < sure.mean(SPACE, designs)[best]
    assert unsure.predict(SPACE, designs)[1][best] > sure.predict(SPACE, designs)[1][best]


def test_luck_of_nothing_is_as_none() -> None:
    rewards = additive(DESIGNS[::64])
    one, other = (RewardModel(SPACE).fit(DESIGNS[::64], rewards, known) for known in (None, np.zeros(16)))
    np.testing.assert_array_equal(one.predict(SPACE, DESIGNS), other.predict(SPACE, DESIGNS))


def test_random_rewards_teach_it_nothing() -> None:
    rewards = np.random.default_rng(2).normal(size=len(DESIGNS))
    mean, _ = fitted(DESIGNS[:40], rewards[:40]).predict(SPACE, DESIGNS[40:])
    assert abs(rank_correlation(mean, rewards[40:])) < 0.15


def test_of_evaluated_designs_it_expects_what_was_measured_and_is_sure() -> None:
    rewards = additive(DESIGNS[:40])
    belief = fitted(DESIGNS[:40], rewards)
    mean, deviation = belief.predict(SPACE, DESIGNS[:40])
    np.testing.assert_allclose(mean, normal_scores(rewards), atol=0.3)
    assert rank_correlation(mean, rewards) > 0.99
    assert deviation.max() < 0.15  # of scores whose standard deviation is 1
    np.testing.assert_allclose(belief.expected_rewards(SPACE, DESIGNS[:40]), rewards, atol=0.5)
    # It is less sure of most of the 984 others than of any evaluated one.
    assert np.median(belief.predict(SPACE, DESIGNS[40:])[1]) > deviation.max()


def test_the_farther_from_all_evaluated_designs_the_less_sure_it_is() -> None:
    known = DESIGNS[(DESIGNS[:, :3] == 0).all(axis=1)]  # 16 designs that begin alike
    belief = fitted(known, additive(known))
    differences = (DESIGNS[:, :3] != 0).sum(axis=1)
    deviation = belief.predict(SPACE, DESIGNS)[1]
    means = [deviation[differences == number].mean() for number in range(4)]
    assert means == sorted(means) and means[3] > 3 * means[0]


def test_each_evaluation_makes_it_surer() -> None:
    few, many = (fitted(DESIGNS[:n], additive(DESIGNS[:n])) for n in (20, 200))
    others = DESIGNS[200:]
    assert many.predict(SPACE, others)[1].mean() < few.predict(SPACE, others)[1].mean()
    correlations = [rank_correlation(b.predict(SPACE, others)[0], additive(others)) for b in (few, many)]
    assert correlations[0] < correlations[1]


# -- rewards of every kind --------------------------------------------------------------------------

RESCALINGS: dict[str, Callable[[Rewards], Rewards]] = {
    "larger": lambda rewards: 1e6 * rewards,
    "tiny": lambda rewards: 1e-9 * rewards,
    "moved": lambda rewards: rewards - 100,
    "exponential": np.exp,
    "cubes": lambda rewards: rewards**3,
}


@pytest.mark.parametrize("rescaling", RESCALINGS)
def test_a_monotone_rescaling_of_the_rewards_changes_nothing_but_their_names(rescaling: str) -> None:
    rewards = additive(DESIGNS[:30])
    first, second = fitted(DESIGNS[:30], rewards), fitted(DESIGNS[:30], RESCALINGS[rescaling](rewards))
    for name, array in numbers_of(first).items():
        if name != "rewards":
            np.testing.assert_array_equal(numbers_of(second)[name], array)
    np.testing.assert_array_equal(second.rewards, np.sort(RESCALINGS[rescaling](rewards)))


def test_designs_of_equal_reward_have_equal_scores() -> None:
    rewards = np.round(additive(DESIGNS[:60]))
    assert len(np.unique(rewards)) < 12
    belief = fitted(DESIGNS[:60], rewards)
    for value in np.unique(rewards):
        assert len(np.unique(belief.targets[rewards == value])) == 1
    others = DESIGNS[60:]
    assert rank_correlation(belief.predict(SPACE, others)[0], additive(others)) > 0.8


@pytest.mark.parametrize("number", [1, 20])
def test_where_all_rewards_are_equal_it_expects_that_reward_everywhere(number: int) -> None:
    belief = fitted(DESIGNS[:number], np.full(number, 0.7))
    mean, deviation = belief.predict(SPACE, DESIGNS)
    assert (mean == 0).all() and np.isfinite(deviation).all() and (deviation > 0).all()
    assert (belief.expected_rewards(SPACE, DESIGNS) == 0.7).all()


def test_failures_are_simply_the_worst() -> None:
    """Every design with option 0 at the first decision failed: those are expected below all others."""
    rewards = np.where(DESIGNS[:, 0] == 0, -1.0, 10 + additive(DESIGNS))
    assert 5 < (rewards[:40] == -1).sum() < 20
    mean, _ = fitted(DESIGNS[:40], rewards[:40]).predict(SPACE, DESIGNS[40:])
    failed = rewards[40:] == -1
    assert mean[failed].max() < np.quantile(mean[~failed], 0.3)
    assert rank_correlation(mean[~failed], rewards[40:][~failed]) > 0.7
    # How much lower they are paid makes no difference.
    worse = fitted(DESIGNS[:40], np.where(rewards[:40] == -1, -1e9, rewards[:40]))
    np.testing.assert_array_equal(worse.predict(SPACE, DESIGNS[40:])[0], mean)


# -- scores -----------------------------------------------------------------------------------------

some_rewards = st.lists(st.floats(-1e9, 1e9) | st.sampled_from([-1.0, 0.5]), min_size=1, max_size=40)


@many_examples
@given(some_rewards)
def test_scores_have_the_order_of_the_rewards_and_their_ties(values: list[float]) -> None:
    rewards = np.array(values)
    scores = normal_scores(rewards)
    assert scores.shape == rewards.shape and scores.dtype == np.float64 and np.isfinite(scores).all()
    np.testing.assert_array_equal(np.sign(scores[:, None] - scores), np.sign(rewards[:, None] - rewards))
    np.testing.assert_allclose(normal_scores(-rewards), -scores, atol=1e-9)


def test_scores_are_quantiles_of_the_standard_normal_distribution() -> None:
    np.testing.assert_allclose(
        normal_scores(np.array([5.0, -1.0, 2.0, 2.5])), [1.1503, -1.1503, -0.3186, 0.3186], atol=1e-4
    )
    assert normal_scores(np.array([3.0])).tolist() == [0]
    assert normal_scores(np.full(5, 3.0)).tolist() == [0] * 5
    many = normal_scores(np.random.default_rng(0).exponential(size=5_000))
    assert abs(many.mean()) < 1e-9 and many.std() == pytest.approx(1, abs=0.01)


# -- randomness -------------------------------------------------------------------------------------


def fingerprints() -> str:
    """Of a first and a second fit, in both kinds of space."""
    found = []
    for space, designs in ((SPACE, DESIGNS[:30]), (SIGNALS, walks(SIGNALS, 30))):
        model = RewardModel(space)
        with one_thread():
            found += [fingerprint(model.fit(designs[:n], np.sin(np.arange(n)))) for n in (20, 30)]
    return " ".join(found)


def test_the_same_evaluations_give_the_same_belief() -> None:
    rewards = additive(DESIGNS[:20])
    assert fingerprint(fitted(DESIGNS[:20], rewards)) == fingerprint(fitted(DESIGNS[:20], rewards))
    assert fingerprint(fitted(DESIGNS[:20], rewards)) != fingerprint(fitted(DESIGNS[:20], -rewards))


def test_it_draws_nothing_from_the_global_generators() -> None:
    before = [torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()]  # type: ignore[index]  # noqa: NPY002
    fitted(DESIGNS[:20], additive(DESIGNS[:20]))
    assert before == [torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()]  # type: ignore[index]  # noqa: NPY002
