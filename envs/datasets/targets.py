"""What the targets are, classes or a number, and how a network is told of them."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.datasets.errors import DatasetError
from rl_designer.envs.errors import unknown_name
from rl_designer.envs.metrics import Metric, Predicts

MOST_CODES = 20  # different whole numbers that are classes, whichever they are
_BINS = 10
_FEWEST_IN_A_BIN = 10
_MOST_DECIMALS = 15
_PREDICTS: tuple[Predicts, ...] = ("class", "number")


@dataclass(frozen=True)
class TargetScale:
    """A number that is predicted is `mean + deviation * output` of a network's one output.

    Attributes:
        mean, deviation: of the training part's targets, in their own unit; the deviation is above 0.
    """

    mean: float
    deviation: float

    def in_unit(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outputs, float64 [n], in the target's unit."""
        return self.mean + self.deviation * outputs

    def targets(self, y: NDArray[Any]) -> NDArray[np.float64]:
        """Standardised targets, [n] of float32's precision, in their own unit, without the decimals that are
        only float32's rounding: a 0 is 0 again.
        """
        rounding = self.deviation * np.spacing(np.abs(y).astype(np.float32)).astype(np.float64)
        rounding += np.spacing(np.abs(self.mean))
        tens = 10.0 ** np.clip(np.floor(-np.log10(rounding)), 0, _MOST_DECIMALS)
        rounded: NDArray[np.float64] = np.round(self.in_unit(y.astype(np.float64)) * tens) / tens
        return rounded


def scaled_targets(y: Mapping[str, NDArray[Any]]) -> tuple[dict[str, NDArray[Any]], TargetScale]:
    """Targets of all parts, float32, with the training part's mean and deviation."""
    train = y["train"]
    scale = TargetScale(float(train.mean()), float(train.std()) or 1.0)
    ready = {part: ((values - scale.mean) / scale.deviation).astype(np.float32) for part, values in y.items()}
    return ready, scale


def metric_in_unit(metric: Metric, scale: TargetScale | None) -> Metric:
    """A metric of standardised numbers, which are given to it in the target's unit where it takes them so.

    Args:
        scale: None for classes.
    """
    if scale is None or not metric.takes_units:
        return metric

    def value(outputs: NDArray[np.float64], y: NDArray[Any]) -> float:
        return metric.function(scale.in_unit(outputs), scale.targets(y))

    return replace(metric, function=value, takes_units=False)


@dataclass(frozen=True)
class Targets:
    """Encoded targets.

    Attributes:
        y: part to targets: int64 [n], classes from 0 up; or float64 [n], numbers as they are.
        class_names: by class number; () for a number.
        notes: what people should know of the reading, a line each.
    """

    y: Mapping[str, NDArray[Any]]
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def encode_targets(labels: Mapping[str, NDArray[Any]], predicts: Predicts | None, where: str) -> Targets:
    """Targets as classes or as numbers.

    Args:
        labels: part to labels, as `encode_labels` takes them, or numbers, [n] or [n, 1].
        predicts: None to tell by the labels. Fractions are a number. Whole numbers are a number where there
            are more than 20 different ones that don't count 0, 1, 2 … or 1, 2, 3 …, as codes do. All else are
            classes.
        where: the file or name, for errors.

    Raises:
        DatasetError: as `encode_labels`; for numbers that aren't finite, or all the same.
    """
    if predicts not in (None, *_PREDICTS):
        raise DatasetError(unknown_name("kind of target", str(predicts), _PREDICTS))
    if (predicts or _told(labels)) == "class":
        return Targets(*encode_labels(labels, where))
    y = {part: _as_numbers(values, where) for part, values in labels.items()}
    if not np.ptp(y["train"]):
        raise DatasetError(
            f"the target of {where} is {y['train'][0]:g} in every row: there is nothing to predict"
        )
    return Targets(y, (), () if predicts else _guessed(y["train"], where))


def _told(labels: Mapping[str, NDArray[Any]]) -> Predicts:
    """What labels are where nobody says."""
    values = np.concatenate([_one_axis(part) for part in labels.values()]) if labels else np.empty(0)
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        return "class"
    if values.dtype.kind == "f":
        known = values[np.isfinite(values)]
        if (known != np.round(known)).any():
            return "number"
        if len(known) < len(values):
            return "class"  # refused there, with the example
    distinct = np.unique(values)
    counted = any(np.array_equal(distinct, np.arange(len(distinct)) + first) for first in (0, 1))
    return "class" if len(distinct) <= MOST_CODES or counted else "number"


def _guessed(y: NDArray[np.float64], where: str) -> tuple[str, ...]:
    """What is said of whole numbers that were taken for a number."""
    if (y != np.round(y)).any():
        return ()
    return (
        f"{where}: the target has {len(np.unique(y)):,} different whole numbers, so it is predicted as a "
        "number; if they are classes, say --predicts class",
    )


def _one_axis(values: NDArray[Any]) -> NDArray[Any]:
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def _as_numbers(values: NDArray[Any], where: str) -> NDArray[np.float64]:
    values = _one_axis(values)
    if values.ndim != 1:
        raise DatasetError(
            f"the targets of {where} must be one number an example, shape [n], got shape {list(values.shape)}"
        )
    if values.dtype.kind == "U":
        with suppress(ValueError):
            values = values.astype(np.float64)
    if values.dtype.kind not in "biuf":
        raise DatasetError(
            f"the targets of {where} must be numbers to be predicted as such, got {str(values[0])!r}; "
            "leave --predicts away, or say --predicts class"
        )
    numbers = values.astype(np.float64)
    if missing := int((~np.isfinite(numbers)).sum()):
        first = int(np.isfinite(numbers).argmin())
        raise DatasetError(
            f"the targets of {where} must be finite, got {missing:,} that aren't, first {numbers[first]} at "
            f"example {first}; leave these examples out"
        )
    return numbers


def strata(y: NDArray[Any]) -> NDArray[np.int64]:
    """What a split takes its shares of, int64 [n] from 0 up: the classes, or as many examples of low, …, high
    numbers each.
    """
    if y.dtype.kind != "f":
        return y
    bins = max(1, min(_BINS, len(y) // _FEWEST_IN_A_BIN))
    ranks = np.argsort(np.argsort(y, kind="stable"), kind="stable")
    return (ranks * bins // len(y)).astype(np.int64)


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
