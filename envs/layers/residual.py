"""`residual`: two convolutions beside a skip, which is projected where the shape changes."""

from typing import Any

from rl_designer.envs.layers import source
from rl_designer.envs.layers.conv import CONVOLUTION, conv_norm, fits_kernel, strided
from rl_designer.envs.layers.kind import Count, Effect, Kind, Module, Reach, Shape


def _effect(inputs: Shape, *, kernel: Count, width: Count, stride: Count) -> Effect:
    outputs = strided(inputs, width, stride)
    projected = (inputs.channels != width) | (stride != 1)
    weights = kernel**inputs.rank * (inputs.channels + width) * width + projected * inputs.channels * width
    norms = (2 + projected) * 2 * width
    # What a convolution gets or makes beside the input, which the skip or its projection needs at the end.
    held = inputs.values + 2 * outputs.values
    return Effect(outputs, weights + norms, weights * outputs.positions, vectors=norms, held=held)


def _reach(*, kernel: int, stride: int, **others: Any) -> Reach:
    return (kernel - 1) * (1 + stride), stride


def _module(channels: int, rank: int, *, kernel: int, width: int, stride: int) -> Module:
    from torch import nn

    from rl_designer.envs.layers.modules import Residual

    body = nn.Sequential(
        *conv_norm(rank, channels, width, kernel, stride),
        nn.ReLU(inplace=True),
        *conv_norm(rank, width, width, kernel),
    )
    projected = channels != width or stride != 1
    skip = nn.Sequential(*conv_norm(rank, channels, width, 1, stride)) if projected else nn.Identity()
    return Residual(body, skip, nn.ReLU())


RESIDUAL = Kind("feature", (1, 2), CONVOLUTION, _effect, _module, fits_kernel, source.residual, _reach)
