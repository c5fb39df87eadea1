"""A difference over seeds and examples: its interval holds the truth as often as it says."""

import numpy as np
import pytest
from numpy.typing import NDArray

from rl_designer.comparisons.estimators import crossed_difference

TRIALS, EXAMPLES = 400, 300


def side(
    generator: np.random.Generator, hard: NDArray[np.float64], seeds: int, of_seeds: float, right: bool
) -> NDArray[np.float64]:
    """Values [seeds, n]: how hard an example is for all, for these networks, and in each training."""
    own = hard + 0.3 * generator.normal(size=len(hard))
    seen = own + of_seeds * generator.normal(size=(seeds, 1)) + 0.3 * generator.normal(size=(seeds, len(own)))
    return (seen > -1.5).astype(np.float64) if right else seen


@pytest.mark.parametrize(
    ("seeds", "of_seeds", "right"),
    [((3, 3), 0.0, True), ((3, 3), 0.05, False), ((2, 2), 0.02, True), ((5, 2), 0.1, False)],
)
def test_the_interval_holds_the_truth_as_often_as_it_says_and_that_over_seeds_alone_does_not(
    seeds: tuple[int, int], of_seeds: float, right: bool
) -> None:
    generator, held, alone = np.random.default_rng(0), 0, 0
    for _ in range(TRIALS):
        hard = generator.normal(size=EXAMPLES)
        ours, theirs = (side(generator, hard, count, of_seeds, right) for count in seeds)
        mean, low, high = crossed_difference(ours, theirs)
        held += low <= 0 <= high  # they don't differ
        error = np.sqrt(sum(each.mean(axis=1).var(ddof=1) / len(each) for each in (ours, theirs)))
        alone += abs(mean) <= 2 * error
    assert 0.92 <= held / TRIALS <= 0.99
    assert alone / TRIALS < 0.9


def test_pairing_makes_of_examples_that_are_hard_for_both_a_narrow_interval() -> None:
    generator = np.random.default_rng(1)
    hard = 10 * generator.normal(size=EXAMPLES)
    ours, theirs = (side(generator, hard, 3, 0.0, False) for _ in range(2))
    _, low, high = crossed_difference(ours + 1, theirs)
    assert low < 1 < high and high - low < 0.2
    _, far_low, far_high = crossed_difference(ours + 1, theirs[:, generator.permutation(EXAMPLES)])
    assert far_high - far_low > 2


def test_of_one_training_each_it_is_students_interval_of_the_examples_differences() -> None:
    ours, theirs = np.array([[1.0, 0, 1, 1, 0]]), np.array([[0.0, 0, 1, 0, 0]])
    mean, low, high = crossed_difference(ours, theirs)
    half = 2.776445 * np.std(ours - theirs, ddof=1) / np.sqrt(5)  # t of 4 degrees of freedom
    assert (mean, low, high) == pytest.approx((0.4, 0.4 - half, 0.4 + half))


def test_equal_sides_differ_by_nothing() -> None:
    same = np.ones((3, 10))
    assert crossed_difference(same, same) == (0.0, 0.0, 0.0)
    assert crossed_difference(same, 0 * same) == (1.0, 1.0, 1.0)
