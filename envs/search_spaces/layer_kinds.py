"""The kinds of layers: their options, what they cost, and what they make of a shape. No torch here.

Each formula is written once and works on Python integers and on int64 arrays alike, so that the costs of one
architecture and the masks of many prefixes can't disagree.

Conventions: `parameters` are all trainable ones, batch-norm's scale and shift included. `macs` are the
multiply-adds of convolutions and linear maps for one example (weights x positions; half of what
`torch.utils.flop_counter` counts as flops); norms, activations, pooling and biases are not counted.
Convolutions pad by half their kernel, so only the stride changes a size (rounded up); pooling rounds down.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from rl_designer.envs.architecture import Layer, Option
from rl_designer.envs.names import unknown_name

Count = Any  # int, or an int64 array

MOST_WIDTH = 4096
MOST_KERNEL = 31
MOST_EXPANSION = 16
MOST_STRIDE = 4


@dataclass(frozen=True)
class Shape:
    """What flows between two layers, for one example: `[channels]`, `[channels, height]` (the length of a
    signal) or `[channels, height, width]`. The sizes that a rank lacks are 1.

    Attributes:
        rank: spatial dimensions: 0 for a vector, 1 for a signal, 2 for an image. Always a Python integer.
    """

    channels: Count
    height: Count = 1
    width: Count = 1
    rank: int = 0

    @property
    def positions(self) -> Count:
        return self.height * self.width

    @property
    def side(self) -> Count:
        """The smallest spatial size."""
        return np.minimum(self.height, self.width) if self.rank == 2 else self.height

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(int(size) for size in (self.channels, self.height, self.width)[: self.rank + 1])


@dataclass(frozen=True)
class Effect:
    """What one layer makes of a shape, and its own costs (counts)."""

    outputs: Shape
    parameters: Count = 0
    macs: Count = 0


# -- effects ---------------------------------------------------------------------------------------


def _strided(inputs: Shape, width: Count, stride: Count) -> Shape:
    return Shape(width, -(-inputs.height // stride), -(-inputs.width // stride), inputs.rank)


def _conv(inputs: Shape, *, kernel: Count, width: Count, stride: Count) -> Effect:
    outputs = _strided(inputs, width, stride)
    weights = kernel**inputs.rank * inputs.channels * width
    return Effect(outputs, weights + 2 * width, weights * outputs.positions)


def _separable(inputs: Shape, *, kernel: Count, width: Count, stride: Count) -> Effect:
    outputs = _strided(inputs, width, stride)
    weights = kernel**inputs.rank * inputs.channels + inputs.channels * width
    return Effect(outputs, weights + 2 * inputs.channels + 2 * width, weights * outputs.positions)


def _residual(inputs: Shape, *, kernel: Count, width: Count, stride: Count) -> Effect:
    outputs = _strided(inputs, width, stride)
    projected = (inputs.channels != width) | (stride != 1)
    weights = kernel**inputs.rank * (inputs.channels + width) * width + projected * inputs.channels * width
    norms = (2 + projected) * 2 * width
    return Effect(outputs, weights + norms, weights * outputs.positions)


def squeezed_channels(channels: Count) -> Count:
    """The width of squeeze-excitation's bottleneck: a quarter of the block's input, as in EfficientNet
    (Tan & Le 2019, arXiv:1905.11946)."""
    return np.maximum(channels // 4, 1)


def _inverted_residual(
    inputs: Shape, *, expansion: Count, kernel: Count, width: Count, stride: Count, squeeze_excitation: Count
) -> Effect:
    outputs = _strided(inputs, width, stride)
    hidden, expanded = inputs.channels * expansion, expansion != 1
    squeezed = squeezed_channels(inputs.channels)
    expand, depthwise, project = (
        expanded * inputs.channels * hidden,
        kernel**inputs.rank * hidden,
        hidden * width,
    )
    excite = squeeze_excitation * 2 * hidden * squeezed
    biases = squeeze_excitation * (hidden + squeezed)
    norms = expanded * 2 * hidden + 2 * hidden + 2 * width
    return Effect(
        outputs,
        expand + depthwise + project + excite + biases + norms,
        expand * inputs.positions + (depthwise + project) * outputs.positions + excite,
    )


def _pool(inputs: Shape, *, operation: Any) -> Effect:
    height, width = inputs.height // 2, inputs.width // 2 if inputs.rank == 2 else inputs.width
    return Effect(Shape(inputs.channels, height, width, inputs.rank))


def _dropout(inputs: Shape, *, rate: Any) -> Effect:
    return Effect(inputs)


def _global_pool(inputs: Shape, *, operation: Any) -> Effect:
    return Effect(Shape(inputs.channels))


def _linear_parameters(inputs: Count, width: Count, normalisation: Any) -> Count:
    # A batch norm right after a linear map makes its bias superfluous.
    return inputs * width + width * (normalisation != "batch") + 2 * width * (normalisation != "none")


def _dense(inputs: Shape, *, width: Count, activation: Any, normalisation: Any) -> Effect:
    parameters = _linear_parameters(inputs.channels, width, normalisation)
    return Effect(Shape(width), parameters, inputs.channels * width)


def _residual_dense(inputs: Shape, *, width: Count, activation: Any, normalisation: Any) -> Effect:
    projection = (inputs.channels != width) * inputs.channels * width
    first = _linear_parameters(inputs.channels, width, normalisation)
    second = _linear_parameters(width, width, normalisation)
    return Effect(
        Shape(width), first + second + projection, inputs.channels * width + width * width + projection
    )


def classifier(inputs: Shape, num_classes: int) -> Effect:
    """The linear map with bias that completes every network."""
    return Effect(Shape(num_classes), (inputs.channels + 1) * num_classes, inputs.channels * num_classes)


# -- where a layer fits ----------------------------------------------------------------------------


def _fits_convolution(inputs: Shape, *, kernel: Count, stride: Count, **others: Any) -> Any:
    # A stride beyond the kernel skips positions, and for kernel 1 it could stand at any of several layers.
    return ((kernel == 1) | (kernel <= inputs.side)) & (stride <= kernel)


def _fits_pool(inputs: Shape, **options: Any) -> Any:
    # Down to a single position it would be a global pooling by another name.
    return (inputs.side >= 2) & (_pool(inputs, operation=None).outputs.positions > 1)


def _fits_always(inputs: Shape, **options: Any) -> Any:
    return inputs.channels > 0


# -- options ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OptionRule:
    """The legal values of an option.

    Attributes:
        rule: the legal values in words.
        accepts: whether a value is legal.
        default: the value of a layer that doesn't name the option; None where it must.
        names: the legal values where they are texts.
    """

    rule: str
    accepts: Callable[[Any], bool]
    default: Option | None = None
    names: tuple[str, ...] = ()

    def check(self, where: str, value: Any) -> None:
        """Raises ValueError for a value that is not legal."""
        if self.names and isinstance(value, str) and value not in self.names:
            raise ValueError(f"{where}: {unknown_name('choice', value, self.names)}")
        if not self.accepts(value):
            raise ValueError(f"{where} must be {self.rule}, got {value!r}")


def _integer(low: int, high: int, *, odd: bool = False, default: int | None = None) -> OptionRule:
    def accepts(value: Any) -> bool:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and low <= value <= high and (not odd or value % 2 == 1)

    return OptionRule(f"an {'odd ' if odd else ''}integer from {low} to {high}", accepts, default)


def _name(*names: str, default: str | None = None) -> OptionRule:
    def accepts(value: Any) -> bool:
        return isinstance(value, str) and value in names

    return OptionRule(f"one of {', '.join(names)}", accepts, default, names)


def _is_rate(value: Any) -> bool:
    return isinstance(value, float) and 0.0 < value <= 0.9


_KERNEL = _integer(1, MOST_KERNEL, odd=True)
_DEPTHWISE_KERNEL = _integer(3, MOST_KERNEL, odd=True)
_WIDTH = _integer(1, MOST_WIDTH)
_STRIDE = _integer(1, MOST_STRIDE, default=1)
_OPERATION = _name("average", "max")
_RATE = OptionRule("a fraction above 0 and at most 0.9", _is_rate)
_SQUEEZE = OptionRule("true or false", lambda value: isinstance(value, bool), False)
_ACTIVATION = _name("relu", "gelu", "tanh", default="relu")
_NORMALISATION = _name("none", "batch", "layer", default="none")


# -- the kinds -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """A kind of layer.

    Attributes:
        role: `feature` (map to map, learns), `pool`, `dropout`, `global-pool` (map to vector), or `dense`
            (vector to vector, learns).
        options: the options' rules.
        effect: (inputs, **options) → `Effect`.
        fits: (inputs, **options) → whether the layer makes sense on these sizes.
    """

    role: str
    options: Mapping[str, OptionRule]
    effect: Callable[..., Effect]
    fits: Callable[..., Any] = _fits_always


_CONVOLUTION = {"kernel": _KERNEL, "width": _WIDTH, "stride": _STRIDE}
_DEPTHWISE = {**_CONVOLUTION, "kernel": _DEPTHWISE_KERNEL}
_INVERTED = {"expansion": _integer(1, MOST_EXPANSION), **_DEPTHWISE, "squeeze_excitation": _SQUEEZE}
_VECTOR = {"width": _WIDTH, "activation": _ACTIVATION, "normalisation": _NORMALISATION}

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "conv": Kind("feature", _CONVOLUTION, _conv, _fits_convolution),
        "separable": Kind("feature", _DEPTHWISE, _separable, _fits_convolution),
        "residual": Kind("feature", _CONVOLUTION, _residual, _fits_convolution),
        "inverted-residual": Kind("feature", _INVERTED, _inverted_residual, _fits_convolution),
        "pool": Kind("pool", {"operation": _OPERATION}, _pool, _fits_pool),
        "dropout": Kind("dropout", {"rate": _RATE}, _dropout),
        "global-pool": Kind("global-pool", {"operation": _OPERATION}, _global_pool),
        "dense": Kind("dense", _VECTOR, _dense),
        "residual-dense": Kind("dense", _VECTOR, _residual_dense),
    }
)


def full_options(layer: Layer) -> dict[str, Option]:
    """A layer's options, defaults filled in.

    Raises:
        ValueError: for an unknown kind or option, a missing one, or a value out of range.
    """
    if layer.kind not in KINDS:
        raise ValueError(unknown_name("layer kind", layer.kind, KINDS))
    rules = KINDS[layer.kind].options
    given: dict[str, Option | None] = dict(layer.options)
    for name, value in given.items():
        if name not in rules:
            raise ValueError(f"{layer.kind}: {unknown_name('option', name, rules)}")
        rules[name].check(f"{layer.kind}.{name}", value)
    full: dict[str, Option] = {}
    for name, rule in rules.items():
        value = given.get(name, rule.default)
        if value is None:
            raise ValueError(f"a {layer.kind} layer needs the option {name!r}: {rule.rule}")
        full[name] = value
    return full
