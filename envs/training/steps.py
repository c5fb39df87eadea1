"""What a candidate's short training and a winner's full one share: randomness, layout, steps, changes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from rl_designer.envs.datasets.texts.symbols import UNKNOWN
from rl_designer.envs.layers.padding import takes_symbols
from rl_designer.envs.networks.cpu_modules import faster_signal_network, use_faster_modules
from rl_designer.envs.training.optimizers import Optimizers
from rl_designer.envs.training.settings import TrainingSettings

_SHIFTED_SHARE = 8
_DROPPED = 1 / 3  # of the symbols


def _nothing() -> None:
    pass


@contextmanager
def own_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's global generators, which dropout reads, are seeded inside and put back afterwards."""
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        for name in cuda:
            with torch.cuda.device(name):
                torch.cuda.manual_seed(seed)
        yield


def placed(network: nn.Module, x: Tensor) -> nn.Module:
    """The network on the device of inputs `x`, float32 [n, *input_shape], or symbols of texts [n, length], in
    the form that is fastest.
    """
    if x.ndim == 3 or takes_symbols(network):
        network = faster_signal_network(network)
    elif x.ndim == 4:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if x.device.type == "cpu":
        use_faster_modules(network)
    return network.to(x.device)


def laid_out(x: Tensor) -> Tensor:
    """A batch in the memory format of a `placed` network."""
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def computed_in(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Around forward passes, whose products are then computed in one of `PRECISIONS`."""
    return nullcontext() if precision == "float32" else torch.autocast(device.type, dtype=torch.bfloat16)


def steps_an_epoch(examples: int, settings: TrainingSettings) -> int:
    """An incomplete batch is left out, others in each epoch: a batch norm can't take a batch of one."""
    return max(1, examples // settings.batch_for(examples))


def train_epoch(
    network: nn.Module,
    optimizers: Optimizers,
    x: Tensor,
    y: Tensor,
    settings: TrainingSettings,
    *,
    num_classes: int,
    epoch: int,
    shuffle: torch.Generator,
    change: torch.Generator,
    before_step: Callable[[], None] = _nothing,
    after_step: Callable[[], None] = _nothing,
) -> float:
    """One pass over examples x, y, float32 [n, *input_shape] and int64 [n], or float32 [n] where a number is
    predicted; the sum of the batches' losses.

    Args:
        epoch: from 0; says where in the cycle the learning rate is.
        shuffle, change: of the order, and of the augmentation; on the CPU.
    """
    size, steps = settings.batch_for(len(x)), steps_an_epoch(len(x), settings)
    network.train()
    parameters = list(network.parameters())  # once: finding them takes a while in each step
    order = torch.randperm(len(x), generator=shuffle)[: steps * size].to(x.device)
    total = torch.zeros((), device=x.device)
    weights = class_weights(y, num_classes, settings)
    for step, chosen in enumerate(order.split(size), start=epoch * steps):
        before_step()
        batch = x[chosen]
        if settings.augment:
            batch = augment(settings.augment, batch, change)
        for parameter in parameters:
            parameter.grad = None
        with computed_in(settings.precision, x.device):
            loss = _loss(network(laid_out(batch)), y[chosen], settings.label_smoothing, weights)
        loss.backward()
        optimizers.step(settings.learning_rate_at(step, settings.epochs * steps))
        after_step()
        total += loss.detach()
    return float(total)


def _loss(output: Tensor, y: Tensor, label_smoothing: float, weights: Tensor | None) -> Tensor:
    if output.ndim == 3:  # [n, members, outputs]: each member of an ensemble learns by its own loss
        y, output = y.repeat_interleave(output.shape[1]), output.flatten(0, 1)
    if weights is None:
        return loss_of(output, y, label_smoothing=label_smoothing)
    # Not by torch's own weights, by which smoothing would push all examples towards the rare classes.
    each = cross_entropy(output, y, label_smoothing=label_smoothing, reduction="none")
    return (each * weights[y]).mean()


def loss_of(output: Tensor, y: Tensor, **options: Any) -> Tensor:
    """Cross-entropy of logits [n, classes] and classes; or of outputs [n, 1] and numbers the squared error.

    Args:
        y: int64 [n] or float32 [n].
        options: of the cross-entropy; `reduction` of both.
    """
    if y.is_floating_point():
        return mse_loss(output[:, 0], y, reduction=options.get("reduction", "mean"))
    return cross_entropy(output, y, **options)


def class_weights(y: Tensor, num_classes: int, settings: TrainingSettings) -> Tensor | None:
    """The weight of each class in the loss, float32 [classes], for training examples of y; None for none.

    `balanced`: each class weighs as much as any other, n / (classes · its examples), as scikit-learn has it.
    """
    if settings.class_weights == "none" or y.is_floating_point():
        return None
    counts = torch.bincount(y, minlength=num_classes).clamp(min=1)
    return len(y) / (num_classes * counts.float())


def augment(name: str, batch: Tensor, generator: torch.Generator) -> Tensor:
    """A changed copy of a batch, float [n, channels, *sizes]; of texts [n, length], numbers of symbols.

    Args:
        name: a name of `AUGMENTATIONS`.
        generator: on the CPU, whatever the batch's device, so that all devices see the same changes.
    """
    for change in _CHANGES[name]:
        batch = change(batch, generator)
    return batch


def _flip(batch: Tensor, generator: torch.Generator) -> Tensor:
    mirrored = (torch.rand(len(batch), generator=generator) < 0.5).to(batch.device)
    return torch.where(mirrored.view(-1, 1, 1, 1), batch.flip(-1), batch)


def _shift(batch: Tensor, generator: torch.Generator) -> Tensor:
    # The border's value moves in: zero is no background once the data is standardised.
    for dimension in range(2, batch.ndim):
        size = batch.shape[dimension]
        most = size // _SHIFTED_SHARE
        offsets = torch.randint(-most, most + 1, (len(batch), 1), generator=generator).to(batch.device)
        source = (torch.arange(size, device=batch.device) - offsets).clamp(0, size - 1)
        shape = [len(batch)] + [1] * (batch.ndim - 1)
        shape[dimension] = size
        batch = batch.gather(dimension, source.view(shape).expand_as(batch))
    return batch


def _erase(batch: Tensor, generator: torch.Generator) -> Tensor:
    """Cutout (DeVries & Taylor 2017, arXiv:1708.04552) with squares of any size up to half of the shorter
    side, around any point, filled with 0, the mean of standardised data.
    """
    height, width = batch.shape[2:]
    halves = torch.randint(0, min(height, width) // 4 + 1, (len(batch), 1), generator=generator)
    inside = []
    for size in (height, width):
        centres = torch.randint(0, size, (len(batch), 1), generator=generator)
        inside.append((torch.arange(size) - centres).abs() < halves)
    erased = (inside[0].unsqueeze(2) & inside[1].unsqueeze(1)).unsqueeze(1)
    return batch.masked_fill(erased.to(batch.device), 0.0)


def _drop_symbols(batch: Tensor, generator: torch.Generator) -> Tensor:
    """Word dropout (Iyyer et al. 2015, section 3.2), which leaves the places of the words; padding stays."""
    dropped = (torch.rand(batch.shape, generator=generator) < _DROPPED).to(batch.device)
    return batch.masked_fill(dropped & (batch > UNKNOWN), UNKNOWN)


_CHANGES: Mapping[str, Sequence[Callable[[Tensor, torch.Generator], Tensor]]] = {
    "shift": (_shift,),
    "flip-shift": (_flip, _shift),
    "flip-shift-erase": (_flip, _shift, _erase),
    "drop-symbols": (_drop_symbols,),
}
