"""The blocks that networks are made of, one a layer kind; the rank of the input decides between 1-D and 2-D.

Each takes the channels (or features) that it gets, the spatial rank, and the layer's options.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from rl_designer.envs.search_spaces.layer_kinds import squeezed_channels

_CONV: Mapping[int, type[nn.Conv1d | nn.Conv2d]] = {1: nn.Conv1d, 2: nn.Conv2d}
_NORM: Mapping[int, type[nn.BatchNorm1d | nn.BatchNorm2d]] = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}
_DROPOUT: Mapping[int, type[nn.Module]] = {0: nn.Dropout, 1: nn.Dropout1d, 2: nn.Dropout2d}
_POOL: Mapping[tuple[str, int], type[nn.Module]] = {
    ("max", 1): nn.MaxPool1d,
    ("max", 2): nn.MaxPool2d,
    ("average", 1): nn.AvgPool1d,
    ("average", 2): nn.AvgPool2d,
}
_GLOBAL_POOL: Mapping[tuple[str, int], type[nn.Module]] = {
    ("max", 1): nn.AdaptiveMaxPool1d,
    ("max", 2): nn.AdaptiveMaxPool2d,
    ("average", 1): nn.AdaptiveAvgPool1d,
    ("average", 2): nn.AdaptiveAvgPool2d,
}
_ACTIVATION: Mapping[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}


def _conv_norm(
    rank: int, channels: int, width: int, kernel: int, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    conv = _CONV[rank](channels, width, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False)
    return [conv, _NORM[rank](width)]


def conv(channels: int, rank: int, *, kernel: int, width: int, stride: int) -> nn.Module:
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(*_conv_norm(rank, channels, width, kernel, stride), nn.ReLU(inplace=True))


def separable(channels: int, rank: int, *, kernel: int, width: int, stride: int) -> nn.Module:
    """Depthwise then pointwise convolution, each with batch norm and ReLU (MobileNet, arXiv:1704.04861)."""
    return nn.Sequential(
        *_conv_norm(rank, channels, channels, kernel, stride, groups=channels),
        nn.ReLU(inplace=True),
        *_conv_norm(rank, channels, width, 1),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two convolutions beside a skip, which is projected where the shape changes (ResNet,
    arXiv:1512.03385).
    """

    def __init__(self, channels: int, rank: int, *, kernel: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_conv_norm(rank, channels, width, kernel, stride),
            nn.ReLU(inplace=True),
            *_conv_norm(rank, width, width, kernel),
        )
        projected = channels != width or stride != 1
        self.skip = (
            nn.Sequential(*_conv_norm(rank, channels, width, 1, stride)) if projected else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.skip(x))


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


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, optional squeeze-excitation, linear projection; a skip where the
    shape stays (MobileNetV2, arXiv:1801.04381). An expansion of 1 has no expanding convolution.
    """

    def __init__(
        self,
        channels: int,
        rank: int,
        *,
        expansion: int,
        kernel: int,
        width: int,
        stride: int,
        squeeze_excitation: bool,
    ) -> None:
        super().__init__()
        hidden = channels * expansion
        body: list[nn.Module] = []
        if expansion != 1:
            body += [*_conv_norm(rank, channels, hidden, 1), nn.ReLU(inplace=True)]
        body += [*_conv_norm(rank, hidden, hidden, kernel, stride, groups=hidden), nn.ReLU(inplace=True)]
        if squeeze_excitation:
            body.append(SqueezeExcitation(hidden, int(squeezed_channels(channels))))
        self.body = nn.Sequential(*body, *_conv_norm(rank, hidden, width, 1))
        self.has_skip = channels == width and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.has_skip else self.body(x)


def pool(channels: int, rank: int, *, operation: str) -> nn.Module:
    """Max or average over windows of 2."""
    return _POOL[operation, rank](2)


def dropout(channels: int, rank: int, *, rate: float) -> nn.Module:
    """Drops values of a vector, whole channels of a map."""
    return _DROPOUT[rank](rate)


def global_pool(channels: int, rank: int, *, operation: str) -> nn.Module:
    """Max or average over all positions: a map becomes a vector."""
    return nn.Sequential(_GLOBAL_POOL[operation, rank](1), nn.Flatten())


def _linear_norm(features: int, width: int, normalisation: str) -> list[nn.Module]:
    if normalisation == "batch":
        return [nn.Linear(features, width, bias=False), nn.BatchNorm1d(width)]
    linear = nn.Linear(features, width)
    return [linear, nn.LayerNorm(width)] if normalisation == "layer" else [linear]


def dense(channels: int, rank: int, *, width: int, activation: str, normalisation: str) -> nn.Module:
    """Linear map, normalisation, activation."""
    return nn.Sequential(*_linear_norm(channels, width, normalisation), _ACTIVATION[activation]())


class ResidualDense(nn.Module):
    """Two linear maps beside a skip, which is projected where the width changes."""

    def __init__(self, channels: int, rank: int, *, width: int, activation: str, normalisation: str) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_linear_norm(channels, width, normalisation),
            _ACTIVATION[activation](),
            *_linear_norm(width, width, normalisation),
        )
        self.skip = nn.Linear(channels, width, bias=False) if channels != width else nn.Identity()
        self.activation = _ACTIVATION[activation]()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.body(x) + self.skip(x))


BLOCKS: Mapping[str, Callable[..., nn.Module]] = {
    "conv": conv,
    "separable": separable,
    "residual": Residual,
    "inverted-residual": InvertedResidual,
    "pool": pool,
    "dropout": dropout,
    "global-pool": global_pool,
    "dense": dense,
    "residual-dense": ResidualDense,
}
