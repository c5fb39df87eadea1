"""`inception`: convolutions with a long, a middle and a short kernel side by side, and a max-pool beside them
(InceptionTime, Fawaz et al. 2020, section 3.1, arXiv:1909.04939).

Each branch makes a quarter of the channels, the first ones one more where the width isn't a multiple of four;
together they have one batch norm and one ReLU. Where there are more channels than a branch makes, the
convolutions get them through a pointwise one, the bottleneck, that makes as many as the narrowest branch.
"""

from typing import Any

import numpy as np

from rl_designer.envs.layers.conv import LONGEST_KERNEL, fits_kernel, reach, strided
from rl_designer.envs.layers.kind import MOST_WIDTH, Count, Effect, Kind, Module, Shape, integer
from rl_designer.envs.layers.source import LayerSource, expressions

_BRANCHES = 4
_LENGTHS = ("long", "middle", "short")  # of the kernels
_OPTIONS = {
    "kernel": integer(3, LONGEST_KERNEL, odd=True),
    "width": integer(_BRANCHES, MOST_WIDTH),
    "stride": integer(1, 4, default=1),
}


def _kernels(kernel: Count) -> tuple[Count, ...]:
    """The longest, half and a quarter of it; all odd: 39, 19, 9."""
    return kernel, kernel // 2 | 1, kernel // 4 | 1


def _widths(width: Count) -> tuple[Count, ...]:
    """Of the branches, that of the pool the last."""
    return tuple((width + left) // _BRANCHES for left in reversed(range(_BRANCHES)))


def _fits(inputs: Shape, *, kernel: Count, width: Count, stride: Count) -> Any:
    # On a cell's edge the width is the map's, so it may be any.
    return fits_kernel(inputs, kernel=kernel, stride=stride) & (width >= _BRANCHES)


def _effect(inputs: Shape, *, kernel: Count, width: Count, stride: Count) -> Effect:
    outputs, widths = strided(inputs, width, stride), _widths(width)
    squeezed = inputs.channels > widths[-1]
    channels = np.where(squeezed, widths[-1], inputs.channels)
    bottleneck = squeezed * inputs.channels * widths[-1]
    kernels = sum(
        size**inputs.rank * channels * own for size, own in zip(_kernels(kernel), widths, strict=False)
    )
    weights = kernels + inputs.channels * widths[-1]
    macs = bottleneck * inputs.positions + weights * outputs.positions
    narrow, convolved = squeezed * widths[-1] * inputs.positions, (width - widths[-1]) * outputs.positions
    pooled = inputs.channels * outputs.positions
    side_by_side = inputs.values + convolved + np.maximum(narrow, pooled)
    together = outputs.values + np.maximum(pooled, outputs.values)  # which copies
    return Effect(
        outputs,
        bottleneck + weights + 2 * width,
        macs,
        vectors=2 * width,
        held=np.maximum(side_by_side, together),
        held_on=np.maximum(side_by_side, inputs.values + together),
    )


def _module(channels: int, rank: int, *, kernel: int, width: int, stride: int) -> Module:
    from torch import nn

    from rl_designer.envs.layers.modules import Inception

    convolution = getattr(nn, f"Conv{rank}d")
    *widths, last = _widths(width)
    squeezed = min(channels, last)
    bottleneck = convolution(channels, last, 1, bias=False) if channels > last else nn.Identity()
    branches = [
        convolution(squeezed, own, size, stride=stride, padding=size // 2, bias=False)
        for size, own in zip(_kernels(kernel), widths, strict=True)
    ]
    pooled = nn.Sequential(
        getattr(nn, f"MaxPool{rank}d")(3, stride=stride, padding=1),
        convolution(channels, last, 1, bias=False),
    )
    together = nn.Sequential(getattr(nn, f"BatchNorm{rank}d")(width), nn.ReLU(inplace=True))
    return Inception(bottleneck, branches, pooled, together)


def _source(name: str, module: Any) -> LayerSource:
    modules, forward, narrow = {}, [], "x"
    if list(module.bottleneck.parameters()):
        modules[f"{name}_bottleneck"] = expressions(module.bottleneck)
        forward.append(f"narrow = self.{name}_bottleneck(x)")
        narrow = "narrow"
    for length, branch in zip(_LENGTHS, module.branches, strict=True):
        modules[f"{name}_{length}"] = expressions(branch)
        forward.append(f"{length} = self.{name}_{length}({narrow})")
    modules[f"{name}_pooled"] = expressions(module.pooled)
    modules[f"{name}_together"] = expressions(module.together)
    forward.append(f"pooled = self.{name}_pooled(x)")
    forward.append(f"x = torch.cat([{', '.join(_LENGTHS)}, pooled], dim=1)")
    forward.append(f"x = self.{name}_together(x)")
    return LayerSource(modules, tuple(forward))


INCEPTION = Kind("feature", (1, 2), _OPTIONS, _effect, _module, _fits, _source, reach)
