"""Preferences, and what designs are worth by them."""

import numpy as np
import pytest

from rl_designer.envs.objectives import (
    check_preference,
    drawn_preferences,
    equal_preference,
    read_preference,
    scalarised,
    spread_preferences,
)
from rl_designer.envs.rewards.dominance import hypervolume


def test_a_preference_is_weights_that_sum_to_1() -> None:
    assert read_preference("0.3,0.7", 2).tolist() == [0.3, 0.7]
    assert check_preference([1, 0, 0], 3).tolist() == [1, 0, 0]
    for text in ("0.3", "0.3,0.3", "1.5,-0.5", "0.3,0.3,0.4", "nan,1"):
        with pytest.raises(ValueError, match="2 weights of 0 or more that sum to 1"):
            read_preference(text, 2)
    with pytest.raises(ValueError, match=r"2 numbers, as in 0.5,0.5; got 'much'"):
        read_preference("much", 2)


def test_spread_ones_are_evenly_apart_and_drawn_ones_reach_the_edges() -> None:
    assert spread_preferences(2, 4).tolist() == [[1, 0], [0.75, 0.25], [0.5, 0.5], [0.25, 0.75], [0, 1]]
    assert len(spread_preferences(3, 4)) == 15 and (spread_preferences(3, 4).sum(axis=1) == 1).all()
    for objectives in (2, 3):
        drawn = drawn_preferences(objectives, 2_000, np.random.default_rng(0))
        assert np.allclose(drawn.sum(axis=1), 1) and (drawn >= 0).all()
        assert 0.2 < (drawn == 0).any(axis=1).mean() < 0.3
        assert np.allclose(drawn.mean(axis=0), equal_preference(objectives), atol=0.03)


def test_who_wants_one_objective_gets_the_best_in_it_and_who_wants_all_the_middle() -> None:
    units = np.array([[1.0, 0.0], [0.7, 0.7], [0.0, 1.0], [0.6, 0.6]])
    wanted = [[1, 0], [0.5, 0.5], [0, 1]]
    assert [int(scalarised(units, np.array(w)).argmax()) for w in wanted] == [0, 1, 2]
    each = scalarised(units, np.array([[1, 0], [0.5, 0.5], [0, 1], [0.5, 0.5]]))
    assert each[3] == scalarised(units[3:], equal_preference(2))[0]


def test_averaged_over_directions_it_is_the_hypervolume() -> None:
    """Zhang & Golovin 2020, lemma 5: in the plane the hypervolume is π/4 times the mean square."""
    units = np.array([[1.0, 0.0], [0.8, 0.5], [0.0, 0.9]])
    angles = (np.arange(20_000) + 0.5) / 20_000 * np.pi / 2
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    best = ((units[:, None] + 0.1) / directions).min(axis=2).max(axis=0)
    volume = hypervolume(units, np.full(2, -0.1))
    assert np.pi / 4 * (best**2).mean() == pytest.approx(volume, rel=1e-3)
    # What is used here is the same up to a little of the mean, wherever both are wanted.
    inner = directions[(directions > 0.1).all(axis=1)]
    ours = scalarised(units[:, None], inner / inner.sum(axis=1, keepdims=True))
    off = ours - ((units[:, None] + 0.1) / inner).min(axis=2)
    assert ours.shape == (3, len(inner)) and (off > 0).all() and (off < 0.06).all()
