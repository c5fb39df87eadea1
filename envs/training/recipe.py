"""`train_candidate`: one architecture becomes one `Evaluation`, on tensors in memory."""

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Bars, Evaluation
from rl_designer.envs.networks.network import build_network
from rl_designer.envs.search_spaces.costs import costs
from rl_designer.envs.seeding import seed_of
from rl_designer.envs.training.optimizers import optimizers_of
from rl_designer.envs.training.settings import TrainingSettings
from rl_designer.envs.training.steps import (
    computed_in,
    laid_out,
    own_randomness,
    placed,
    train_epoch,
)
from rl_designer.envs.workers.devices import one_thread
from rl_designer.envs.workers.failures import DIVERGED, failure_of, failure_text, out_of_time

__all__ = ["TrainingData", "TrainingSettings", "train_candidate"]

Builder = Callable[..., nn.Module]

_SCORING_BATCH = 512
_LATENCY_RUNS = 9


@dataclass(frozen=True, eq=False)
class TrainingData:
    """A data set's training and validation parts as tensors on one device.

    Attributes:
        x_train: float32 [n, *input_shape].
        y_train: int64 [n], classes from 0 to `num_classes` - 1.
        x_val, y_val: the same of the validation part.
    """

    x_train: Tensor
    y_train: Tensor
    x_val: Tensor
    y_val: Tensor
    num_classes: int

    @classmethod
    def of(cls, parts: Sequence[NDArray[Any]], num_classes: int, device: str) -> Self:
        """`parts` are the four arrays in the order above; on the CPU they are shared where they can be."""
        # Torch warns of arrays that can't be written to, so those are copied.
        usable = [np.require(part, requirements=["C", "W"]) for part in parts]
        x_train, y_train, x_val, y_val = (torch.from_numpy(part).to(device) for part in usable)
        return cls(x_train, y_train, x_val, y_val, num_classes)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return tuple(self.x_train.shape[1:])

    @property
    def device(self) -> torch.device:
        return self.x_train.device


class _Failed(Exception):
    """The training can't go on; the text is the evaluation's failure."""


class _Clock:
    """The time since it was made, and the limit on it."""

    def __init__(self, limit: float | None) -> None:
        self._limit = limit
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def check(self) -> None:
        if self._limit is not None and self.seconds > self._limit:
            raise _Failed(out_of_time(self._limit))


def train_candidate(
    architecture: Architecture,
    data: TrainingData,
    settings: TrainingSettings,
    *,
    seed: int,
    time_limit: float | None = None,
    bars: Bars = MappingProxyType({}),
    build: Builder = build_network,
) -> Evaluation:
    """Trains one architecture on the training part and scores it on the validation part.

    On the CPU the same arguments give the same result to the bit, times aside: one thread is used, and
    torch's global generators are neither read nor moved. Whatever the candidate raises becomes a `failure`.

    Args:
        architecture: complete.
        seed: of weights, batches, augmentation and dropout.
        time_limit: seconds, checked before each step; None is without limit.
        bars: where it is stopped; one that never is gives the same result as without any.
        build: makes the network, as `build_network`.
    """
    clock = _Clock(time_limit)
    known: dict[str, Any] = {"seed": seed, "device": str(data.device), "val_examples": len(data.y_val)}
    scores: list[tuple[float, float]] = []
    best = 0.0
    try:
        with one_thread(), own_randomness(seed, data.device):
            known |= asdict(costs(architecture, data.input_shape, data.num_classes))
            weights = torch.Generator().manual_seed(seed)
            network = build(architecture, data.input_shape, data.num_classes, generator=weights)
            network = placed(network, data.x_train)
            for score in _epochs(network, data, settings, seed, clock):
                scores.append(score)  # what came before an exception stays in the list
                best = max(best, score[0])
                stopped = best < bars.get(len(scores), 0.0)
                if stopped:
                    break
            known["training_seconds"] = clock.seconds
            known["latency_seconds"] = _latency(network, data)
        return Evaluation.trained(scores, stopped=stopped, **known)
    except Exception as error:
        failure = str(error) if isinstance(error, _Failed) else failure_of(error)
        known["training_seconds"] = clock.seconds
    if data.device.type == "cuda":
        torch.cuda.empty_cache()
    curve = tuple(accuracy for accuracy, _ in scores)
    return Evaluation.failed(failure, learning_curve=curve, epochs=len(curve), **known)


def _epochs(
    network: nn.Module, data: TrainingData, settings: TrainingSettings, seed: int, clock: _Clock
) -> Iterator[tuple[float, float]]:
    """Validation accuracy and loss after each epoch."""
    optimizers = optimizers_of(network, settings)
    shuffle = torch.Generator().manual_seed(seed_of(seed, "batches"))
    change = torch.Generator().manual_seed(seed_of(seed, "augmentation"))
    for epoch in range(settings.epochs):
        total = train_epoch(
            network,
            optimizers,
            data.x_train,
            data.y_train,
            settings,
            epoch=epoch,
            shuffle=shuffle,
            change=change,
            before_step=clock.check,
        )
        _check_finite(total, "training loss", epoch)
        accuracy, val_loss = _score(network, data, settings.precision)
        _check_finite(val_loss, "validation loss", epoch)
        yield accuracy, val_loss


def _check_finite(loss: float, name: str, epoch: int) -> None:
    if not math.isfinite(loss):
        raise _Failed(failure_text(DIVERGED, f"the {name} is {loss} in epoch {epoch + 1}"))


@torch.inference_mode()
def _score(network: nn.Module, data: TrainingData, precision: str) -> tuple[float, float]:
    """Accuracy, 0 to 1, and mean cross-entropy in nats, of the validation part."""
    network.eval()
    correct = torch.zeros((), dtype=torch.int64, device=data.device)
    loss = torch.zeros((), dtype=torch.float64, device=data.device)
    for x, y in zip(data.x_val.split(_SCORING_BATCH), data.y_val.split(_SCORING_BATCH), strict=True):
        with computed_in(precision, data.device):
            logits = network(laid_out(x)).float()
        correct += (logits.argmax(dim=1) == y).sum()
        loss += cross_entropy(logits, y, reduction="sum").double()
    return int(correct) / len(data.y_val), float(loss) / len(data.y_val)


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
    return statistics.median(seconds[2:])
