"""The torch modules that kinds of layers are made of. Imports torch, so nothing imports this eagerly."""

from collections.abc import Sequence
from typing import Any

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
        edges: `layers.cell.Edges`, each on a path from the input to the output, by target.
        operations: the module of each.
    """

    def __init__(self, edges: Sequence[Any], operations: Sequence[nn.Module]) -> None:
        super().__init__()
        self.edges = edges
        self.operations = nn.ModuleDict(
            {edge.name: operation for edge, operation in zip(edges, operations, strict=True)}
        )

    def forward(self, x: Tensor) -> Tensor:
        nodes = {0: x}
        for edge, operation in zip(self.edges, self.operations.values(), strict=True):
            value = operation(nodes[edge.source])
            nodes[edge.target] = nodes[edge.target] + value if edge.target in nodes else value
        return nodes[self.edges[-1].target]
