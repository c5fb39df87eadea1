"""`train_candidate`: one architecture becomes one `Evaluation`, on tensors in memory."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from statistics import median
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Bars, Evaluation, passed
from rl_designer.envs.metrics import ACCURACY
from rl_designer.envs.networks.network import build_network
from rl_designer.envs.search_spaces.costs import costs
from rl_designer.envs.seeding import seed_of
from rl_designer.envs.training.data import TrainingData
from rl_designer.envs.training.optimizers import optimizers_of
from rl_designer.envs.training.scoring import Scored, Scoring, score
from rl_designer.envs.training.settings import TrainingSettings
from rl_designer.envs.training.steps import laid_out, own_randomness, placed, train_epoch
from rl_designer.envs.workers.devices import one_thread
from rl_designer.envs.workers.failures import DIVERGED, failure_of, failure_text, out_of_time

Builder = Callable[..., nn.Module]

_LATENCY_RUNS = 9


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


def train_candidate(
    architecture: Architecture,
    data: TrainingData,
    settings: TrainingSettings,
    *,
    seed: int,
    scoring: Scoring = Scoring(),  # noqa: B008 (frozen)
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
        settings: where the architecture doesn't say how it is trained.
        seed: of weights, batches, augmentation and dropout.
        time_limit: seconds, checked before each step; None is without limit.
        deadline: when to give up, by `time.monotonic`, which is looked at as often; None for never.
        bars: where it is stopped; one that never is gives the same result as without any.
        build: makes the network, as `build_network`.

    Returns:
        None where it was given up.
    """
    clock, metric = _Clock(time_limit, deadline), scoring.metric
    known = _known_before(data, scoring, seed)
    curve: list[float] = []
    try:
        with one_thread(), own_randomness(seed, data.device):
            known |= asdict(costs(architecture, data.input_shape, data.num_classes))
            how = settings.decided_by(architecture)
            training = _Candidate(architecture, data, how, scoring, build, clock)
            for scored in training.run(seed):
                curve.append(scored.score)  # what came before an exception stays in the list
                if stopped := _falls_behind(curve, bars, scoring.folds):
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


def _known_before(data: TrainingData, scoring: Scoring, seed: int) -> dict[str, Any]:
    """What an evaluation says of a training however that ends."""
    return {
        "seed": seed,
        "device": str(data.device),
        "val_examples": data.examples_validated(scoring.folds),
        "metric": None if scoring.metric is ACCURACY else scoring.metric.name,
        "folds": scoring.folds,
    }


def _falls_behind(curve: Sequence[float], bars: Bars, folds: int) -> bool:
    """Whether the training is below the bar of the epoch that it has come to."""
    so_far = Evaluation(learning_curve=tuple(curve), folds=folds)
    return len(curve) in bars and so_far.standing(len(curve)) < bars[len(curve)]


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

    def run(self, seed: int) -> Iterator[Scored]:
        """The mean over the folds so far after each epoch."""
        ended: list[Scored] = []
        for number in range(self._scoring.folds):
            part = self._data.fold(number)
            scored = None
            for scored in self._fold(part, seed if number == 0 else seed_of(seed, "fold", number)):
                yield Scored.mean([*ended, scored])
            assert scored is not None  # there is at least one epoch
            ended.append(scored)

    def _fold(self, data: TrainingData, seed: int) -> Iterator[Scored]:
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
            scored = score(network, data, settings.precision, metric, guess)
            _check_finite(scored.loss, "validation loss", epoch)
            _check_finite(scored.score, f"score by {metric.name}", epoch)
            yield scored


def _check_finite(loss: float, name: str, epoch: int) -> None:
    if not math.isfinite(loss):
        raise _Failed(failure_text(DIVERGED, f"the {name} is {loss} in epoch {epoch + 1}"))


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
