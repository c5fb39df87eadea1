"""The torch modules that kinds of layers are made of. Imports torch, so nothing imports this eagerly."""

import math
from abc import ABC, abstractmethod
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


class OwnWeights(nn.Module, ABC):
    """A module with weights of its own, which it draws itself.

    Those that are no matrices, such as frequencies and scales, it keeps as vectors: no weight decay pulls
    these to zero, and AdamW moves them.
    """

    @abstractmethod
    def draw(self, generator: torch.Generator) -> None:
        """Sets all of the module's own weights."""


class Periodic(OwnWeights):
    """Each feature, and linear maps of its sines and cosines times learned frequencies: [n, features] →
    [n, features * width], the features as they are first.

    Args:
        sigma: standard deviation of the frequencies as they are drawn.
        width: numbers that are made of a feature, itself included.
    """

    def __init__(self, features: int, frequencies: int, sigma: float, width: int) -> None:
        super().__init__()
        self.sigma = sigma
        self.frequencies = nn.Parameter(torch.empty(features * frequencies))
        self.weight = nn.Parameter(torch.empty(features, 2 * frequencies, width - 1))
        self.bias = nn.Parameter(torch.empty(features * (width - 1)))

    def draw(self, generator: torch.Generator) -> None:
        nn.init.normal_(self.frequencies, std=self.sigma, generator=generator)
        # The squares of a sine and its cosine add up to 1, so half of the waves is the fan-in.
        nn.init.normal_(self.weight, std=math.sqrt(2 / self.weight.shape[1]), generator=generator)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        angles = 2 * torch.pi * x.unsqueeze(2) * self.frequencies.reshape(x.shape[1], -1)
        waves = torch.cat([angles.sin(), angles.cos()], dim=2)
        mixed = torch.einsum("nfi,fio->nfo", waves, self.weight).flatten(1)
        return torch.cat([x, mixed + self.bias], dim=1)


class Piecewise(nn.Module):
    """Each feature, and how far it has come through each bin, -1 to 1: [n, features] →
    [n, features * (1 + bins)], the features as they are first.

    Args:
        edges: the bins' beginnings, and the end of the last.
    """

    def __init__(self, edges: Sequence[float]) -> None:
        super().__init__()
        self.edges = tuple(edges)

    def forward(self, x: Tensor) -> Tensor:
        edges = torch.tensor(self.edges, device=x.device)
        shares = ((x.unsqueeze(2) - edges[:-1]) / edges.diff()).clamp(0, 1)
        return torch.cat([x, 2 * shares.flatten(1) - 1], dim=1)


class Members(OwnWeights):
    """Each vector once for each member, times its scales: [n, features] → [n * members, features]. Scales are
    drawn as 1 or -1.
    """

    def __init__(self, members: int, features: int) -> None:
        super().__init__()
        self.members = members
        self.scale = nn.Parameter(torch.empty(members * features))

    def draw(self, generator: torch.Generator) -> None:
        with torch.no_grad():
            self.scale.copy_(2 * torch.randint(0, 2, self.scale.shape, generator=generator) - 1)

    def forward(self, x: Tensor) -> Tensor:
        return (x.unsqueeze(1) * self.scale.reshape(self.members, -1)).flatten(0, 1)


class MembersClassifier(OwnWeights):
    """A linear classifier for each member: [n * members, features] → [n, members, classes] while training;
    then the logarithm of the mean probability, or the mean number, [n, classes].
    """

    def __init__(self, members: int, features: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, classes, features))
        self.bias = nn.Parameter(torch.empty(members * classes))

    def draw(self, generator: torch.Generator) -> None:
        nn.init.normal_(self.weight, std=math.sqrt(1 / self.weight.shape[2]), generator=generator)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        members, classes, features = self.weight.shape
        answers = torch.einsum("nmf,mcf->nmc", x.reshape(-1, members, features), self.weight)
        answers = answers + self.bias.reshape(members, classes)
        if self.training:
            return answers
        if classes == 1:
            return answers.mean(dim=1)
        return answers.log_softmax(dim=2).logsumexp(dim=1) - math.log(members)
