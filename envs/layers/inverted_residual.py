"""`inverted-residual`: expansion, depthwise convolution, optional squeeze-excitation, linear projection; a
skip where the shape stays. An expansion of 1 has no expanding convolution.
"""

from typing import Any

import numpy as np

from rl_designer.envs.layers.conv import DEPTHWISE, conv_norm, fits_kernel, reach, strided
from rl_designer.envs.layers.kind import Count, Effect, Kind, Module, OptionRule, Shape, integer
from rl_designer.envs.layers.source import LayerSource, expressions

_OPTIONS = {
    "expansion": integer(1, 16),
    **DEPTHWISE,
    "squeeze_excitation": OptionRule("true or false", lambda value: isinstance(value, bool), False),
}


def _squeezed(channels: Count) -> Count:
    """The width of squeeze-excitation's bottleneck: a quarter of the block's input, as in EfficientNet
    (Tan & Le 2019, arXiv:1905.11946)."""
    return np.maximum(channels // 4, 1)


def _effect(
    inputs: Shape, *, expansion: Count, kernel: Count, width: Count, stride: Count, squeeze_excitation: Count
) -> Effect:
    outputs = strided(inputs, width, stride)
    hidden, expanded = inputs.channels * expansion, expansion != 1
    squeezed = _squeezed(inputs.channels)
    expand = expanded * inputs.channels * hidden
    depthwise, project = kernel**inputs.rank * hidden, hidden * width
    excite = squeeze_excitation * 2 * hidden * squeezed
    biases = squeeze_excitation * (hidden + squeezed)
    norms = expanded * 2 * hidden + 2 * hidden + 2 * width
    return Effect(
        outputs,
        expand + depthwise + project + excite + biases + norms,
        expand * inputs.positions + (depthwise + project) * outputs.positions + excite,
        inside=hidden * inputs.positions,
        vectors=norms + biases,
        held=_held(inputs, outputs, hidden, expanded),
    )


def _held(inputs: Shape, outputs: Shape, hidden: Count, expanded: Count) -> Count:
    skip = (inputs.channels == outputs.channels) & (inputs.positions == outputs.positions)
    kept = skip * inputs.values
    before, after = hidden * inputs.positions, hidden * outputs.positions
    expansion = expanded * (inputs.values + before)
    depthwise = expanded * kept + before + after  # it gets the input itself where nothing is expanded
    projection = kept + after + outputs.values
    return np.maximum(np.maximum(expansion, depthwise), projection)


def _module(
    channels: int,
    rank: int,
    *,
    expansion: int,
    kernel: int,
    width: int,
    stride: int,
    squeeze_excitation: bool,
) -> Module:
    from torch import nn

    from rl_designer.envs.layers.modules import InvertedResidual, SqueezeExcitation

    hidden = channels * expansion
    parts: list[Module] = []
    if expansion != 1:
        parts += [*conv_norm(rank, channels, hidden, 1), nn.ReLU(inplace=True)]
    parts += [*conv_norm(rank, hidden, hidden, kernel, stride, groups=hidden), nn.ReLU(inplace=True)]
    if squeeze_excitation:
        parts.append(SqueezeExcitation(hidden, int(_squeezed(channels))))
    body = nn.Sequential(*parts, *conv_norm(rank, hidden, width, 1))
    return InvertedResidual(body, has_skip=channels == width and stride == 1)


def _source(name: str, module: Any) -> LayerSource:
    sum_with = "x + " if module.has_skip else ""
    place = next((i for i, part in enumerate(module.body) if hasattr(part, "excite")), None)
    if place is None:
        return LayerSource({name: expressions(module.body)}, (f"x = {sum_with}self.{name}(x)",))
    [squeeze], [excite] = (expressions(linear) for linear in module.body[place].children())
    signals = len(module.body[0].kernel_size) == 1
    axes, spread = ("2", ":, :, None") if signals else ("(2, 3)", ":, :, None, None")
    return LayerSource(
        {
            f"{name}_expand": expressions(module.body[:place]),
            f"{name}_gates": (squeeze, "nn.ReLU()", excite, "nn.Sigmoid()"),
            f"{name}_project": expressions(module.body[place + 1 :]),
        },
        (
            f"hidden = self.{name}_expand(x)",
            f"gates = self.{name}_gates(hidden.mean(dim={axes}))",
            f"x = {sum_with}self.{name}_project(hidden * gates[{spread}])",
        ),
    )


INVERTED_RESIDUAL = Kind("feature", (1, 2), _OPTIONS, _effect, _module, fits_kernel, _source, reach)
