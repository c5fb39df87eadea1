"""The arrays of reward models that earlier versions wrote, as those of today's."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.errors import Error

_SINCE = {
    "structured": 3,
    "centre": 3,
    "projection": 3,
    "scales": 3,
    "known": 4,
    "trend": 5,
}  # else the first
_EMBEDDINGS = ("options", "step_weights", "whole_weights")  # until format 2
_LARGEST_PROJECTION = 2**24  # numbers

Arrays = dict[str, NDArray[Any]]


def names_in(written: int, names: Iterable[str]) -> list[str]:
    """The float64 arrays that a file of format `written` must hold, of which today's has `names`."""
    return [*(_EMBEDDINGS if written <= 2 else ()), *(n for n in names if written >= _SINCE.get(n, 1))]


def brought_up(arrays: Arrays, written: int, path: Path) -> Arrays:
    """What those of format `written` mean today.

    Raises:
        ValueError: where the arrays don't fit each other.
    """
    new = _from_embeddings(arrays, path) if written <= 2 else arrays
    return {"known": np.zeros(arrays["targets"].size), "trend": np.zeros(0), **new}


def _from_embeddings(arrays: Arrays, path: Path) -> Arrays:
    """The arrays of formats 1 and 2, whose points were made of embeddings of each step's options (`options`
    [options, size]), each times its step's weight, and in spaces of variable length of the summaries and the
    sum of the embeddings, each times a weight (`whole_weights`): as one projection.

    Raises:
        ValueError: where the arrays don't fit each other.
    """
    options, steps, whole = (arrays[name] for name in _EMBEDDINGS)
    if (options.ndim, steps.ndim, whole.ndim) != (2, 1, 1) or 0 < whole.size < options.shape[1]:
        shapes = ", ".join(f"{name!r} {arrays[name].shape}" for name in _EMBEDDINGS)
        raise Error(f"{path} is damaged: these shapes don't go together: {shapes}")
    size, summaries = options.shape[1], max(whole.size - options.shape[1], 0)
    numbers, width = steps.size * len(options) + summaries, steps.size * size + whole.size
    if numbers * width > _LARGEST_PROJECTION:
        raise Error(f"{path} is too large: its designs would have {numbers:,} times {width:,} weights")
    projection = np.zeros((numbers, width))
    for step, weight in enumerate(steps):
        rows = slice(step * len(options), (step + 1) * len(options))
        projection[rows, step * size : (step + 1) * size] = options * weight
        if whole.size:
            projection[rows, width - size :] = options * whole[summaries:]
    places = np.arange(summaries)
    projection[numbers - summaries + places, steps.size * size + places] = whole[:summaries]
    kept = {name: array for name, array in arrays.items() if name not in _EMBEDDINGS}
    new = {"structured": np.zeros(1), "centre": np.zeros(numbers), "scales": np.zeros(0)}
    return {**kept, **new, "projection": projection}
