"""`Metric`: what "good" means on the data, and what guessing gives. One is a function and a line here."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.extensions import METRIC, file_of, names_code, short_name

# What a target is: one of several classes, or a number.
Predicts = Literal["class", "number"]
Values = NDArray[np.float64]
# (outputs, y) → value. Outputs are probabilities, float64 [n, classes], and y classes, int64 [n]; or both are
# numbers, float64 [n], in the target's unit for a user's own metric and standardised for `METRICS`.
MetricFunction = Callable[[Values, NDArray[Any]], float]

_LEAST_GUESS = 1e-12


@dataclass(frozen=True)
class Metric:
    """How good a network's outputs are on one part of the data.

    A search compares designs by the metric's *score*: higher is better and 1 the best that there is. It is
    the value itself, or of a metric that measures an error the share of the guess's error that is gone,
    1 − value / guess (a skill score, as in forecasting: Murphy 1988, Monthly Weather Review 116).

    Attributes:
        name: by which it is asked for.
        predicts: what targets it is for; None for any.
        is_error: whether lower values are better; 0 is the best then.
        in_target_units: whether its value is in the unit of a number that is predicted.
        takes_units: whether numbers must be given to it in the target's unit, see `metric_in_unit`; others
            say of standardised ones the same, or with `in_target_units` as many deviations.
        constant: the number that guessing says, of the training targets.
    """

    name: str
    function: MetricFunction
    what: str = ""
    predicts: Predicts | None = None
    is_error: bool = False
    in_target_units: bool = False
    takes_units: bool = False
    constant: Callable[[NDArray[Any]], Any] = np.mean

    def value(self, outputs: Values, y: NDArray[Any]) -> float:
        """Of outputs and targets, as `MetricFunction` takes them; in units of the targets given."""
        return float(self.function(outputs, y))

    def guess(self, y_train: NDArray[Any], y: NDArray[Any], num_classes: int) -> float:
        """The value on targets y of saying always the same, which the training targets tell: how frequent
        each class is, or their mean (or what `constant` says).
        """
        if num_classes == 1:
            outputs = np.full(len(y), float(self.constant(y_train)))
            return self.value(outputs, y.astype(np.float64))
        shares = np.bincount(y_train, minlength=num_classes) / len(y_train)
        return self.value(np.tile(shares, (len(y), 1)), y)

    def score(self, value: float, guess: float) -> float:
        """Higher is better, 1 is the best."""
        return 1 - value / max(guess, _LEAST_GUESS) if self.is_error else value


@dataclass(frozen=True)
class Objective:
    """A metric on the data of a search.

    Attributes:
        metric: its name.
        guess: what guessing gives on the validation part, a value of the metric.
        is_error: as `Metric` has it.
    """

    metric: str
    guess: float
    is_error: bool = False

    @property
    def score_name(self) -> str:
        """What the scores are, for people."""
        return f"validation skill by {self.metric}" if self.is_error else f"validation {self.metric}"

    def value_of(self, score: float) -> float:
        """The metric's value that a score of a design stands for."""
        return (1 - score) * self.guess if self.is_error else score


def _accuracy(outputs: Values, y: NDArray[Any]) -> float:
    return float((outputs.argmax(axis=1) == y).mean())


# scikit-learn's figures, without it: each worker took longer to import it than a short training takes.
def _balanced_accuracy(outputs: Values, y: NDArray[Any]) -> float:
    right = outputs.argmax(axis=1) == y
    return float(np.mean([right[y == number].mean() for number in np.unique(y)]))


def _f1_macro(outputs: Values, y: NDArray[Any]) -> float:
    said = outputs.argmax(axis=1)
    both = [
        2 * ((said == number) & (y == number)).sum() / ((said == number).sum() + (y == number).sum())
        for number in np.union1d(said, y)
    ]
    return float(np.mean(both))


def _auroc(outputs: Values, y: NDArray[Any]) -> float:
    present = np.unique(y)
    areas = [_area(outputs[:, number], y == number) for number in present if len(present) > 1]
    return float(np.mean(areas)) if areas else 0.5


def _area(values: Values, positive: NDArray[np.bool_]) -> float:
    """Under the ROC curve: the share of pairs of a positive and another in which it has the higher value,
    equal ones counting half (Mann & Whitney's U).
    """
    if np.isnan(values).any():
        return np.nan  # which has no place in an order
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    hits = positive.sum()
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * (len(values) - hits)))


def _log_loss(outputs: Values, y: NDArray[Any]) -> float:
    smallest = np.finfo(np.float64).eps
    return float(-np.log(outputs[np.arange(len(y)), y].clip(smallest, 1 - smallest)).mean())


def _r2(outputs: Values, y: NDArray[Any]) -> float:
    left, all_there_is = float(((y - outputs) ** 2).sum()), float(((y - y.mean()) ** 2).sum())
    if len(y) < 2 or (all_there_is == 0 and left != 0):
        return 0.0
    return 1 - left / all_there_is if all_there_is else 1.0


def _rmse(outputs: Values, y: NDArray[Any]) -> float:
    return float(np.sqrt(((y - outputs) ** 2).mean()))


def _mae(outputs: Values, y: NDArray[Any]) -> float:
    return float(np.abs(outputs - y).mean())


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", _accuracy, "share of the examples that is right, 0–1", "class"),
        Metric("balanced-accuracy", _balanced_accuracy, "mean over the classes of the share right", "class"),
        Metric("f1-macro", _f1_macro, "mean over the classes of their F1", "class"),
        Metric("auroc", _auroc, "area under the ROC curve, mean over the classes against the rest", "class"),
        Metric("log-loss", _log_loss, "mean cross-entropy, nats", "class", is_error=True),
        Metric("r2", _r2, "share of the variance that is explained", "number"),
        Metric("rmse", _rmse, "root mean squared error", "number", is_error=True, in_target_units=True),
        Metric(
            "mae",
            _mae,
            "mean absolute error",
            "number",
            is_error=True,
            in_target_units=True,
            constant=np.median,
        ),
    )
}  # fmt: skip
ACCURACY = METRICS["accuracy"]
DEFAULTS: Mapping[Predicts, str] = {"class": "accuracy", "number": "r2"}


def metric_digest(name: str) -> str:
    """A text that changes with a metric, of a user's own also with the content of its file."""
    file = file_of(name)
    return (
        name if file is None else f"{short_name(name)}:{hashlib.sha256(file.read_bytes()).hexdigest()[:20]}"
    )


def metric_name(metric: str | MetricFunction | None) -> str | None:
    """The text by which every process knows a metric that may be given as a function.

    Raises:
        ValueError: for a function that isn't at the top level of a file.
    """
    if metric is None or isinstance(metric, str):
        return metric
    return METRIC.text_of(metric, getattr(metric, "__qualname__", type(metric).__name__))


def metric_of(name: str | None, predicts: Predicts) -> Metric:
    """A metric by its name, an installed package's (entry points of the group `rl_designer.metrics`), or a
    user's own, `file.py:function`, whose file is run: a `MetricFunction` of which more is better.

    Args:
        name: None for the usual one: accuracy, or r2.

    Raises:
        ValueError: for an unknown name, and a metric that isn't for such targets.
    """
    name = name or DEFAULTS[predicts]
    known = METRICS.get(name)
    fitting = [metric.name for metric in METRICS.values() if metric.predicts == predicts]
    if known is not None and known.predicts != predicts:
        what = {"class": "classes", "number": "a number"}[predicts]
        raise Error(f"the metric {name} is not for data that predict {what}; use one of {', '.join(fitting)}")
    if known is None and not names_code(name) and name not in METRIC.installed(METRICS):
        raise Error(f"{unknown_name('metric', name, fitting)} Your own: file.py:function.")
    return known or Metric(short_name(name), METRIC.load(name, METRICS), takes_units=True)
