"""Statistics of the benchmark of rewards: paired tests, intervals."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import PermutationMethod, wilcoxon

from rl_designer.comparisons.estimators import (
    SIGNIFICANCE,
    chance_of_rise,
    fewest_seeds,
    holm,
    improvement_interval,
    interquartile_interval,
    interquartile_mean,
    mean_interval,
    performance_profile,
    probability_of_improvement,
    seeds_to_tell,
    signed_rank,
)

# Two samples, and what rliable 1.2.0 gives for them.
X = np.array(
    [903, 897, 913, 902, 889, 907, 926, 919, 886, 875, 888, 901, 853, 896, 875, 885, 889, 894, 908, 921]
)
Y = np.array(
    [907, 937, 897, 917, 928, 912, 895, 892, 901, 914, 890, 906, 907, 921, 914, 917, 897, 907, 926, 940]
)
RLIABLE_IQM = (896.6, 910.2)
RLIABLE_IMPROVEMENT = 0.7425

differences = st.lists(st.integers(-4, 4), min_size=1, max_size=10).map(lambda d: np.array(d, dtype=float))


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


# -- the paired test ---------------------------------------------------------------------------------


def test_without_ties_the_test_is_scipys_exact_one() -> None:
    for seed in range(20):
        sample = generator(seed).normal(0.3, 1, 5 + seed)
        assert signed_rank(sample)[1] == pytest.approx(wilcoxon(sample, method="exact").pvalue)
        greater = wilcoxon(sample, method="exact", alternative="greater").pvalue
        assert chance_of_rise(sample) == pytest.approx(greater)


@given(differences)
@settings(max_examples=30, deadline=None)
def test_with_ties_it_counts_all_assignments_of_signs(sample: np.ndarray) -> None:
    moved = sample[sample != 0]
    if len(moved) == 0:
        assert signed_rank(sample) == (0.0, 1.0)
        return
    every = PermutationMethod(n_resamples=2 ** len(moved))
    expected = wilcoxon(moved, method=every).pvalue if len(moved) > 1 else 1.0
    assert signed_rank(sample)[1] == pytest.approx(min(1.0, expected))


@given(differences)
def test_swapping_the_two_sides_turns_the_statistic_and_keeps_the_p_value(sample: np.ndarray) -> None:
    (one, p), (other, q) = signed_rank(sample), signed_rank(-sample)
    assert one == -other and p == pytest.approx(q)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8).map(np.array))
@settings(max_examples=30, deadline=None)
def test_where_signs_are_chance_at_most_one_in_twenty_is_significant(sizes: np.ndarray) -> None:
    signs = np.array(list(itertools.product((-1, 1), repeat=len(sizes))))
    assert np.mean([signed_rank(row * sizes)[1] <= 0.05 for row in signs]) <= 0.05


def test_holm_corrects_as_in_the_textbook_and_keeps_the_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == []


def test_fewer_seeds_than_the_fewest_can_never_tell() -> None:
    for comparisons in (1, 3, 12):
        fewest = fewest_seeds(comparisons)
        assert comparisons * signed_rank(np.arange(1, fewest + 1))[1] <= SIGNIFICANCE
        assert comparisons * signed_rank(np.arange(1, fewest))[1] > SIGNIFICANCE


# -- how many seeds would tell -----------------------------------------------------------------------


@pytest.mark.parametrize("comparisons", [1, 3])
def test_the_suggested_seeds_tell_in_about_four_of_five_benchmarks(comparisons: int) -> None:
    observed = np.tile([0.5 - 1, 0.5 + 1], 5) * np.sqrt(0.9)  # standard deviation 1
    seeds = seeds_to_tell(observed, comparisons)
    assert seeds is not None
    effect = observed.mean() / observed.std(ddof=1)
    samples = generator(comparisons).normal(effect, 1, (600, seeds))
    told = np.mean([comparisons * signed_rank(sample)[1] <= SIGNIFICANCE for sample in samples])
    assert 0.74 < told < 0.88


def test_a_smaller_difference_needs_more_seeds_and_a_tiny_one_more_than_anybody_has() -> None:
    noise = generator(0).normal(0, 1, 20)
    noise -= noise.mean()
    needed = [seeds_to_tell(noise + effect, 1) for effect in (1.0, 0.5, 0.25, 0.01)]
    assert needed[0] == 25  # more than there are, rounded up
    assert needed[1] is not None and needed[2] is not None and 25 < needed[1] < needed[2]
    assert needed[1] % 5 == needed[2] % 50 == 0 and needed[3] is None


def test_equal_runs_and_a_single_seed_suggest_nothing() -> None:
    assert seeds_to_tell(np.zeros(20), 1) is None
    assert seeds_to_tell([0.1], 1) is None


# -- figures and intervals ---------------------------------------------------------------------------


def test_interquartile_mean_and_probability_of_improvement_are_rliables() -> None:
    assert (interquartile_mean(X), interquartile_mean(Y)) == pytest.approx(RLIABLE_IQM)
    assert probability_of_improvement(Y, X) == pytest.approx(RLIABLE_IMPROVEMENT)


def test_equal_runs_improve_on_each_other_half_of_the_time() -> None:
    assert probability_of_improvement(X, X) == 0.5
    assert improvement_interval(np.ones(5), np.ones(5)) == (0.5, 0.5)


def test_intervals_hold_their_estimate_and_one_seed_has_none() -> None:
    for interval, estimate in (
        (interquartile_interval(X), interquartile_mean(X)),
        (mean_interval(X), X.mean()),
        (improvement_interval(Y, X), probability_of_improvement(Y, X)),
    ):
        assert interval is not None and interval[0] < estimate < interval[1]
    for of_one in (interquartile_interval([1.0]), mean_interval([1.0]), improvement_interval([1.0], [2.0])):
        assert of_one is None


def test_the_interval_of_the_interquartile_mean_covers_the_truth_about_as_often_as_it_says() -> None:
    samples = generator(1).normal(0, 1, (300, 20))
    intervals = [interquartile_interval(sample) for sample in samples]
    covered = np.mean([interval is not None and interval[0] <= 0 <= interval[1] for interval in intervals])
    assert covered > 0.9


def test_a_performance_profile_falls_from_all_to_none() -> None:
    share, low, high = performance_profile(X, np.linspace(800, 1000, 21))
    assert share[0] == 1 and share[-1] == 0 and (np.diff(share) <= 0).all()
    assert ((low <= share) & (share <= high)).all()
    assert np.isnan(performance_profile([1.0], [0.5])[1]).all()
