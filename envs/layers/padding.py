"""Layers on texts, which end before the map does. Between them flow pairs: a map [n, channels, length] and
where it is padding, bool [n, 1, length], after the text's end. Padding is kept at zero, as what convolutions
see beyond a map's end; attention doesn't look at it, and a global pooling doesn't count it. So an output
depends on the text alone, not on how long its padding is. Imports torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rl_designer.envs.layers.kind import PADDING
from rl_designer.envs.layers.modules import Attention, InvertedResidual, Residual, SqueezeExcitation

Padded = tuple[Tensor, Tensor]


class Embedding(nn.Embedding):
    """Numbers of symbols, [n, length] of any type, to a vector each, and where there is padding."""

    def __init__(self, symbols: int, width: int) -> None:
        # Weights that torch would draw on the meta device have it import sympy, for longer than a training.
        super().__init__(symbols, width, _weight=torch.empty(symbols, width))
        self.padding_idx = PADDING

    def forward(self, input: Tensor) -> Padded:  # type: ignore[override]
        padding = input == PADDING
        # Of an empty text the first position counts, which is zeros, so that there is something to pool.
        padding = padding & (torch.arange(input.shape[1], device=input.device) > 0)
        return super().forward(input.long()).transpose(1, 2), padding.unsqueeze(1)


class ImageEmbedding(Embedding):
    """The same for maps [n, channels, 1, length], laid out with the channels last."""

    def forward(self, input: Tensor) -> Padded:  # type: ignore[override]
        x, padding = super().forward(input)
        return x.unsqueeze(2), padding.unsqueeze(2)


class OnPadded(nn.Module):
    """A layer on maps.

    Args:
        stride: how far on the next position of its output stands.
        learns: whether it may make something of zeros.
    """

    def __init__(self, layer: nn.Module, stride: int, learns: bool) -> None:
        super().__init__()
        self.layer, self.stride, self.learns = layer, stride, learns
        if isinstance(layer, Attention):
            layer.padded = True

    def forward(self, given: Padded) -> Padded:
        x, padding = given
        after = strided(padding, self.stride)
        if isinstance(self.layer, Attention):
            x = self.layer(x, padding)
        elif isinstance(self.layer, Residual):
            x = self.layer.activation(_body(self.layer.body, x, padding) + self.layer.skip(x))
        elif isinstance(self.layer, InvertedResidual):
            made = _body(self.layer.body, x, padding)
            x = x + made if self.layer.has_skip else made
        else:
            x = self.layer(x)
        after = after[..., : x.shape[-1]]
        return x * ~after if self.learns else x, after


def strided(padding: Tensor, stride: int) -> Tensor:
    """Where there is padding after a stride: where the first of the positions is that one was made of."""
    return padding if stride == 1 else padding[..., ::stride]


def _body(body: nn.Module, x: Tensor, padding: Tensor) -> Tensor:
    """A block's layers one after the other. What the first ones have made of padding is zero again before
    a convolution looks at it.
    """
    for number, module in enumerate(body.children()):
        if isinstance(module, SqueezeExcitation):
            x = module(x, padding)
            continue
        if number > 0 and isinstance(module, nn.Conv1d | nn.Conv2d) and max(module.kernel_size) > 1:
            x = x * ~padding
        x = module(x)
        if isinstance(module, nn.Conv1d | nn.Conv2d):
            padding = strided(padding, module.stride[-1])
    return x


class PaddedPool(nn.Module):
    """A global pooling, `average` or `max`, over a text's own positions."""

    def __init__(self, operation: str) -> None:
        super().__init__()
        self.operation = operation

    def forward(self, given: Padded) -> Tensor:
        x, padding = (values.flatten(2) for values in given)
        if self.operation == "max":
            return x.masked_fill(padding, -torch.inf).amax(dim=2)
        return (x * ~padding).sum(dim=2) / (~padding).sum(dim=2)


def takes_symbols(network: nn.Module) -> bool:
    """Whether it is a text's network."""
    return any(isinstance(module, Embedding) for module in network.modules())


@dataclass(frozen=True)
class Place:
    """A layer of a text's network: role and options, see `Kind`, and its stride."""

    role: str
    stride: int
    operation: str = ""


def on_padded(layers: Sequence[nn.Module], places: Sequence[Place]) -> list[nn.Module]:
    """The layers of a text's network, from its embedding on, so that padding doesn't count."""
    made: list[nn.Module] = [layers[0]]
    on_maps = True
    for layer, place in zip(layers[1:], places[1:], strict=True):
        if on_maps and place.role == "global-pool":
            on_maps = False
            made.append(PaddedPool(place.operation))
        else:
            learns = place.role in ("feature", "attention")
            made.append(OnPadded(layer, place.stride, learns) if on_maps else layer)
    return made
