"""Preferences: how much each of several objectives is wanted, weights of 0 or more that sum to 1."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.errors import Error
from rl_designer.envs.rewards.fronts import REFERENCE

_ROUNDING = 1e-6
# Of a weight's share in the scalarisation: an objective that isn't wanted still has to stay within the range.
_LEAST = 0.05
_OF_ALL = 0.05  # weight of the mean, so that of equally good designs the one that is better elsewhere wins
_CORNERS = 0.25  # of the drawn ones: a single objective, or two of three

Values = NDArray[np.float64]


def check_preference(weights: Sequence[float] | Values, objectives: int) -> Values:
    """The weights, float64 [k].

    Raises:
        ValueError: for another number of them, one below 0, or a sum that isn't 1.
    """
    found = np.array(weights, dtype=np.float64)
    rule = f"a preference must be {objectives} weights of 0 or more that sum to 1"
    if found.shape != (objectives,):
        raise Error(f"{rule}, one for each objective; got {found.size}")
    if not np.isfinite(found).all() or (found < 0).any() or abs(found.sum() - 1) > _ROUNDING:
        raise Error(f"{rule}; got {', '.join(f'{weight:g}' for weight in found)}")
    return found / found.sum()


def read_preference(text: str, objectives: int) -> Values:
    """A preference as people write it, `0.3,0.7`, float64 [k]. Raises ValueError as `check_preference`."""
    try:
        weights = [float(item) for item in text.split(",")]
    except ValueError:
        raise Error(
            f"a preference must be {objectives} numbers, as in {_example(objectives)}; got {text!r}"
        ) from None
    return check_preference(weights, objectives)


def equal_preference(objectives: int) -> Values:
    """All objectives alike, float64 [k]."""
    return np.full(objectives, 1 / objectives)


def spread_preferences(objectives: int, steps: int) -> Values:
    """All preferences whose weights are multiples of 1 / steps, float64 [n, k], the first objective's
    descending: steps + 1 of two objectives (Das & Dennis 1998).
    """
    bars = combinations(range(steps + objectives - 1), objectives - 1)
    rows = [np.diff([-1, *bar, steps + objectives - 1]) - 1 for bar in bars]
    return np.array(rows[::-1], dtype=np.float64) / steps


def few_preferences(objectives: int) -> Values:
    """Five preferences of two objectives, six of three, evenly apart, single objectives among them."""
    return spread_preferences(objectives, {2: 4}.get(objectives, 2))


def drawn_preferences(objectives: int, n: int, draws: np.random.Generator) -> Values:
    """Uniform over all preferences, and one in four with a single objective or without one of three, float64
    [n, k].
    """
    weights = draws.dirichlet(np.ones(objectives), n)
    left_out = draws.random((n, objectives)).argsort(axis=1) < draws.integers(1, objectives, (n, 1))
    at_edge = draws.random(n) < _CORNERS
    weights[at_edge] *= ~left_out[at_edge]
    return weights / weights.sum(axis=1, keepdims=True)


def scalarised(units: Values, preferences: Values) -> Values:
    """What designs are worth by preferences, float64 […]: how far they come from the reference point in the
    direction of the weights, min (y − r) / w over the objectives, w of length 1. Averaged over directions its
    k-th power is the hypervolume, so that whoever has the best by every preference has the whole front (Zhang
    & Golovin 2020, arXiv:2006.04655, section 3). A little of the mean is added (augmented Chebyshev).

    Args:
        units: as `Scale.units` gives them, float64 […, k].
        preferences: float64 […, k]; the two are broadcast against each other.
    """
    above = units - (1 - REFERENCE)
    directions = preferences / np.linalg.norm(preferences, axis=-1, keepdims=True)
    return (above / np.maximum(directions, _LEAST)).min(axis=-1) + _OF_ALL * above.mean(axis=-1)


def _example(objectives: int) -> str:
    return ",".join(["0.5", *["0.5", "0"][: objectives - 1]])
