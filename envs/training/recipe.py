"""`train_candidate`: one architecture becomes one `Evaluation`, on tensors in memory."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean, median
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Bars, Evaluation, passed
from rl_designer.envs.metrics import ACCURACY, Metric
from rl_designer.envs.networks.network import build_network
from rl_designer.envs.search_spaces.costs import costs
from rl_designer.envs.seeding import seed_of
from rl_designer.envs.training.optimizers import optimizers_of
from rl_designer.envs.training.settings import TrainingSettings
from rl_designer.envs.training.steps import (
    computed_in,
    laid_out,
    loss_of,
    own_randomness,
    placed,
    train_epoch,
)
from rl_designer.envs.workers.devices import one_thread
from rl_designer.envs.workers.failures import DIVERGED, failure_of, failure_text, out_of_time

__all__ = ["Scoring", "TrainingData", "TrainingSettings", "train_candidate"]

Builder = Callable[..., nn.Module]

_SCORING_BATCH = 512
_LATENCY_RUNS = 9
MOST_RECALLS = 256  # classes whose shares an evaluation tells


@dataclass(frozen=True, eq=False)
class TrainingData:
    """A data set's training and validation parts as tensors on one device.

    Attributes:
        x_train: float32 [n, *input_shape].
        y_train: int64 [n], classes from 0 to `num_classes` - 1; or float32 [n], standardised numbers.
        x_val, y_val: the same of the validation part.
        folds: int8 [n], the fold of each training example, from 1; the validation part is fold 0. Empty where
            there are none.
        num_classes: outputs of a network; 1 where a number is predicted.
    """

    x_train: Tensor
    y_train: Tensor
    x_val: Tensor
    y_val: Tensor
    folds: Tensor
    num_classes: int

    @classmethod
    def of(cls, parts: Sequence[NDArray[Any]], num_classes: int, device: str) -> Self:
        """`parts` are the five arrays in the order above; on the CPU they are shared where they can be."""
        # Torch warns of arrays that can't be written to, so those are copied.
        usable = [np.require(part, requirements=["C", "W"]) for part in parts]
        x_train, y_train, x_val, y_val, folds = (torch.from_numpy(part).to(device) for part in usable)
        return cls(x_train, y_train, x_val, y_val, folds, num_classes)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return tuple(self.x_train.shape[1:])

    @property
    def device(self) -> torch.device:
        return self.x_train.device

    def fold(self, number: int) -> Self:
        """The same examples with those of a fold for validation; 0 is the data as they are."""
        if number == 0:
            return self
        held = self.folds == number
        x, y = (
            torch.cat(pair) for pair in ((self.x_train[~held], self.x_val), (self.y_train[~held], self.y_val))
        )
        return replace(self, x_train=x, y_train=y, x_val=self.x_train[held], y_val=self.y_train[held])

    def examples_validated(self, folds: int) -> int:
        """How many examples so many folds have together."""
        return len(self.y_val) + int((self.folds < folds).sum()) * (folds > 1)

    def guess(self, metric: Metric) -> float:
        """What guessing gives on the validation part, see `Metric.guess`."""
        return metric.guess(self.y_train.cpu().numpy(), self.y_val.cpu().numpy(), self.num_classes)


class _Failed(Exception):
    """The training can't go on; the text is the evaluation's failure."""


class _GivenUp(Exception):
    """The deadline came before the training's end."""


class _Clock:
    """The time since it was made, the limit on it, and when to give up."""

    def __init__(self, limit: float | None, deadline: float | None) -> None:
        self._limit = limit
        self._deadline = deadline
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def check(self) -> None:
        if self._limit is not None and self.seconds > self._limit:
            raise _Failed(out_of_time(self._limit))
        if passed(self._deadline):
            raise _GivenUp


@dataclass(frozen=True)
class _Scored:
    """A network on a validation part.

    Attributes:
        score: by the metric, see `Metric.score`.
        loss: mean cross-entropy in nats, or the mean squared error.
        right, examples: of each class, int64 [classes]; None where a number is predicted.
    """

    score: float
    loss: float
    right: NDArray[np.int64] | None
    examples: NDArray[np.int64] | None

    @classmethod
    def mean(cls, folds: Sequence[Self]) -> Self:
        """Of several validation parts, each of one fold."""
        if len(folds) == 1:
            return folds[0]
        score, loss = (fmean(getattr(fold, name) for fold in folds) for name in ("score", "loss"))
        if folds[0].right is None:
            return cls(score, loss, None, None)
        right, examples = (
            np.sum([getattr(f, name) for f in folds], axis=0) for name in ("right", "examples")
        )
        return cls(score, loss, right, examples)

    def known(self, metric: Metric) -> dict[str, Any]:
        """What an evaluation has of it beside the curve."""
        if self.right is None or self.examples is None:
            return {}
        pairs = zip(self.right.tolist(), self.examples.tolist(), strict=True)
        recalls = tuple(right / examples if examples else None for right, examples in pairs)
        figures: dict[str, Any] = {"val_recalls": recalls if len(recalls) <= MOST_RECALLS else ()}
        return figures if metric is ACCURACY else figures | {"val_accuracy": self.accuracy}

    @property
    def accuracy(self) -> float:
        assert self.right is not None and self.examples is not None  # classes are predicted
        return int(self.right.sum()) / int(self.examples.sum())


@dataclass(frozen=True)
class Scoring:
    """How candidates are scored.

    Attributes:
        folds: how many; see `Evaluation`.
    """

    metric: Metric = ACCURACY
    folds: int = 1


def train_candidate(
    architecture: Architecture,
    data: TrainingData,
    settings: TrainingSettings,
    *,
    seed: int,
    scoring: Scoring = Scoring(),
    time_limit: float | None = None,
    deadline: float | None = None,
    bars: Bars = MappingProxyType({}),
    build: Builder = build_network,
) -> Evaluation | None:
    """Trains one architecture on the training part and scores it on the validation part.

    On the CPU the same arguments give the same result to the bit, times aside: one thread is used, and
    torch's global generators are neither read nor moved. Whatever the candidate raises becomes a `failure`.

    Args:
        architecture: complete.
        seed: of weights, batches, augmentation and dropout.
        time_limit: seconds, checked before each step; None is without limit.
        deadline: when to give up, by `time.monotonic`, which is looked at as often; None for never.
        bars: where it is stopped; one that never is gives the same result as without any.
        build: makes the network, as `build_network`.

    Returns:
        None where it was given up.
    """
    clock, metric = _Clock(time_limit, deadline), scoring.metric
    known: dict[str, Any] = {
        "seed": seed,
        "device": str(data.device),
        "val_examples": data.examples_validated(scoring.folds),
        "metric": None if metric is ACCURACY else metric.name,
        "folds": scoring.folds,
    }
    curve: list[float] = []
    try:
        with one_thread(), own_randomness(seed, data.device):
            known |= asdict(costs(architecture, data.input_shape, data.num_classes))
            training = _Candidate(architecture, data, settings, scoring, build, clock)
            for scored in training.run(seed):
                curve.append(scored.score)  # what came before an exception stays in the list
                so_far = Evaluation(learning_curve=tuple(curve), folds=scoring.folds)
                stopped = len(curve) in bars and so_far.standing(len(curve)) < bars[len(curve)]
                if stopped:
                    break
            known["training_seconds"] = clock.seconds
            known["latency_seconds"] = _latency(training.network, data)
        figures = {} if stopped else scored.known(metric)
        return Evaluation.trained(curve, scored.loss, stopped=stopped, **known, **figures)
    except _GivenUp:
        return None
    except Exception as error:
        failure = str(error) if isinstance(error, _Failed) else failure_of(error)
        known["training_seconds"] = clock.seconds
    if data.device.type == "cuda":
        torch.cuda.empty_cache()
    return Evaluation.failed(failure, learning_curve=tuple(curve), epochs=len(curve), **known)


class _Candidate:
    """One design's training on one fold after the other.

    Attributes:
        network: of the last fold.
    """

    network: nn.Module

    def __init__(
        self,
        architecture: Architecture,
        data: TrainingData,
        settings: TrainingSettings,
        scoring: Scoring,
        build: Builder,
        clock: _Clock,
    ) -> None:
        self._architecture, self._data, self._settings = architecture, data, settings
        self._scoring, self._build, self._clock = scoring, build, clock

    def run(self, seed: int) -> Iterator[_Scored]:
        """The mean over the folds so far after each epoch."""
        ended: list[_Scored] = []
        for number in range(self._scoring.folds):
            part = self._data.fold(number)
            scored = None
            for scored in self._fold(part, seed if number == 0 else seed_of(seed, "fold", number)):
                yield _Scored.mean([*ended, scored])
            assert scored is not None  # there is at least one epoch
            ended.append(scored)

    def _fold(self, data: TrainingData, seed: int) -> Iterator[_Scored]:
        """What each epoch gives on the fold's validation part."""
        settings = self._settings
        weights = torch.Generator().manual_seed(seed)
        network = self._build(self._architecture, data.input_shape, data.num_classes, generator=weights)
        self.network = network = placed(network, data.x_train)
        optimizers = optimizers_of(network, settings)
        shuffle = torch.Generator().manual_seed(seed_of(seed, "batches"))
        change = torch.Generator().manual_seed(seed_of(seed, "augmentation"))
        metric = self._scoring.metric
        guess = data.guess(metric) if metric.is_error else 0.0  # others are scored without it
        for epoch in range(settings.epochs):
            total = train_epoch(
                network,
                optimizers,
                data.x_train,
                data.y_train,
                settings,
                num_classes=data.num_classes,
                epoch=epoch,
                shuffle=shuffle,
                change=change,
                before_step=self._clock.check,
            )
            _check_finite(total, "training loss", epoch)
            scored = _score(network, data, settings.precision, metric, guess)
            _check_finite(scored.loss, "validation loss", epoch)
            _check_finite(scored.score, f"score by {metric.name}", epoch)
            yield scored


def _check_finite(loss: float, name: str, epoch: int) -> None:
    if not math.isfinite(loss):
        raise _Failed(failure_text(DIVERGED, f"the {name} is {loss} in epoch {epoch + 1}"))


@torch.inference_mode()
def _score(network: nn.Module, data: TrainingData, precision: str, metric: Metric, guess: float) -> _Scored:
    """A network on the validation part."""
    network.eval()
    loss = torch.zeros((), dtype=torch.float64, device=data.device)
    outputs = []
    for x, y in zip(data.x_val.split(_SCORING_BATCH), data.y_val.split(_SCORING_BATCH), strict=True):
        with computed_in(precision, data.device):
            output = network(laid_out(x)).float()
        loss += loss_of(output, y, reduction="sum").double()
        outputs.append(output)
    output, y, mean_loss = torch.cat(outputs), data.y_val, float(loss) / len(data.y_val)
    if not math.isfinite(mean_loss):
        return _Scored(0.0, mean_loss, None, None)
    if y.is_floating_point():
        value = metric.value(output[:, 0].double().cpu().numpy(), y.double().cpu().numpy())
        return _Scored(metric.score(value, guess), mean_loss, None, None)
    hits = (output.argmax(dim=1) == y).cpu().numpy()
    labels = y.cpu().numpy()
    examples = np.bincount(labels, minlength=data.num_classes)
    right = np.bincount(labels, weights=hits, minlength=data.num_classes).astype(np.int64)
    if metric is ACCURACY:
        return _Scored(int(hits.sum()) / len(labels), mean_loss, right, examples)
    value = metric.value(torch.softmax(output.double(), dim=1).cpu().numpy(), labels)
    return _Scored(metric.score(value, guess), mean_loss, right, examples)


@torch.inference_mode()
def _latency(network: nn.Module, data: TrainingData) -> float:
    """Seconds of one forward pass of one example, the median of some; the first ones only warm up."""
    network.eval()
    example, seconds = laid_out(data.x_val[:1]), []
    for _ in range(_LATENCY_RUNS + 2):
        started = time.perf_counter()
        network(example)
        if data.device.type == "cuda":
            torch.cuda.synchronize(data.device)
        seconds.append(time.perf_counter() - started)
    return median(seconds[2:])
