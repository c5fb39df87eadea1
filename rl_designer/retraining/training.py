"""One full training, in a worker: a part at a time, each from the last one's checkpoint. Imports torch."""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.networks.network import build_network
from rl_designer.envs.seeding import seed_of
from rl_designer.envs.training.optimizers import optimizers_of
from rl_designer.envs.training.steps import (
    own_randomness,
    placed,
    steps_an_epoch,
    train_epoch,
)
from rl_designer.envs.workers.devices import one_thread
from rl_designer.envs.workers.engines import read_arrays
from rl_designer.envs.workers.failures import DIVERGED, failure_text
from rl_designer.envs.workers.pool import Lost
from rl_designer.jobs.jobs import Unfinished
from rl_designer.retraining.checkpoint import (
    Checkpoint,
    Record,
    checkpoint_bytes,
    checkpoint_of,
    weights_bytes,
)
from rl_designer.retraining.settings import FullSettings, shape_for, takes_features

PART_SECONDS = 10.0


class Diverged(Exception):
    """The loss is no number any more; the text is the failure."""


@dataclass(frozen=True)
class Task:
    """One training: a network and a seed.

    Attributes:
        seed: of everything random.
        checkpoint: the file of its checkpoint, for people: workers read and write no files.
        symbols: of texts, how many there are; 0 for other data.
    """

    architecture: Architecture
    num_classes: int
    settings: FullSettings
    seed: int
    checkpoint: str
    symbols: int = 0


@dataclass(frozen=True)
class Part:
    """What a training has come to.

    Attributes:
        content: of the file: of the weights, in the form of `build_network`, where it is `finished`; else of
            a checkpoint, which is all that the rest depends on.
    """

    content: bytes
    record: Record
    finished: bool


_data: tuple[Tensor, Tensor] | None = None


def prepare_worker(folder: str, device: str) -> None:
    """In a worker, before its first task; `x` and `y`, which are trained on, lie in the folder."""
    global _data
    x, y = (
        torch.from_numpy(np.require(part, requirements=["C", "W"]))
        for part in read_arrays(Path(folder), "xy")
    )
    _data = x.to(device), y.to(device)


def train_in_worker(task: Task, checkpoint: bytes | None = None) -> bytes | Unfinished | Lost:
    """A worker's task: the weights, or after `PART_SECONDS` a checkpoint to go on with."""
    assert _data is not None  # the pool has prepared this process
    try:
        part = train_part(task, *_data, checkpoint, PART_SECONDS)
    except Diverged as error:
        return Lost(str(error))
    losses = part.record.losses
    return part.content if part.finished else Unfinished(part.content, (len(losses), losses[-1]))


class _Average:
    """The exponential moving average of a network's weights and of its norms' statistics."""

    def __init__(self, network: nn.Module, settings: FullSettings, steps: int) -> None:
        self._live = [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]
        self.tensors = [tensor.detach().clone() for tensor in self._live]
        self._settings = settings
        self._steps = steps
        self.step = 0

    @torch.no_grad()
    def update(self) -> None:
        keep = self._settings.keep_of_average(self.step, self._steps)
        torch._foreach_lerp_(self.tensors, self._live, 1 - keep)
        self.step += 1

    @torch.no_grad()
    def into_network(self) -> None:
        for live, average in zip(self._live, self.tensors, strict=True):
            live.copy_(average)


def train_part(
    task: Task, x: Tensor, y: Tensor, checkpoint: bytes | None = None, seconds: float = math.inf
) -> Part:
    """Trains on, from the checkpoint where there is one, to the end, or to the first epoch's end after so
    many seconds.

    An epoch's randomness is made of the seed and the epoch alone, so that on the CPU the weights are equal to
    the bit, whatever the parts.

    Args:
        x, y: float32 [n, *input_shape] and int64 [n], or float32 [n], on the device to train on.

    Raises:
        Diverged: where the loss is no number any more.
        ValueError: for a checkpoint that can't be read.
    """
    with one_thread():
        start = torch.Generator().manual_seed(task.seed)
        shape = shape_for(task.architecture, [*([task.symbols] if task.symbols else []), *x.shape[1:]])
        network = build_network(task.architecture, shape, task.num_classes, generator=start)
        shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
        ready = _ready(network, task.architecture, x)
        training = _Training(ready, x, y, task.settings, task.seed, task.num_classes)
        if checkpoint is not None:
            parameters = sum(parameter.numel() for parameter in network.parameters())
            training.restore(checkpoint_of(checkpoint, task.checkpoint, task.seed, parameters))
        if not training.run(seconds):
            return Part(checkpoint_bytes(training.checkpoint()), training.record, False)
        training.average.into_network()
        weights = weights_bytes(training.network.state_dict(), shapes, training.record)
        return Part(weights, training.record, True)


def _ready(network: nn.Module, architecture: Architecture, x: Tensor) -> nn.Module:
    """The network on the device of the inputs. One on features flattens them, after they were augmented."""
    if takes_features(architecture) and x.ndim > 2:
        return nn.Sequential(nn.Flatten(), network).to(x.device)
    return placed(network, x)


class _Training:
    """A network, its optimiser, its average, and how far they are."""

    def __init__(
        self, network: nn.Module, x: Tensor, y: Tensor, settings: FullSettings, seed: int, num_classes: int
    ) -> None:
        self.network, self.x, self.y, self.settings, self.seed = network, x, y, settings, seed
        self.num_classes = num_classes
        self.optimizers = optimizers_of(network, settings)
        self.steps = steps_an_epoch(len(x), settings)
        self.average = _Average(network, settings, settings.epochs * self.steps)
        self.losses: list[float] = []
        self._began = time.monotonic()

    @property
    def record(self) -> Record:
        return Record(self.seed, tuple(self.losses), time.monotonic() - self._began, str(self.x.device))

    def run(self, seconds: float) -> bool:
        """Trains to the end, or for so many seconds; whether it is at the end."""
        until = time.monotonic() + seconds
        for epoch in range(len(self.losses), self.settings.epochs):
            loss = self._epoch(epoch)
            if not math.isfinite(loss):
                raise Diverged(failure_text(DIVERGED, f"the training loss is {loss} in epoch {epoch + 1}"))
            self.losses.append(loss)
            if time.monotonic() >= until:
                break
        return len(self.losses) >= self.settings.epochs

    def _epoch(self, epoch: int) -> float:
        with own_randomness(seed_of(self.seed, "dropout", epoch), self.x.device):
            total = train_epoch(
                self.network,
                self.optimizers,
                self.x,
                self.y,
                self.settings,
                num_classes=self.num_classes,
                epoch=epoch,
                shuffle=self._generator("batches", epoch),
                change=self._generator("augmentation", epoch),
                after_step=self.average.update,
            )
        return total / self.steps

    def _generator(self, name: str, epoch: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed_of(self.seed, name, epoch))

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.record, self.network.state_dict(), self.average.tensors, self.optimizers.state)

    @torch.no_grad()
    def restore(self, checkpoint: Checkpoint) -> None:
        self.network.load_state_dict(checkpoint.network)
        for average, saved in zip(self.average.tensors, checkpoint.average, strict=True):
            average.copy_(saved)
        self.average.step = len(checkpoint.record.losses) * self.steps
        self.optimizers.restore(checkpoint.optimizer)
        self.losses = list(checkpoint.record.losses)
        self._began -= checkpoint.record.seconds
