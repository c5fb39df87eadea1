"""Optimisers of a training, by their names in `OPTIMIZERS`. Imports torch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from rl_designer.envs.training.settings import TrainingSettings

# Torch marks these to be left out of what it compiles, and imports its compiler to do so: 1.5 seconds.
_MARKED = ("step", "add_param_group", "zero_grad", "state_dict", "load_state_dict")

AnyOptimizer = TypeVar("AnyOptimizer", bound=Optimizer)

# A parameter's index → name → tensor.
State = Mapping[int, Mapping[str, Tensor]]


def uncompiled(optimizer: type[AnyOptimizer]) -> type[AnyOptimizer]:
    """The same optimiser, without its marks: its use doesn't import torch's compiler."""
    methods = {name: inspect.unwrap(getattr(optimizer, name)) for name in _MARKED}
    methods["step"] = torch.no_grad()(methods["step"])
    return type(optimizer.__name__, (optimizer,), methods)


_AdamW, _Muon = uncompiled(torch.optim.AdamW), uncompiled(torch.optim.Muon)
_SGD = uncompiled(torch.optim.SGD)
_MOMENTUM = 0.9


class Optimizers:
    """One or more optimisers of different parameters of a network, used as one."""

    def __init__(self, *parts: Optimizer) -> None:
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
    return Optimizers(_fused_adamw(groups, settings))


def _muon(
    matrices: list[nn.Parameter], vectors: list[nn.Parameter], settings: TrainingSettings
) -> Optimizers:
    """Muon knows matrices alone; a kernel is the matrix of its outputs by all the rest."""
    orders = [_order(kernel) for kernel in matrices]
    # Views of the kernels' memory: what moves them moves the network.
    views = [_as_matrix(kernel.detach(), order) for kernel, order in zip(matrices, orders, strict=True)]
    muon = _Muon(
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
    return Optimizers(muon, _fused_adamw(rest, settings))


def _sgd(matrices: list[nn.Parameter], vectors: list[nn.Parameter], settings: TrainingSettings) -> Optimizers:
    """Torch adds its weight decay to the gradient, where momentum would multiply it; here it is apart."""
    on_cpu = all(parameter.is_cpu for parameter in (*matrices, *vectors))
    sgd = _SGD(
        [{"params": matrices}, {"params": vectors}],
        lr=settings.learning_rate,
        momentum=_MOMENTUM,
        nesterov=True,
        foreach=not on_cpu,
    )

    @torch.no_grad()
    def decay(*_: object) -> None:
        for kernel in matrices:
            kernel.mul_(1 - sgd.param_groups[0]["lr"] * settings.weight_decay)

    sgd.register_step_pre_hook(decay)
    return Optimizers(sgd)


def _fused_adamw(groups: list[dict[str, Any]], settings: TrainingSettings) -> torch.optim.AdamW:
    on_cpu = all(parameter.is_cpu for group in groups for parameter in group["params"])
    return (_AdamWOnCpu if on_cpu else _AdamW)(groups, lr=settings.learning_rate, fused=True)


@uncompiled
class _AdamWOnCpu(torch.optim.AdamW):
    """Torch's fused steps, to the bit, with one count of steps for all parameters. Torch counts them for each
    parameter, which takes longer than the arithmetic of a small network.
    """

    _prepared: _Prepared | None = None

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        prepared = self._prepared
        if prepared is None or prepared.states is not self.state or not prepared.has_gradients():
            self._step_apart()
            return
        prepared.count.add_(1)
        for group, averages, squares in prepared.groups:
            torch._fused_adamw_(
                group["params"],
                [parameter.grad for parameter in group["params"]],
                averages,
                squares,
                [],
                [prepared.count] * len(averages),
                lr=group["lr"],
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )

    def _step_apart(self) -> None:
        for state in self.state.values():
            state["step"] = state["step"].clone()
        inspect.unwrap(torch.optim.AdamW.step)(self)
        self._prepared = _Prepared.of(self)


@dataclass(frozen=True)
class _Prepared:
    """What steps of an optimiser take, while its `states` are these: for each group its averages of gradients
    and of their squares.
    """

    states: object
    count: Tensor
    groups: list[tuple[dict[str, Any], list[Tensor], list[Tensor]]]

    @classmethod
    def of(cls, optimizer: torch.optim.AdamW) -> _Prepared | None:
        """None where the parameters haven't all taken the same number of steps, or none at all."""
        states = [optimizer.state.get(parameter, {}) for parameter in _parameters(optimizer)]
        if not all(states) or len({float(state["step"]) for state in states}) != 1:
            return None
        for state in states:
            state["step"] = states[0]["step"]
        groups = []
        for group in optimizer.param_groups:
            own = [optimizer.state[parameter] for parameter in group["params"]]
            groups.append(
                (group, [state["exp_avg"] for state in own], [state["exp_avg_sq"] for state in own])
            )
        return cls(optimizer.state, states[0]["step"], [group for group in groups if group[1]])

    def has_gradients(self) -> bool:
        return all(parameter.grad is not None for group, _, _ in self.groups for parameter in group["params"])


def _order(kernel: Tensor) -> list[int]:
    """Dimensions from the widest step in memory to the narrowest, behind the first."""
    steps = kernel.stride()
    return [0, *sorted(range(1, kernel.ndim), key=lambda dimension: -steps[dimension])]


def _as_matrix(kernel: Tensor, order: list[int]) -> Tensor:
    return kernel.permute(order).view(len(kernel), -1)


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _as_laid_out(value: Tensor, parameter: Tensor) -> Tensor:
    """In the parameter's memory format: the fused optimiser takes it for granted."""
    if value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, requires_grad=False).copy_(value)


_BUILDERS: Mapping[str, Callable[[list[nn.Parameter], list[nn.Parameter], TrainingSettings], Optimizers]] = {
    "adamw": _adamw,
    "muon": _muon,
    "sgd": _sgd,
}
