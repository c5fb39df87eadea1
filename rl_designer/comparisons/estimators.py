"""Statistics over paired seeds: means and bootstrap intervals, an exact test, Holm's correction; and over
seeds and examples together.

Interquartile means, profiles and the probability of improvement are those of Agarwal et al. 2021, "Deep
reinforcement learning at the edge of the statistical precipice". Their package, rliable, isn't used: it takes
runs of equal seeds as independent, draws from NumPy's global generator, and its newest version, 1.2.0, fails
with today's arch and pandas. A benchmark has one task and so one stratum: the stratified bootstrap draws
seeds, the same ones for all that is compared.

SciPy has no Holm correction; its `wilcoxon` isn't exact where differences are tied, or zero, and its
`bootstrap` draws anew for every figure and knows no missing values.
"""

import math
import warnings
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rl_designer.envs.seeding import stream

CONFIDENCE = 0.95
# Of a verdict. Half of the usual 5 %, so that the measured share of wrong verdicts too, which scatters around
# what the test allows, stays below 5 %.
SIGNIFICANCE = 0.025
POWER = 0.8
MOST_SEEDS = 1_000  # beyond, a difference is too small to be worth the search for it
_RESAMPLES = 10_000
_ENDS = ((1 - CONFIDENCE) / 2, 1 - (1 - CONFIDENCE) / 2)
# The signed-rank test needs π/3 of the t-test's observations where differences are normal (Pitman).
_EFFICIENCY = 3 / math.pi

Values = NDArray[np.float64]


def mean_of(values: ArrayLike) -> Values:
    """Means over seeds of [seeds, columns], without NaN; NaN for a column of NaN alone."""
    array = np.asarray(values, dtype=np.float64)
    known = np.isfinite(array)
    with np.errstate(invalid="ignore"):
        return np.where(known, array, 0.0).sum(axis=0) / known.sum(axis=0)


def interval_of_mean(values: ArrayLike) -> tuple[Values, Values]:
    """95 % percentile-bootstrap interval of the mean over seeds, for each column.

    Args:
        values: [seeds, columns]; NaN where a run has no value, which a mean leaves out.

    Returns:
        Low and high ends, float64 [columns]; NaN where fewer than two runs have a value.
    """
    array = np.asarray(values, dtype=np.float64)
    known = np.isfinite(array)
    seeds = len(array)
    # How often each seed is in each resample, so that one product makes all the means.
    generator = stream(0, "bootstrap")
    weights = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=_RESAMPLES).astype(np.float64)
    with np.errstate(invalid="ignore"):
        means = (weights @ np.where(known, array, 0.0)) / (weights @ known)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column of NaN alone
        low, high = np.nanquantile(means, _ENDS, axis=0)
    enough = known.sum(axis=0) >= 2
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)


def standard_error(values: ArrayLike) -> float | None:
    """Of the mean of [n]; None for fewer than two."""
    array = np.asarray(values, dtype=np.float64)
    return None if len(array) < 2 else float(array.std(ddof=1) / np.sqrt(len(array)))


def interquartile_mean(values: ArrayLike) -> float:
    """The mean without the lowest and the highest quarter (⌊n/4⌋ values each) of [n], n ≥ 1."""
    return float(_trimmed(np.asarray(values, dtype=np.float64)[None])[0])


def interquartile_interval(values: ArrayLike) -> tuple[float, float] | None:
    """95 % percentile-bootstrap interval of the interquartile mean of [n]; None for fewer than 2 values."""
    array = np.asarray(values, dtype=np.float64)
    return None if len(array) < 2 else _quantiles(_trimmed(array[_resamples(len(array))]))


def mean_interval(values: ArrayLike) -> tuple[float, float] | None:
    """The same of the mean, of seeds that all have a value."""
    array = np.asarray(values, dtype=np.float64)
    return None if len(array) < 2 else _quantiles(array[_resamples(len(array))].mean(axis=1))


def crossed_difference(ours: ArrayLike, theirs: ArrayLike) -> tuple[float, float, float]:
    """The mean difference of two sides on the same examples, and its 95 % interval over seeds and examples.

    Values of a side are crossed random effects: each seed met each example. What other examples and other
    seeds would make of the mean is the variance of the examples' mean differences, which pairs them, over
    their number, and for each side the seeds' own variance over theirs: that of the seeds' means less what
    examples alone make of it, from the two-way analysis of variance (Searle, Casella & McCulloch 1992,
    "Variance components", chapter 4), at least 0. The quantile is Student's with Satterthwaite's degrees of
    freedom. Owen's pigeonhole bootstrap (2007, arXiv:0706.1677), which draws both, counts the rest three
    times, and has too few different draws of two or three seeds.

    Args:
        ours, theirs: [seeds, n], n ≥ 2 examples in the same order; a side of one seed is taken as without any
            variance of seeds.

    Returns:
        Mean, low and high end.
    """
    sides = [np.asarray(side, dtype=np.float64) for side in (ours, theirs)]
    by_example = sides[0].mean(axis=0) - sides[1].mean(axis=0)
    terms = [(float(by_example.var(ddof=1)) / len(by_example), len(by_example) - 1)]
    terms += [(_of_seeds(side) / len(side), len(side) - 1) for side in sides if len(side) > 1]
    variance, squares = sum(term for term, _ in terms), sum(term**2 / free for term, free in terms)
    mean = float(by_example.mean())
    if squares == 0:
        return mean, mean, mean
    from scipy.special import stdtrit

    half = float(stdtrit(variance**2 / squares, _ENDS[1])) * math.sqrt(variance)
    return mean, mean - half, mean + half


def _of_seeds(side: Values) -> float:
    """The variance of the seeds' effects, of [seeds, n] values with at least two of each."""
    seeds, n = side.shape
    means = side.mean(axis=1)
    rest = side - side.mean(axis=0) - (means - means.mean())[:, None]
    return max(0.0, float(means.var(ddof=1)) - float((rest**2).sum()) / ((seeds - 1) * (n - 1) * n))


def probability_of_improvement(values: ArrayLike, first: ArrayLike) -> float:
    """The chance that a run with `values` is above one with `first`, any seed against any, equal ones counted
    half: Mann and Whitney's U / (n · m), 0–1.
    """
    return float(_wins(values, first).mean())


def improvement_interval(values: ArrayLike, first: ArrayLike) -> tuple[float, float] | None:
    """95 % percentile-bootstrap interval of the probability of improvement of runs of equal seeds, [n] each;
    a resample takes the same seeds from both. None for fewer than 2.
    """
    wins = _wins(values, first)
    n = len(wins)
    if n < 2:
        return None
    drawn = _resamples(n)
    counts = np.zeros((len(drawn), n))
    np.add.at(counts, (np.arange(len(drawn))[:, None], drawn), 1.0)
    return _quantiles(((counts @ wins) * counts).sum(axis=1) / n**2)


def performance_profile(values: ArrayLike, levels: ArrayLike) -> tuple[Values, Values, Values]:
    """The share of runs that reach each level (≥), and its 95 % bootstrap band, float64 [levels] each. The
    band is NaN for fewer than 2 runs.
    """
    array = np.asarray(values, dtype=np.float64)
    reached = (array[:, None] >= np.asarray(levels, dtype=np.float64)).astype(np.float64)
    if len(array) < 2:
        none = np.full(reached.shape[1], np.nan)
        return reached.mean(axis=0), none, none
    # A few hundred levels and ten thousand resamples don't fit a cache; two thousand draw as good a band.
    shares = np.stack([reached[rows].mean(axis=0) for rows in _resamples(len(array))[:2_000]])
    low, high = np.quantile(shares, _ENDS, axis=0)
    return reached.mean(axis=0), low, high


def rank_correlation(first: Values, second: Values) -> float | None:
    """Spearman's, of [n] and [n] where both are known (not NaN); None where it isn't defined."""
    both = ~np.isnan(first) & ~np.isnan(second)
    first, second = first[both], second[both]
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)


def signed_rank(differences: ArrayLike) -> tuple[float, float]:
    """Wilcoxon's signed-rank test of paired differences [n], exact also with ties, and zeros left out.

    Under the null hypothesis a difference and its negative are equally likely, given its size. All 2^n
    assignments of signs are counted, by adding one rank after the other to the distribution of their sum.

    Returns:
        The signed statistic, above 0 where the positive differences outweigh, and the two-sided p-value.
    """
    statistic, above, below = _tails(np.asarray(differences, dtype=np.float64))
    return statistic, min(1.0, 2 * min(above, below))


def chance_of_rise(differences: ArrayLike) -> float:
    """The one-sided p-value of the same test: small where the differences are above 0."""
    return _tails(np.asarray(differences, dtype=np.float64))[1]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the given order: rejecting those of at most α errs at all with a chance of
    at most α, however many of the hypotheses are true (Holm 1979).
    """
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def fewest_seeds(comparisons: int) -> int:
    """The fewest seeds with which one of so many comparisons can be told: 2 · 2^−n · comparisons ≤ 2.5 %."""
    return math.ceil(math.log2(2 * comparisons / SIGNIFICANCE))


def seeds_to_tell(differences: ArrayLike, comparisons: int) -> int | None:
    """How many paired seeds would tell, in 4 of 5 benchmarks, a mean difference as large as the observed one.

    n = ((z(1 − α / 2m) + z(0.8)) · s / |d|)² · π / 3, with the mean d and the standard deviation s of the
    paired differences, α = 2.5 % and m comparisons: a normal approximation for the signed-rank test. d and s
    are estimates, so it is rounded up: to fives from 20 on, to fifties from 100 on. At least one more than
    there are, which didn't tell.

    Returns:
        None for fewer than 2 differences, for no difference at all, and beyond 1,000 seeds.
    """
    from scipy.stats import norm

    array = np.asarray(differences, dtype=np.float64)
    if len(array) < 2 or array.mean() == 0:
        return None
    effect = abs(array.mean()) / max(float(array.std(ddof=1)), 1e-300)
    quantiles = norm.ppf(1 - SIGNIFICANCE / (2 * comparisons)) + norm.ppf(POWER)
    needed = (quantiles / min(effect, 1e6)) ** 2 / _EFFICIENCY
    needed = max(needed, fewest_seeds(comparisons), len(array) + 1)
    return _rounded_up(needed) if needed <= MOST_SEEDS else None


def _rounded_up(seeds: float) -> int:
    step = 1 if seeds < 20 else 5 if seeds < 100 else 50
    return math.ceil(seeds / step) * step


def _tails(differences: Values) -> tuple[float, float, float]:
    """The signed statistic, and the chances of one as high and of one as low."""
    from scipy.stats import rankdata

    moved = differences[differences != 0]
    if len(moved) == 0:
        return 0.0, 1.0, 1.0
    doubled = np.rint(2 * rankdata(np.abs(moved))).astype(np.int64)  # whole numbers, ties too
    total = int(doubled.sum())
    positive = int(doubled[moved > 0].sum())
    chances = _sums(tuple(sorted(doubled.tolist())))
    above, below = chances[positive:].sum(), chances[: positive + 1].sum()
    return positive - total / 2, min(1.0, float(above)), min(1.0, float(below))


@lru_cache(maxsize=256)
def _sums(ranks: tuple[int, ...]) -> Values:
    """The chance of each sum of the ranks that are taken where each is taken with a chance of one half."""
    chances = np.zeros(sum(ranks) + 1)
    chances[0], reached = 1.0, 0
    for rank in ranks:
        moved = chances[: reached + 1].copy()
        chances[: reached + 1] /= 2
        chances[rank : reached + rank + 1] += moved / 2
        reached += rank
    return chances


@lru_cache(maxsize=8)
def _resamples(n: int) -> NDArray[np.int64]:
    """Seeds drawn with replacement, int64 [resamples, n], always the same."""
    return stream(0, "bootstrap").integers(n, size=(_RESAMPLES, n))


def _trimmed(values: Values) -> Values:
    """The interquartile mean of each row of [rows, n]."""
    cut = values.shape[1] // 4
    ordered = np.sort(values, axis=1)
    return ordered[:, cut : values.shape[1] - cut].mean(axis=1)


def _wins(values: ArrayLike, first: ArrayLike) -> Values:
    one, other = np.asarray(values, dtype=np.float64)[:, None], np.asarray(first, dtype=np.float64)
    return (one > other) + 0.5 * (one == other)


def _quantiles(values: Values) -> tuple[float, float]:
    low, high = np.quantile(values, _ENDS)
    return float(low), float(high)
