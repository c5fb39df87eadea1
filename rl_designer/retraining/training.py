"""`train_fully`: a network trained to the end, from its last checkpoint where there is one. Imports torch."""

import math
import time
from collections.abc import Callable
from pathlib import Path

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
from rl_designer.envs.workers.failures import DIVERGED, failure_text
from rl_designer.retraining.checkpoint import (
    Checkpoint,
    Record,
    read_checkpoint,
    write_checkpoint,
    write_weights,
)
from rl_designer.retraining.settings import FullSettings
from rl_designer.retraining.shapes import shape_for, takes_features

SECONDS_BETWEEN_CHECKPOINTS = 20.0

# Called after each epoch: epochs done, and the epoch's mean training loss in nats.
Heard = Callable[[int, float], None]


class Diverged(Exception):
    """The loss is no number any more; the text is the failure."""


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


def train_fully(
    architecture: Architecture,
    x: Tensor,
    y: Tensor,
    num_classes: int,
    settings: FullSettings,
    *,
    seed: int,
    weights: Path,
    checkpoint: Path,
    heard: Heard = lambda epochs, loss: None,
    seconds_between: float = SECONDS_BETWEEN_CHECKPOINTS,
) -> Record:
    """Trains, and writes the weights in the form of `build_network` as safetensors.

    After an epoch, at most every `seconds_between`, all that the rest depends on goes to `checkpoint`. An
    epoch's randomness is made of the seed and the epoch alone, so that a training that was killed and is
    called again ends, on the CPU, with weights equal to the bit to one that never stopped.

    Args:
        x, y: float32 [n, *input_shape] and int64 [n], on the device to train on.

    Raises:
        Diverged: where the loss is no number any more.
        ValueError: for a checkpoint that can't be read.
    """
    with one_thread():
        start = torch.Generator().manual_seed(seed)
        shape = shape_for(architecture, x.shape[1:])
        network = build_network(architecture, shape, num_classes, generator=start)
        shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
        training = _Training(_ready(network, architecture, x), x, y, settings, seed)
        if checkpoint.exists():
            parameters = sum(parameter.numel() for parameter in network.parameters())
            training.restore(read_checkpoint(checkpoint, seed, parameters))
        training.run(checkpoint, heard, seconds_between)
        training.average.into_network()
        write_weights(weights, training.network.state_dict(), shapes, training.record)
        checkpoint.unlink(missing_ok=True)
    return training.record


def _ready(network: nn.Module, architecture: Architecture, x: Tensor) -> nn.Module:
    """The network on the device of the inputs. One on features flattens them, after they were augmented."""
    if takes_features(architecture) and x.ndim > 2:
        return nn.Sequential(nn.Flatten(), network).to(x.device)
    return placed(network, x)


class _Training:
    """A network, its optimiser, its average, and how far they are."""

    def __init__(self, network: nn.Module, x: Tensor, y: Tensor, settings: FullSettings, seed: int) -> None:
        self.network, self.x, self.y, self.settings, self.seed = network, x, y, settings, seed
        self.optimizers = optimizers_of(network, settings)
        self.steps = steps_an_epoch(len(x), settings)
        self.average = _Average(network, settings, settings.epochs * self.steps)
        self.losses: list[float] = []
        self._began = time.monotonic()

    @property
    def record(self) -> Record:
        return Record(self.seed, tuple(self.losses), time.monotonic() - self._began, str(self.x.device))

    def run(self, checkpoint: Path, heard: Heard, seconds_between: float) -> None:
        saved = time.monotonic()
        for epoch in range(len(self.losses), self.settings.epochs):
            loss = self._epoch(epoch)
            if not math.isfinite(loss):
                raise Diverged(failure_text(DIVERGED, f"the training loss is {loss} in epoch {epoch + 1}"))
            self.losses.append(loss)
            if time.monotonic() - saved >= seconds_between and epoch + 1 < self.settings.epochs:
                write_checkpoint(checkpoint, self._checkpoint())
                saved = time.monotonic()
            heard(epoch + 1, loss)

    def _epoch(self, epoch: int) -> float:
        with own_randomness(seed_of(self.seed, "dropout", epoch), self.x.device):
            total = train_epoch(
                self.network,
                self.optimizers,
                self.x,
                self.y,
                self.settings,
                epoch=epoch,
                shuffle=self._generator("batches", epoch),
                change=self._generator("augmentation", epoch),
                after_step=self.average.update,
            )
        return total / self.steps

    def _generator(self, name: str, epoch: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed_of(self.seed, name, epoch))

    def _checkpoint(self) -> Checkpoint:
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
