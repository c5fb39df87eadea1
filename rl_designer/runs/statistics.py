"""Was a search better than random search? Pure functions, exact where they can be."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

SIGNIFICANCE = 0.05


def precedence_p_value(designs: int, controls: int, better: int) -> float:
    """The chance that at least `better` of `designs` values lie strictly above every one of `controls` values
    where all of them come, exchangeable, from one distribution:
    C(designs, better) / C(designs + controls, better).

    This is the precedence (exceedance) test, free of any distribution (Balakrishnan & Ng 2006,
    "Precedence-Type Tests and Applications"). Ties make it conservative: a value equal to the best control
    doesn't count as better, so breaking ties at random could only count more.

    Args:
        designs: values of the search, ≥ 1.
        controls: values of the control, ≥ 1.
        better: how many of `designs` are strictly better than the best control, 0 … designs.

    Raises:
        ValueError: for counts out of range.
    """
    if designs < 1 or controls < 1 or not 0 <= better <= designs:
        raise ValueError(
            f"needs designs ≥ 1, controls ≥ 1 and 0 ≤ better ≤ designs, got {designs}, {controls}, {better}"
        )
    return math.exp(_log_choose(designs, better) - _log_choose(designs + controls, better))


def best_of_random(values: ArrayLike, draws: int) -> NDArray[np.float64]:
    """For each value, the chance that it is the best of `draws` of them taken at random without replacement,
    float64 [n], in the order of the values sorted upwards; among equal values the last is the best.

    Args:
        values: float [n], finite.
        draws: at least 1; more than n counts as n.

    Raises:
        ValueError: for no values, values that are not finite, or no draws.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    if n == 0 or not np.isfinite(ordered).all() or draws < 1:
        raise ValueError(f"needs finite values and at least 1 draw, got {n} values and {draws} draws")
    # P(best is among the k lowest) = C(k, draws) / C(n, draws).
    draws = min(draws, n)
    at_most = np.array([_chance_all_within(k, n, draws) for k in range(n + 1)])
    return np.diff(at_most)


def expected_best(values: ArrayLike, draws: int) -> float:
    """Mean of the best of `draws` values taken at random without replacement. Raises as `best_of_random`."""
    return float(best_of_random(values, draws) @ np.sort(np.asarray(values, dtype=np.float64)))


def median_best(values: ArrayLike, draws: int) -> float:
    """The lowest value that the best of `draws` doesn't pass with a chance of at least one half. Raises as
    `best_of_random`.
    """
    chances = np.cumsum(best_of_random(values, draws))
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    return float(ordered[min(int(np.searchsorted(chances, 0.5 - 1e-12)), len(ordered) - 1)])


def chance_of_reaching(values: ArrayLike, draws: int, threshold: float) -> float:
    """The chance that the best of `draws` values taken at random without replacement is at least `threshold`:
    1 − C(n − k, draws) / C(n, draws), where k values reach it. Raises as `best_of_random`.
    """
    array = np.asarray(values, dtype=np.float64)
    if len(array) == 0 or not np.isfinite(array).all() or draws < 1:
        raise ValueError(
            f"needs finite values and at least 1 draw, got {len(array)} values and {draws} draws"
        )
    reaching = int((array >= threshold).sum())
    return 1.0 - _chance_all_within(len(array) - reaching, len(array), min(draws, len(array)))


def quarter_means(values: Sequence[float]) -> tuple[float, float] | None:
    """Means of the first and of the last quarter of a sequence; None for fewer than 4 values."""
    quarter = len(values) // 4
    if quarter == 0:
        return None
    return math.fsum(values[:quarter]) / quarter, math.fsum(values[-quarter:]) / quarter


def _chance_all_within(k: int, n: int, draws: int) -> float:
    return 0.0 if k < draws else math.exp(_log_choose(k, draws) - _log_choose(n, draws))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
