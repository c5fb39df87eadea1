"""What a candidate's short training and a winner's full one share: randomness, layout, steps."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from rl_designer.envs.networks.cpu_modules import faster_signal_network, use_faster_modules
from rl_designer.envs.training.augmentation import augment
from rl_designer.envs.training.optimizers import Optimizers
from rl_designer.envs.training.settings import TrainingSettings


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
    """The network on the device of inputs `x`, float32 [n, *input_shape], in the form that is fastest."""
    if x.ndim == 3:
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
    epoch: int,
    shuffle: torch.Generator,
    change: torch.Generator,
    before_step: Callable[[], None] = _nothing,
    after_step: Callable[[], None] = _nothing,
) -> float:
    """One pass over examples x, y, float32 [n, *input_shape] and int64 [n]; the sum of the batches' losses.

    Args:
        epoch: from 0; says where in the cycle the learning rate is.
        shuffle, change: of the order, and of the augmentation; on the CPU.
    """
    size, steps = settings.batch_for(len(x)), steps_an_epoch(len(x), settings)
    network.train()
    parameters = list(network.parameters())  # once: finding them takes a while in each step
    order = torch.randperm(len(x), generator=shuffle)[: steps * size].to(x.device)
    total = torch.zeros((), device=x.device)
    for step, chosen in enumerate(order.split(size), start=epoch * steps):
        before_step()
        batch = x[chosen]
        if settings.augment:
            batch = augment(settings.augment, batch, change)
        for parameter in parameters:
            parameter.grad = None
        with computed_in(settings.precision, x.device):
            loss = _loss(network, batch, y[chosen], settings)
        loss.backward()
        optimizers.step(settings.learning_rate_at(step, settings.epochs * steps))
        after_step()
        total += loss.detach()
    return float(total)


def _loss(network: nn.Module, x: Tensor, y: Tensor, settings: TrainingSettings) -> Tensor:
    return cross_entropy(network(laid_out(x)), y, label_smoothing=settings.label_smoothing)
