"""Fronts, what they dominate, and the best so far."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.envs.rewards.fronts import REFERENCE, KnownFront, best_so_far, best_within, front_of, rises


def test_the_best_so_far_never_falls_and_starts_with_the_first_value() -> None:
    assert best_so_far([None, 0.3, 0.1, None, 0.7]) == [None, 0.3, 0.3, 0.3, 0.7]
    assert rises([None, 0.3, np.nan, 0.3, 0.1, 0.7]) == [1, 5] and rises([]) == []


def test_a_front_holds_what_nothing_beats() -> None:
    costs, accuracies = [3, 1, 2, 2, 4, np.nan, 1], [0.8, 0.5, 0.7, 0.6, 0.8, 0.9, 0.5]
    assert front_of(costs, accuracies).tolist() == [1, 2, 0]
    assert len(front_of([], [])) == 0


def test_what_is_to_be_had_within_a_cost() -> None:
    best = best_within([1, 10, 100], [0.5, 0.4, 0.9], [0.5, 1, 50, 100, 1000])
    assert np.isnan(best[0]) and best[1:].tolist() == [0.5, 0.5, 0.9, 0.9]


FRONT = KnownFront.of([10, 100, 1000], [0.5, 0.8, 0.9])


def test_the_known_front_itself_is_the_whole_and_nothing_is_nothing() -> None:
    assert FRONT.hypervolume(FRONT.costs, FRONT.accuracies) == 1 and FRONT.hypervolume([], []) == 0
    assert FRONT.distance(FRONT.costs, FRONT.accuracies) == 0
    assert FRONT.distance([], []) == FRONT.distance([np.nan], [0.9])


def test_hypervolume_is_the_area_up_to_the_reference_point() -> None:
    # In units of the front: the middle one lies at (0.5, 0.25); the ends at (0, 1) and (1, 0).
    whole = 0.5 * (REFERENCE - 1) + 0.5 * (REFERENCE - 0.25) + (REFERENCE - 1) * REFERENCE
    alone = (REFERENCE - 0.5) * (REFERENCE - 0.25)
    assert FRONT.hypervolume([100], [0.8]) == pytest.approx(alone / whole)
    assert FRONT.hypervolume([100_000], [0.9]) == 0  # dearer than the reference


def test_distance_is_the_mean_over_the_front_and_counts_only_what_is_worse() -> None:
    # From (0.5, 0.25): half a width from the cheapest, a quarter of the height from the best.
    assert FRONT.distance([100], [0.8]) == pytest.approx((0.5 + 0 + 0.25) / 3)


@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.floats(0, 1)), min_size=1, max_size=12),
    st.tuples(st.integers(1, 10**6), st.floats(0, 1)),
)
def test_one_more_design_never_makes_it_worse(
    designs: list[tuple[int, float]], more: tuple[int, float]
) -> None:
    before, after = (np.array(rows, dtype=float).T for rows in (designs, [*designs, more]))
    assert FRONT.hypervolume(*after) >= FRONT.hypervolume(*before) - 1e-12
    assert FRONT.distance(*after) <= FRONT.distance(*before) + 1e-12


def test_a_front_of_one_design_and_of_none() -> None:
    single = KnownFront.of([10], [0.5])
    assert single.hypervolume([10], [0.5]) == 1 and single.distance([100], [0.5]) > 0
    with pytest.raises(ValueError, match="no design has both a cost and an accuracy"):
        KnownFront.of([np.nan, 0], [0.5, 0.5])
