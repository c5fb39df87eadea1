"""`RewardModel`: what it learns of a space from a few evaluated designs, and that scales don't matter."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import gpytorch
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr

from rl_designer.agents.belief import NUMBERS, Belief
from rl_designer.agents.reward_model import RewardModel, RewardModelSettings, _Loss, normal_scores
from rl_designer.envs.search_spaces.base import Actions
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.wiring import Wiring
from rl_designer.envs.workers.devices import one_thread
from rl_designer.testing.problems import LayerEvaluator
from tests.agents.test_belief import Process
from tests.helpers.strategies import many_examples, walks
from tests.helpers.tables import synthetic_table

Rewards = NDArray[np.float64]

SPACE = TableSpace(synthetic_table((4, 4, 4, 4, 4)))
DESIGNS = np.random.default_rng(0).permutation(SPACE.table.architectures.astype(np.int64))
SIGNALS = make_space("convnet1d", (1, 40), 10, max_parameters=3_000)


def additive(designs: Actions) -> Rewards:
    """A sum of one number for each option taken; it has no ties on `DESIGNS`."""
    effects = np.random.default_rng(1).normal(size=(SPACE.max_steps, SPACE.num_actions))
    return effects[np.arange(SPACE.max_steps), designs].sum(axis=1)


def fitted(designs: Actions, rewards: Rewards) -> Belief:
    return RewardModel(SPACE).fit(designs, rewards)


def numbers_of(belief: Belief) -> dict[str, Rewards]:
    return {name: getattr(belief, name) for name in NUMBERS}


def fingerprint(belief: Belief) -> str:
    arrays = numbers_of(belief)
    return hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays))).hexdigest()


def rank_correlation(first: Rewards, second: Rewards) -> float:
    return float(spearmanr(first, second).statistic)


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


# -- the fit ----------------------------------------------------------------------------------------


def loss_of(model: RewardModel, designs: Actions, rewards: Rewards) -> _Loss:
    """What the model minimises at its next fit."""
    with patch("rl_designer.agents.reward_model.minimize") as minimize:
        minimize.return_value.x = model._found
        model.fit(designs, rewards, LUCK[: len(rewards)])
    loss = minimize.call_args.args[0]
    assert isinstance(loss, _Loss)
    return loss


def models() -> dict[str, RewardModel]:
    source = fitted(DESIGNS[:20], additive(DESIGNS[:20]))
    earlier = RewardModel(SIGNALS).fit(walks(SIGNALS, 20), np.arange(20.0))
    return {
        "a table": RewardModel(SPACE),
        "a table, with a source": RewardModel(SPACE, sources=[source]),
        "layers": RewardModel(SIGNALS),
        "layers, with sources": RewardModel(SIGNALS, sources=[earlier, earlier]),
        "layers, step by step": RewardModel(SIGNALS, settings=RewardModelSettings(structure=False)),
    }


MODELS = models()
LUCK = np.random.default_rng(1).uniform(0, 0.4, 40)  # deviations of rewards


@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_is_that_of_finite_differences(name: str) -> None:
    model = MODELS[name]
    loss = loss_of(model, walks(model.space, 15, seed=1), np.sin(np.arange(15.0)))
    draws = np.random.default_rng(0)
    for _ in range(3):
        at = model._prior + 0.5 * draws.normal(size=len(model._prior))
        gradient = loss(at)[1]
        for number, step in enumerate(1e-5 * np.eye(len(at))):
            difference = (loss(at + step)[0] - loss(at - step)[0]) / 2e-5
            assert gradient[number] == pytest.approx(difference, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_the_loss_is_gpytorchs_marginal_likelihood_and_a_normal_prior(name: str) -> None:
    model = MODELS[name]
    designs, rewards = walks(model.space, 15, seed=1), np.sin(np.arange(15.0))
    loss = loss_of(model, designs, rewards)
    draws, losses, expected = np.random.default_rng(0), [], []
    for _ in range(4):
        model._found = model._prior + 0.5 * draws.normal(size=len(model._prior))
        losses.append(loss(model._found)[0])
        with patch("rl_designer.agents.reward_model.minimize") as minimize:
            minimize.return_value.x = model._found
            belief = model.fit(designs, rewards, LUCK[: len(rewards)])
        process = Process(belief)
        with gpytorch.settings.fast_computations(False, False, False), torch.no_grad():
            density = process.likelihood(process.forward(process.train_inputs[0])).log_prob(
                process.train_targets
            )
        expected.append(-float(density) + ((model._found - model._prior) ** 2).sum() / 2)
    # A constant may be left out.
    np.testing.assert_allclose(np.diff(losses), np.diff(expected), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_a_fit_ends_where_no_small_step_is_better(name: str) -> None:
    model = MODELS[name]
    designs, rewards = walks(model.space, 40, seed=1), np.sin(np.arange(40.0))
    model.fit(designs, rewards, LUCK)
    loss = loss_of(model, designs, rewards)
    assert np.abs(loss(model._found)[1]).max() < 0.1
    assert loss(model._found)[0] < loss(model._prior)[0]


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


# -- many designs, many fits ------------------------------------------------------------------------


def test_beyond_most_points_the_better_half_and_the_latest_are_kept() -> None:
    rewards = np.array([9.0, 1, 8, 2, 7, 3, 6, 4, 5, 0])
    model = RewardModel(SPACE, settings=RewardModelSettings(most_points=4))
    belief = model.fit(DESIGNS[:10], rewards)
    kept = [0, 2, 8, 9]  # rewards 9 and 8, and the last two
    np.testing.assert_array_equal(belief.points, belief.embed(SPACE, DESIGNS[kept]))
    # A kept design's score is its rank among all, and all are known by reward.
    np.testing.assert_array_equal(belief.targets, normal_scores(rewards)[kept])
    np.testing.assert_array_equal(belief.rewards, np.arange(10))
    np.testing.assert_array_equal(belief.scores, np.sort(normal_scores(rewards)))


def test_the_latest_are_kept_without_those_that_are_among_the_best() -> None:
    model = RewardModel(SPACE, settings=RewardModelSettings(most_points=4))
    belief = model.fit(DESIGNS[:8], np.arange(8.0))  # the best are the latest
    np.testing.assert_array_equal(belief.points, belief.embed(SPACE, DESIGNS[4:8]))


def test_up_to_most_points_all_are_kept() -> None:
    belief = RewardModel(SPACE, settings=RewardModelSettings(most_points=10)).fit(
        DESIGNS[:10], np.arange(10.0)
    )
    assert len(belief.points) == len(belief.targets) == 10


def test_a_later_fit_starts_from_the_one_before() -> None:
    model = RewardModel(SPACE)
    first = model.fit(DESIGNS[:20], additive(DESIGNS[:20]))
    before = fingerprint(first)
    with patch("rl_designer.agents.reward_model.minimize") as minimize:
        minimize.return_value.x = model._found
        second = model.fit(DESIGNS[:40], additive(DESIGNS[:40]))
    start = minimize.call_args.args[1]
    np.testing.assert_array_equal(np.exp(start[[0, -1]]), first.facts)
    np.testing.assert_array_equal(second.scales, first.scales)  # no step was taken
    assert (len(first.points), len(second.points)) == (20, 40)
    third = model.fit(DESIGNS[:40], additive(DESIGNS[:40]))
    assert not np.array_equal(third.scales, first.scales)
    assert fingerprint(first) == before  # a belief that was handed out doesn't change


def test_it_starts_with_what_the_first_source_learned_where_that_is_of_the_same_kind() -> None:
    designs, rewards = walks(SIGNALS, 30), np.arange(30.0)
    by_structure = RewardModel(SIGNALS).fit(designs, rewards)
    by_steps = RewardModel(SIGNALS, settings=RewardModelSettings(structure=False)).fit(designs, rewards)
    np.testing.assert_array_equal(
        RewardModel(SIGNALS, sources=[by_structure, by_steps])._prior[1:-5], by_structure.scales
    )
    other = RewardModel(SIGNALS, sources=[by_steps, by_structure])._prior[1:-5]
    np.testing.assert_array_equal(other, RewardModel(SIGNALS)._prior[1:-2])


def test_of_thousands_of_evaluations_it_looks_at_the_most_telling_and_stays_quick() -> None:
    designs = np.concatenate([DESIGNS, DESIGNS, DESIGNS])
    rewards = additive(designs) + np.random.default_rng(0).normal(size=len(designs))
    belief = fitted(designs, rewards)
    assert len(belief.points) == RewardModelSettings().most_points and len(belief.rewards) == 3 * len(DESIGNS)
    assert rank_correlation(belief.mean(SPACE, DESIGNS), additive(DESIGNS)) > 0.8


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


def test_a_fresh_process_believes_the_same() -> None:
    expected = fingerprints()
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from tests.agents import test_reward_model as t; print(t.fingerprints(), end='')",
        ],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == expected


def test_it_draws_nothing_from_the_global_generators() -> None:
    before = [torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()]  # type: ignore[index]  # noqa: NPY002
    fitted(DESIGNS[:20], additive(DESIGNS[:20]))
    assert before == [torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()]  # type: ignore[index]  # noqa: NPY002
