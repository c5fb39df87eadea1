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


class Inception(nn.Module):
    """Convolutions side by side on what a bottleneck makes, a pool of the input beside them, and what is done
    with all of their channels together (InceptionTime, arXiv:1909.04939).
    """

    def __init__(
        self, bottleneck: nn.Module, branches: Sequence[nn.Module], pooled: nn.Module, together: nn.Module
    ) -> None:
        super().__init__()
        self.bottleneck, self.branches = bottleneck, nn.ModuleList(branches)
        self.pooled, self.together = pooled, together

    def forward(self, x: Tensor) -> Tensor:
        narrow = self.bottleneck(x)
        parts = [*(branch(narrow) for branch in self.branches), self.pooled(x)]
        return self.together(torch.cat(parts, dim=1))


class SqueezeExcitation(nn.Module):
    """Scales each channel by a gate that sees all channels' averages (arXiv:1709.01507)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, squeezed)
        self.excite = nn.Linear(squeezed, channels)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        if padding is None:
            means = x.mean(dim=tuple(range(2, x.dim())))
        else:  # of a text, see `layers/padding.py`
            means = (x * ~padding).flatten(2).sum(dim=2) / (~padding).flatten(2).sum(dim=2)
        gates = torch.sigmoid(self.excite(torch.relu(self.squeeze(means))))
        return x * gates.reshape(gates.shape + (1,) * (x.dim() - 2))


class Attention(nn.Module):
    """Self-attention and two linear maps, each beside a skip, on [n, channels, length] or [n, channels, 1,
    length]; see `layers/attention.py`.

    Attributes:
        padded: whether it gets where there is padding as well, bool [n, 1, length] or [n, 1, 1, length],
            which nothing attends to.
    """

    def __init__(self, width: int, heads: int, expansion: int) -> None:
        super().__init__()
        self.heads, self.scale, self.padded = heads, (width // heads) ** -0.5, False
        self.norm = nn.LayerNorm(width)
        self.inputs, self.outputs = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.last_norm = nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, expansion * width), nn.GELU(), nn.Linear(expansion * width, width)
        )

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        rows = x.flatten(2).transpose(1, 2)
        given = self.inputs(self.norm(rows) + places(rows))
        query, key, value = given.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(2, 3) * self.scale
        if padding is not None:
            scores = scores.masked_fill(padding.flatten(2).unsqueeze(1), -torch.inf)
        seen = (scores.softmax(dim=3) @ value).transpose(1, 2).flatten(2)
        rows = rows + self.outputs(seen)
        rows = rows + self.feed(self.last_norm(rows))
        return rows.transpose(1, 2).reshape(x.shape)


def places(rows: Tensor) -> Tensor:
    """Where each position of [n, length, channels] stands, as sines [length, channels]."""
    _, length, width = rows.shape
    place = torch.arange(length, device=rows.device).unsqueeze(1)
    channel = torch.arange(width, device=rows.device)
    angle = place / 10_000 ** (channel // 2 * 2 / width) + channel % 2 * (torch.pi / 2)
    return angle.sin()


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
