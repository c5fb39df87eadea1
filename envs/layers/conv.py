"""`conv` and `separable`: convolutions; and what all kinds that convolve have in common."""

from typing import Any

import numpy as np

from rl_designer.envs.layers.kind import WIDTH, Count, Effect, Kind, Module, Reach, Shape, integer

MOST_KERNEL = 31
LONGEST_KERNEL = 63  # where a convolution isn't from all channels to all

CONVOLUTION = {
    "kernel": integer(1, MOST_KERNEL, odd=True),
    "width": WIDTH,
    "stride": integer(1, 4, default=1),
}
DEPTHWISE = {**CONVOLUTION, "kernel": integer(3, LONGEST_KERNEL, odd=True)}


def strided(inputs: Shape, width: Count, stride: Count) -> Shape:
    return Shape(width, -(-inputs.height // stride), -(-inputs.width // stride), inputs.rank)


def fits_kernel(inputs: Shape, *, kernel: Count, stride: Count, **others: Any) -> Any:
    # A stride beyond the kernel skips positions, and for kernel 1 it could stand at any of several layers.
    return ((kernel == 1) | (kernel <= inputs.side)) & (stride <= kernel)


def reach(*, kernel: int, stride: int, **others: Any) -> Reach:
    return kernel - 1, stride


def held_by_two(inputs: Shape, between: Count, outputs: Shape) -> tuple[Count, Count]:
    """`Effect.held` and `held_on` of two layers with so many values between them."""
    return np.maximum(inputs.values, outputs.values) + between, inputs.values + between + outputs.values


def conv_norm(
    rank: int, channels: int, width: int, kernel: int, stride: int = 1, groups: int = 1, dilation: int = 1
) -> list[Module]:
    """A convolution and its batch norm."""
    from torch import nn

    convolution, norm = getattr(nn, f"Conv{rank}d"), getattr(nn, f"BatchNorm{rank}d")
    options = {"padding": kernel // 2 * dilation, "dilation": dilation, "groups": groups}
    return [
        convolution(channels, width, kernel, stride=stride, bias=False, **options),
        norm(width),
    ]


def _conv(inputs: Shape, *, kernel: Count, width: Count, stride: Count) -> Effect:
    outputs = strided(inputs, width, stride)
    weights = kernel**inputs.rank * inputs.channels * width
    return Effect(outputs, weights + 2 * width, weights * outputs.positions, vectors=2 * width)


def _conv_module(channels: int, rank: int, *, kernel: int, width: int, stride: int) -> Module:
    from torch import nn

    return nn.Sequential(*conv_norm(rank, channels, width, kernel, stride), nn.ReLU(inplace=True))


def _separable(inputs: Shape, *, kernel: Count, width: Count, stride: Count) -> Effect:
    outputs = strided(inputs, width, stride)
    weights = kernel**inputs.rank * inputs.channels + inputs.channels * width
    norms = 2 * inputs.channels + 2 * width
    held, held_on = held_by_two(inputs, inputs.channels * outputs.positions, outputs)
    macs = weights * outputs.positions
    return Effect(outputs, weights + norms, macs, vectors=norms, held=held, held_on=held_on)


def _separable_module(channels: int, rank: int, *, kernel: int, width: int, stride: int) -> Module:
    from torch import nn

    return nn.Sequential(
        *conv_norm(rank, channels, channels, kernel, stride, groups=channels),
        nn.ReLU(inplace=True),
        *conv_norm(rank, channels, width, 1),
        nn.ReLU(inplace=True),
    )


# Convolution, batch norm, ReLU.
CONV = Kind("feature", (1, 2), CONVOLUTION, _conv, _conv_module, fits_kernel, reach=reach)

# Depthwise then pointwise convolution, each with batch norm and ReLU (MobileNet, arXiv:1704.04861).
SEPARABLE = Kind("feature", (1, 2), DEPTHWISE, _separable, _separable_module, fits_kernel, reach=reach)
