"""`Standardisation`: what is learned of the training part's inputs, their mean and deviation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.errors import Error

Values = NDArray[np.float64]


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
