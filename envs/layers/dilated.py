"""`dilated`: a convolution that looks at every second, third … position, batch norm, ReLU, so that few
weights see a long stretch (Yu & Koltun 2016, arXiv:1511.07122). `separable`: depthwise then pointwise, each
with batch norm and ReLU (LITE, Ismail-Fawaz et al. 2024, arXiv:2409.02869).
"""

from typing import Any

import numpy as np

from rl_designer.envs.layers.conv import MOST_KERNEL, conv_norm, held_by_two
from rl_designer.envs.layers.kind import WIDTH, Count, Effect, Kind, Module, OptionRule, Reach, Shape, integer

_OPTIONS = {
    "kernel": integer(3, MOST_KERNEL, odd=True),
    "dilation": integer(1, 64),
    "width": WIDTH,
    "separable": OptionRule("true or false", lambda value: isinstance(value, bool), False),
}


def _effect(inputs: Shape, *, kernel: Count, dilation: Count, width: Count, separable: Count) -> Effect:
    outputs = Shape(width, inputs.height, inputs.width, inputs.rank)
    whole = kernel**inputs.rank * inputs.channels * width
    apart = kernel**inputs.rank * inputs.channels + inputs.channels * width
    weights = whole + separable * (apart - whole)
    norms = 2 * width + separable * 2 * inputs.channels
    held, held_on = (
        np.where(separable, two, inputs.values + outputs.values)
        for two in held_by_two(inputs, inputs.channels * outputs.positions, outputs)
    )
    macs = weights * outputs.positions
    return Effect(outputs, weights + norms, macs, vectors=norms, held=held, held_on=held_on)


def _fits(inputs: Shape, *, kernel: Count, dilation: Count, **others: Any) -> Any:
    return (kernel - 1) * dilation < inputs.side


def _reach(*, kernel: int, dilation: int, **others: Any) -> Reach:
    return (kernel - 1) * dilation, 1


def _module(channels: int, rank: int, *, kernel: int, dilation: int, width: int, separable: bool) -> Module:
    from torch import nn

    parts = [(channels, width, kernel, 1)]
    if separable:
        parts = [(channels, channels, kernel, channels), (channels, width, 1, 1)]
    layers: list[Module] = []
    for inputs, outputs, size, groups in parts:
        layers += conv_norm(rank, inputs, outputs, size, groups=groups, dilation=dilation if size > 1 else 1)
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


DILATED = Kind("feature", (1, 2), _OPTIONS, _effect, _module, _fits, reach=_reach)
