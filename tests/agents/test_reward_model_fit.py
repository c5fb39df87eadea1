"""The fit of a `RewardModel`: what it minimises, from where it starts, and which designs it looks at."""

from unittest.mock import patch

import gpytorch
import numpy as np
import pytest
import torch

from rl_designer.agents.reward_model import RewardModel, RewardModelSettings, _Loss, normal_scores
from rl_designer.envs.search_spaces.base import Actions
from tests.helpers.beliefs import Process
from tests.helpers.reward_models import (
    DESIGNS,
    SIGNALS,
    SPACE,
    Rewards,
    additive,
    fingerprint,
    fitted,
    rank_correlation,
)
from tests.helpers.strategies import walks


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


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", MODELS)
def test_a_step_that_would_overflow_is_taken_back(name: str) -> None:
    model = MODELS[name]
    loss = loss_of(model, walks(model.space, 15, seed=1), np.sin(np.arange(15.0)))
    for number in range(len(model._prior)):
        for far in (99.0, 101.0, 1e4):
            at = model._prior.copy()
            at[number] += far
            value, gradient = loss(at)
            assert value > 1e3 and np.isfinite(gradient).all() and np.isinf(value) >= (far > 100)


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
