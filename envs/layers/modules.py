"""The torch modules that kinds of layers are made of. Imports torch, so nothing imports this eagerly."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """A body beside a skip, and a function of their sum (ResNet, arXiv:1512.03385)."""

    def __init__(self, body: nn.Module, skip: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.body, self.skip, self.activation = body, skip, activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.body(x) + self.skip(x))


class InvertedResidual(nn.Module):
    """A body, with the identity beside it where `has_skip` says so (MobileNetV2, arXiv:1801.04381)."""

    def __init__(self, body: nn.Module, has_skip: bool) -> None:
        super().__init__()
        self.body, self.has_skip = body, has_skip

    def forward(self, x: Tensor) -> Tensor:
        # In this order: a sum is laid out in memory as its first term is.
        return x + self.body(x) if self.has_skip else self.body(x)


class SqueezeExcitation(nn.Module):
    """Scales each channel by a gate that sees all channels' averages (arXiv:1709.01507)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, squeezed)
        self.excite = nn.Linear(squeezed, channels)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean(dim=tuple(range(2, x.dim())))
        gates = torch.sigmoid(self.excite(torch.relu(self.squeeze(means))))
        return x * gates.reshape(gates.shape + (1,) * (x.dim() - 2))


class Cell(nn.Module):
    """A graph: each node is the sum of what its edges make of their sources; node 0 is the input, the last
    one the output.

    Args:
        edges: the module of each (source, target), by target.
    """

    def __init__(self, edges: Mapping[tuple[int, int], nn.Module]) -> None:
        super().__init__()
        self.ends = tuple(edges)
        self.edges = nn.ModuleDict({f"{source}_{target}": edges[source, target] for source, target in edges})

    def forward(self, x: Tensor) -> Tensor:
        nodes = {0: x}
        for (source, target), operation in zip(self.ends, self.edges.values(), strict=True):
            value = operation(nodes[source])
            nodes[target] = nodes[target] + value if target in nodes else value
        return nodes[self.ends[-1][1]]
