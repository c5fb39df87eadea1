"""Optimisers of a training, by their names in `OPTIMIZERS`. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from rl_designer.envs.evaluators.training_settings import TrainingSettings

# A parameter's index → name → tensor.
State = Mapping[int, Mapping[str, Tensor]]


class Optimizers:
    """One or more optimisers of different parameters of a network, used as one."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self._parts = parts

    def step(self, learning_rate: float) -> None:
        """Moves the parameters by their gradients."""
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = learning_rate
            part.step()

    @property
    def state(self) -> State:
        """All that later steps depend on, by the parameters' numbers through all parts."""
        state: dict[int, Mapping[str, Tensor]] = {}
        first = 0
        for part in self._parts:
            state |= {first + index: values for index, values in part.state_dict()["state"].items()}
            first += len(_parameters(part))
        return state

    @torch.no_grad()
    def restore(self, state: State) -> None:
        """The inverse of `state`."""
        first = 0
        for part in self._parts:
            parameters = _parameters(part)
            part.load_state_dict(
                {
                    **part.state_dict(),
                    "state": {
                        index: {
                            name: _as_laid_out(value, parameter)
                            for name, value in state[first + index].items()
                        }
                        for index, parameter in enumerate(parameters)
                        if first + index in state
                    },
                }
            )
            first += len(parameters)


def optimizers_of(network: nn.Module, settings: TrainingSettings) -> Optimizers:
    """The optimiser of the settings. The network's tensors must stay where they are, on their device.

    Weight decay pulls matrices and kernels towards zero; biases and norms have no reason to be there.
    """
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    return _BUILDERS[settings.optimizer](matrices, vectors, settings)


def _adamw(
    matrices: list[nn.Parameter], vectors: list[nn.Parameter], settings: TrainingSettings
) -> Optimizers:
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return Optimizers(torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True))


def _muon(
    matrices: list[nn.Parameter], vectors: list[nn.Parameter], settings: TrainingSettings
) -> Optimizers:
    """Muon knows matrices alone; a kernel is the matrix of its outputs by all the rest."""
    orders = [_order(kernel) for kernel in matrices]
    # Views of the kernels' memory: what moves them moves the network.
    views = [_as_matrix(kernel.detach(), order) for kernel, order in zip(matrices, orders, strict=True)]
    muon = torch.optim.Muon(
        [{"params": views}],
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        adjust_lr_fn="match_rms_adamw",  # so that one learning rate suits both optimisers
    )

    def take_gradients(*_: object) -> None:
        for kernel, order, view in zip(matrices, orders, views, strict=True):
            gradient = kernel.grad
            view.grad = None if gradient is None else gradient.permute(order).reshape(view.shape)

    muon.register_step_pre_hook(take_gradients)
    rest = [{"params": vectors, "weight_decay": 0.0}]
    return Optimizers(muon, torch.optim.AdamW(rest, lr=settings.learning_rate, fused=True))


def _order(kernel: Tensor) -> list[int]:
    """Dimensions from the widest step in memory to the narrowest, behind the first."""
    steps = kernel.stride()
    return [0, *sorted(range(1, kernel.ndim), key=lambda dimension: -steps[dimension])]


def _as_matrix(kernel: Tensor, order: list[int]) -> Tensor:
    return kernel.permute(order).view(len(kernel), -1)


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _as_laid_out(value: Tensor, parameter: Tensor) -> Tensor:
    """In the parameter's memory format: the fused optimiser takes it for granted."""
    if value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, requires_grad=False).copy_(value)


_BUILDERS: Mapping[str, Callable[[list[nn.Parameter], list[nn.Parameter], TrainingSettings], Optimizers]] = {
    "adamw": _adamw,
    "muon": _muon,
}
