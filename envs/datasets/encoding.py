"""What is learned of the training part: its classes, and the mean and deviation of its inputs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError
from rl_designer.envs.errors import Error


def encode_labels(
    labels: Mapping[str, NDArray[Any]], where: str
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    """Class numbers, int64 [n] for each part, and the classes' names in order.

    Whole numbers are ordered as numbers, texts as texts. The training part decides which classes there are.

    Args:
        labels: part (`train`, and perhaps `val` and `test`) to labels: integers, truth values, texts, or
            floats that are whole; [n] or [n, 1].
        where: the file or name, for errors.

    Raises:
        DatasetError: for labels of another type or shape, NaN, fractions, a single class, or a class that
            the training part doesn't have.
    """
    plain = {part: _plain(values, f"the labels of {where}") for part, values in labels.items()}
    if len({values.dtype.kind for values in plain.values()}) > 1:
        raise DatasetError(f"the labels of {where} must be all numbers or all text, got both")
    classes = np.unique(plain["train"])
    if len(classes) < 2:
        found = f"only {str(classes[0])!r}" if len(classes) else "none"
        raise DatasetError(f"{where} must have at least 2 classes to tell apart, found {found}")
    for part, values in plain.items():
        strange = np.setdiff1d(values, classes)
        if len(strange):
            raise DatasetError(
                f"class {str(strange[0])!r} of {where} is in its {part} part but not in training"
            )
    encoded = {part: np.searchsorted(classes, values).astype(np.int64) for part, values in plain.items()}
    return encoded, tuple(str(name) for name in classes)


def _plain(values: NDArray[Any], what: str) -> NDArray[Any]:
    """Labels as int64 [n] or text [n]."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        one_hot = values.ndim == 2 and values.dtype.kind in "biuf" and (np.sort(values)[:, :-1] == 0).all()
        remedy = "save y.argmax(axis=1)" if one_hot else "several labels an example can't be learned"
        raise DatasetError(
            f"{what} must be one label an example, shape [n], got shape {list(values.shape)}; {remedy}"
        )
    if values.dtype.kind in "biu":
        return values.astype(np.int64)
    if values.dtype.kind == "U":
        return np.char.strip(values)
    if values.dtype.kind == "S":
        return np.char.strip(np.char.decode(values, "utf-8", "replace"))
    if values.dtype.kind != "f":
        raise DatasetError(f"{what} must be integers or text, got type {values.dtype}")
    return _whole(values, what)


def _whole(values: NDArray[Any], what: str) -> NDArray[np.int64]:
    """Floats as int64 [n], where each is a whole number."""
    numbers = values.astype(np.float64)
    wrong = ~np.isfinite(numbers) | (numbers != np.round(numbers)) | (np.abs(numbers) > 2**53)
    if wrong.any():
        row = int(wrong.argmax())
        raise DatasetError(
            f"{what} must be classes (whole numbers or text), got {numbers[row]:g} at example {row}"
        )
    return numbers.astype(np.int64)


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
