"""`train_candidate`: one architecture becomes one `Evaluation`, on tensors in memory."""

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluators.augmentation import augment
from rl_designer.envs.evaluators.base import Evaluation
from rl_designer.envs.evaluators.failures import DIVERGED, failure_of, failure_text, out_of_time
from rl_designer.envs.evaluators.signals import faster_signal_network
from rl_designer.envs.evaluators.training_settings import TrainingSettings
from rl_designer.envs.network import build_network
from rl_designer.envs.search_spaces.costs import costs
from rl_designer.envs.seeding import seed_of
from rl_designer.envs.torch_threads import one_thread

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
    build: Builder = build_network,
) -> Evaluation:
    """Trains one architecture on the training part and scores it on the validation part.

    On the CPU the same arguments give the same result to the bit, times aside: one thread is used, and
    torch's global generators are neither read nor moved. Whatever the candidate raises becomes a `failure`.

    Args:
        architecture: complete.
        seed: of weights, batches, augmentation and dropout.
        time_limit: seconds, checked before each step; None is without limit.
        build: makes the network, as `build_network`.
    """
    clock = _Clock(time_limit)
    known: dict[str, Any] = {"seed": seed, "device": str(data.device)}
    scores: list[tuple[float, float]] = []
    try:
        with one_thread(), _own_randomness(seed, data.device):
            known |= asdict(costs(architecture, data.input_shape, data.num_classes))
            weights = torch.Generator().manual_seed(seed)
            network = build(architecture, data.input_shape, data.num_classes, generator=weights)
            network = _placed(network, data)
            # What came before an exception stays in the list.
            scores.extend(_epochs(network, data, settings, seed, clock))
            known["training_seconds"] = clock.seconds
            known["latency_seconds"] = _latency(network, data)
            known |= dict(zip(("val_accuracy", "val_loss"), scores[-1], strict=True))
    except Exception as error:
        failure = str(error) if isinstance(error, _Failed) else failure_of(error)
        known |= {
            "failure": failure,
            "val_accuracy": None,
            "val_loss": None,
            "training_seconds": clock.seconds,
        }
    if "failure" in known and data.device.type == "cuda":
        torch.cuda.empty_cache()
    return Evaluation(learning_curve=tuple(accuracy for accuracy, _ in scores), epochs=len(scores), **known)


@contextmanager
def _own_randomness(seed: int, device: torch.device) -> Iterator[None]:
    # Dropout reads torch's global generators; they are seeded for this candidate and put back after it.
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        for name in cuda:
            with torch.cuda.device(name):
                torch.cuda.manual_seed(seed)
        yield


def _placed(network: nn.Module, data: TrainingData) -> nn.Module:
    """The network on the data's device, in the form that is fastest."""
    if data.x_train.ndim == 3:
        network = faster_signal_network(network)
    elif data.x_train.ndim == 4:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.to(data.device)


def _batch(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def _optimizer(network: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    # Decay pulls matrices and kernels towards zero; biases and norms have no reason to be there.
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)


def _epochs(
    network: nn.Module, data: TrainingData, settings: TrainingSettings, seed: int, clock: _Clock
) -> Iterator[tuple[float, float]]:
    """Validation accuracy and loss after each epoch."""
    examples = len(data.x_train)
    size = settings.batch_for(examples)
    steps = max(1, examples // size)
    optimizer = _optimizer(network, settings)
    shuffle = torch.Generator().manual_seed(seed_of(seed, "batches"))
    change = torch.Generator().manual_seed(seed_of(seed, "augmentation"))
    for epoch in range(settings.epochs):
        network.train()
        # An incomplete batch is left out, others in each epoch: a batch norm can't take a batch of one.
        order = torch.randperm(examples, generator=shuffle)[: steps * size].to(data.device)
        total = torch.zeros((), device=data.device)
        for step, chosen in enumerate(order.split(size), start=epoch * steps):
            clock.check()
            x = data.x_train[chosen]
            if settings.augment:
                x = augment(settings.augment, x, change)
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate_at(step, settings.epochs * steps)
            optimizer.zero_grad()
            loss = cross_entropy(
                network(_batch(x)), data.y_train[chosen], label_smoothing=settings.label_smoothing
            )
            loss.backward()
            optimizer.step()
            total += loss.detach()
        _check_finite(float(total), "training loss", epoch)
        accuracy, val_loss = _score(network, data)
        _check_finite(val_loss, "validation loss", epoch)
        yield accuracy, val_loss


def _check_finite(loss: float, name: str, epoch: int) -> None:
    if not math.isfinite(loss):
        raise _Failed(failure_text(DIVERGED, f"the {name} is {loss} in epoch {epoch + 1}"))


@torch.inference_mode()
def _score(network: nn.Module, data: TrainingData) -> tuple[float, float]:
    """Accuracy, 0 to 1, and mean cross-entropy in nats, of the validation part."""
    network.eval()
    correct = torch.zeros((), dtype=torch.int64, device=data.device)
    loss = torch.zeros((), dtype=torch.float64, device=data.device)
    for x, y in zip(data.x_val.split(_SCORING_BATCH), data.y_val.split(_SCORING_BATCH), strict=True):
        logits = network(_batch(x))
        correct += (logits.argmax(dim=1) == y).sum()
        loss += cross_entropy(logits, y, reduction="sum").double()
    return int(correct) / len(data.y_val), float(loss) / len(data.y_val)


@torch.inference_mode()
def _latency(network: nn.Module, data: TrainingData) -> float:
    """Seconds of one forward pass of one example, the median of some; the first ones only warm up."""
    network.eval()
    example, seconds = _batch(data.x_val[:1]), []
    for _ in range(_LATENCY_RUNS + 2):
        started = time.perf_counter()
        network(example)
        if data.device.type == "cuda":
            torch.cuda.synchronize(data.device)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[2:])
