"""`Belief`: the same posterior as GPyTorch's, from plain arrays."""

from dataclasses import replace

import numpy as np

from rl_designer.envs.search_spaces.base import SearchSpace
from tests.helpers.beliefs import (
    BELIEFS,
    SPACES,
    TABLE,
    Process,
    remembering,
)
from tests.helpers.strategies import walks

# -- the posterior ----------------------------------------------------------------------------------


@SPACES
def test_it_expects_what_gpytorch_expects_of_the_same_process(space: SearchSpace) -> None:
    belief = BELIEFS[space.name]
    others = walks(space, 50, seed=9)
    posterior = Process(belief).posterior(belief.embed(space, others))
    mean, deviation = belief.predict(space, others)
    assert mean.dtype == deviation.dtype == np.float64
    # A jitter of 1e-6 on the diagonal is all that differs.
    np.testing.assert_allclose(mean, posterior.mean.numpy(), atol=1e-4)
    np.testing.assert_allclose(deviation**2, posterior.variance.numpy(), atol=1e-4)
    np.testing.assert_allclose(belief.joint(space, others)[1], posterior.covariance_matrix.numpy(), atol=1e-4)
    assert mean.std() > 0.05 and deviation.std() > 0.01


@SPACES
def test_a_designs_point_is_what_is_known_of_it_less_the_centre_times_the_weights(space: SearchSpace) -> None:
    belief, designs = BELIEFS[space.name], walks(space, 10, seed=9)
    assert belief.structured == [space is not TABLE]
    known = list(space.structure(designs).values()) or [space.tokens(designs).reshape(10, -1)]
    expected = (np.concatenate(known, axis=1) - belief.centre) * belief.projection
    np.testing.assert_allclose(belief.embed(space, designs), expected, atol=1e-12)
    np.testing.assert_allclose(belief.points, belief.embed(space, belief.actions), atol=1e-12)


@SPACES
def test_the_joint_distribution_has_the_means_and_variances_of_the_single_ones(space: SearchSpace) -> None:
    belief, designs = BELIEFS[space.name], walks(space, 30, seed=9)
    mean, covariance = belief.joint(space, designs)
    alone, deviation = belief.predict(space, designs)
    np.testing.assert_allclose(mean, alone)
    np.testing.assert_allclose(covariance.diagonal(), deviation**2, atol=1e-8)
    np.testing.assert_allclose(covariance, covariance.T, atol=1e-12)
    assert np.linalg.eigvalsh(covariance).min() > -1e-8


def test_far_from_every_point_it_expects_0_with_the_deviation_of_the_prior_where_the_trend_is_flat() -> None:
    belief = replace(BELIEFS[TABLE.name], trend=np.full(1, 1e-9))
    mean, deviation = replace(belief, points=belief.points + 1e4).predict(TABLE, walks(TABLE, 5))
    np.testing.assert_allclose(mean, 0, atol=1e-2)
    np.testing.assert_allclose(deviation, np.sqrt(belief.scale), rtol=1e-2)


def test_no_designs_are_no_predictions() -> None:
    mean, deviation = BELIEFS[TABLE.name].predict(TABLE, TABLE.pad([]))
    assert mean.shape == deviation.shape == (0,)


@SPACES
def test_expected_rewards_lie_among_the_evaluated_ones_in_the_order_of_the_scores(space: SearchSpace) -> None:
    belief, designs = BELIEFS[space.name], walks(space, 50, seed=9)
    rewards = belief.expected_rewards(space, designs)
    assert belief.rewards[0] <= rewards.min() and rewards.max() <= belief.rewards[-1]
    assert (np.diff(rewards[belief.predict(space, designs)[0].argsort()]) >= 0).all()


# -- beliefs that build upon others -----------------------------------------------------------------


@SPACES
def test_with_sources_it_expects_what_gpytorch_expects_of_the_same_process(space: SearchSpace) -> None:
    belief = remembering(space)
    others = walks(space, 50, seed=9)
    posterior = Process(belief).posterior(belief.embed(space, others))
    mean, deviation = belief.predict(space, others)
    np.testing.assert_allclose(mean, posterior.mean.numpy(), atol=1e-3)
    np.testing.assert_allclose(deviation**2, posterior.variance.numpy(), atol=1e-3)
    np.testing.assert_allclose(belief.joint(space, others)[1].diagonal(), deviation**2, atol=1e-8)
    np.testing.assert_allclose(belief.mean(space, others), mean, atol=1e-12)


def test_what_agrees_with_a_source_raises_its_slope() -> None:
    belief = remembering(TABLE)
    assert belief.slopes.shape == (2,)
    assert belief.slopes[0] > 0.3 > abs(belief.slopes[1])
