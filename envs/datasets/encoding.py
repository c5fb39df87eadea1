"""`Standardisation`: what is learned of the training part's inputs, their mean and deviation."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError
from rl_designer.envs.errors import Error

Values = NDArray[np.float64]

_CHUNK = 4096  # examples whose float64 copies are held at a time


@dataclass(frozen=True, eq=False)
class Standardisation:
    """What raw inputs become the inputs of a network by: `(x - mean) / deviation`.

    Attributes:
        mean, deviation: float64, one value for each feature or channel, in a shape that broadcasts against
            one example: [features], [channels, 1] or [channels, 1, 1]. Finite, deviations above 0.
    """

    mean: Values
    deviation: Values

    @classmethod
    def of_values(cls, mean: Sequence[float], deviation: Sequence[float], input_shape: Sequence[int]) -> Self:
        """Of plain numbers, as `distinct` gives them, for examples of a shape.

        Raises:
            ValueError: as `check_values`.
        """
        check_values(mean, deviation, input_shape)
        return cls(_spread(mean, input_shape), _spread(deviation, input_shape))

    def apply(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Raw inputs [n, *input_shape] as a network takes them, float32; computed in float64."""
        standardised: NDArray[np.float32] = ((x - self.mean) / self.deviation).astype(np.float32)
        return standardised

    def flattened(self, input_shape: Sequence[int]) -> Self:
        """The same for examples of `input_shape` that are read as features: one value for each of them."""
        mean, deviation = (np.broadcast_to(v, input_shape).ravel() for v in (self.mean, self.deviation))
        return type(self)(mean, deviation)


def distinct(values: Values) -> list[float]:
    """The fewest numbers that stand for as many neighbours each and tell all values: one where all are equal,
    one a channel where channels are read as features.
    """
    flat = values.ravel()
    for count in (count for count in range(1, flat.size + 1) if flat.size % count == 0):
        groups = flat.reshape(count, -1)
        if (groups == groups[:, :1]).all():
            return [float(value) for value in groups[:, 0]]
    return []


def check_values(mean: Sequence[float], deviation: Sequence[float], input_shape: Sequence[int]) -> None:
    """Looks at plain numbers without making anything of their size.

    Raises:
        ValueError: where they can't be shared out evenly to the features or channels of a shape, aren't
            finite, or a deviation isn't above 0.
    """
    for values in (mean, deviation):
        if not input_shape or not values or input_shape[0] % len(values):
            raise Error(
                f"{len(values)} numbers can't be shared out evenly to the channels of {list(input_shape)}"
            )
        if not all(map(math.isfinite, values)):
            raise Error("mean and deviation must be finite")
    if min(deviation) <= 0:
        raise Error(f"deviations must be above 0, got {min(deviation)}")


def _spread(values: Sequence[float], input_shape: Sequence[int]) -> Values:
    size = input_shape[0]
    flat = np.repeat(np.array(values, dtype=np.float64), size // len(values))
    return flat.reshape(size, *(1,) * (len(input_shape) - 1))


# -- of arrays -------------------------------------------------------------------------------------


def standardisation_of(x: NDArray[Any], where: str, unequal: bool) -> Standardisation:
    """Of the training part, for each index of axis 1. `unequal`: whether there are NaN, which don't count."""
    mean, deviation = _statistics(x, unequal)
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
        raise _not_standardised(where)
    deviation[deviation < 1e-12 * np.maximum(1.0, np.abs(mean))] = 1.0  # constant: stays, as zeros
    return Standardisation(mean[0], deviation[0])


def standardised(
    x: Mapping[str, NDArray[Any]], standardisation: Standardisation, where: str
) -> dict[str, NDArray[np.float32]]:
    """All parts, with the statistics of one of them; what isn't known becomes their mean, which is 0."""
    ready = {part: np.empty(values.shape, np.float32) for part, values in x.items()}
    for part, values in x.items():
        for start in range(0, len(values), _CHUNK):
            rows = slice(start, start + _CHUNK)
            with np.errstate(over="ignore", invalid="ignore"):
                ready[part][rows] = standardisation.apply(values[rows])
                if values.dtype.kind == "f":
                    ready[part][rows][np.isnan(values[rows])] = 0
        if not np.isfinite(ready[part]).all():
            raise _not_standardised(where)
    return ready


def _not_standardised(where: str) -> DatasetError:
    return DatasetError(f"the inputs of {where} are too large or too far apart to be standardised")


def _statistics(x: NDArray[Any], unequal: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation over all axes but 1, float64, shaped to broadcast against x."""
    axes = (0, *range(2, x.ndim))
    total = np.nansum if unequal else np.sum
    chunks = [x[start : start + _CHUNK] for start in range(0, len(x), _CHUNK)]
    count = x.size // x.shape[1]
    if unequal:  # a channel without any value in training becomes zeros
        count = np.maximum(sum((~np.isnan(chunk)).sum(axes, keepdims=True) for chunk in chunks), 1)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = sum(total(chunk, axes, np.float64, keepdims=True) for chunk in chunks) / count
        squares = sum(total((chunk - mean) ** 2, axes, np.float64, keepdims=True) for chunk in chunks)
        return mean, np.sqrt(squares / count)
