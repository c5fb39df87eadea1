"""Networks designed by hand, as architectures for data of any shape, at any width.

They are made of the same layer kinds as every design, which differ from the originals in these ways: every
convolution pads, and has a batch norm and a ReLU; maps become vectors by global pooling, never by
flattening; the classifier is linear with softmax. Each reference's `note` says what else differs. Where a map
is too small for a kernel, the largest odd one that fits is taken, with less dilation where not even 3 does,
and a stride or a pool that would leave fewer than 3 positions a side is left out. No torch here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.layers import KINDS, Shape, full_options
from rl_designer.envs.search_spaces.costs import input_of
from rl_designer.envs.search_spaces.layer_rules import family_of

STEPS = 128  # widths are multiplied by steps / 128
_FEWEST_POSITIONS = 3

# A width of the original → the width to take.
Width = Callable[[int], int]


class _Stack:
    """Layers one on the other, and the shape on top."""

    def __init__(self, shape: Shape) -> None:
        self.layers: list[Layer] = []
        self._shape = shape

    def add(self, kind: str, *, halve: bool = False, **options: Any) -> None:
        """A layer with a kernel that fits the map; `halve`: with stride 2 where the map is large enough."""
        if "kernel" in options:
            side, dilation = int(self._shape.side), options.get("dilation", 1)
            if (side - 1) // dilation < 2:  # not even a kernel of 3 fits
                dilation = max(1, (side - 1) // 2)
            if "dilation" in options:
                options["dilation"] = dilation
            most = (side - 1) // dilation + 1
            options["kernel"] = min(options["kernel"], most - 1 + most % 2)
        if "stride" in KINDS[kind].options:
            options["stride"] = 2 if halve and self._may_halve(-(-side // 2), options["kernel"]) else 1
        layer = Layer.of(kind, **options)
        self._shape = KINDS[kind].effect(self._shape, **full_options(layer)).outputs
        self.layers.append(layer)

    def pool(self, operation: str) -> None:
        if self._may_halve(int(self._shape.side) // 2, 2):
            self.add("pool", operation=operation)

    def _may_halve(self, side: int, kernel: int) -> bool:
        return side >= _FEWEST_POSITIONS and kernel >= 2


# The layers of a reference; of equal blocks in a row it takes at most so many.
Build = Callable[[_Stack, Width, int], None]


@dataclass(frozen=True)
class Reference:
    """A network designed by hand.

    Attributes:
        ranks: spatial dimensions of the data that it is for: 1 signals, 2 images; 0 takes all, flattened.
        scales: whether it has widths.
        blocks: the most equal blocks in a row; with fewer it is still that network, only shallower.
    """

    name: str
    ranks: tuple[int, ...]
    source: str
    note: str
    build: Build
    scales: bool = True
    blocks: int = 1


def _linear(stack: _Stack, width: Width, most: int) -> None:
    pass


def _mlp(stack: _Stack, width: Width, most: int) -> None:
    for _ in range(2):
        stack.add("dense", width=width(100), activation="relu", normalisation="none")


def _cnn(stack: _Stack, width: Width, most: int) -> None:
    for kernel in (5, 3, 3):
        stack.add("conv", kernel=kernel, width=width(25), halve=True)
    stack.add("global-pool", operation="average")


def _lenet(stack: _Stack, width: Width, most: int) -> None:
    for channels in (6, 16):
        stack.add("conv", kernel=5, width=width(channels))
        stack.pool("average")
    stack.add("conv", kernel=5, width=width(120))
    stack.add("global-pool", operation="average")
    stack.add("dense", width=width(84), activation="tanh", normalisation="none")


def _resnet(stack: _Stack, width: Width, most: int) -> None:
    stack.add("conv", kernel=3, width=width(16))
    for channels in (16, 32, 64):
        for block in range(most):
            halve = block == 0 and channels > 16
            stack.add("residual", kernel=3, width=width(channels), halve=halve)
    stack.add("global-pool", operation="average")


def _mobilenet(stack: _Stack, width: Width, most: int) -> None:
    stack.add("conv", kernel=3, width=width(32))
    # expansion, channels, blocks, stride: Table 2 of the paper, its first stages
    for expansion, channels, blocks, stride in ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2)):
        for block in range(min(blocks, most)):
            stack.add(
                "inverted-residual",
                expansion=expansion,
                kernel=3,
                width=width(channels),
                halve=block == 0 and stride == 2,
                squeeze_excitation=False,
            )
    stack.add("conv", kernel=1, width=width(256))
    stack.add("global-pool", operation="average")


def _inception_time(stack: _Stack, width: Width, most: int) -> None:
    for _ in range(most):
        stack.add("inception", kernel=39, width=max(4, width(128)))
    stack.add("global-pool", operation="average")


def _lite(stack: _Stack, width: Width, most: int) -> None:
    stack.add("inception", kernel=39, width=max(4, width(128)))
    for kernel, dilation in ((19, 2), (9, 4)):
        stack.add("dilated", kernel=kernel, dilation=dilation, width=width(32), separable=True)
    stack.add("global-pool", operation="average")


_MNIST1D = "Greydanus & Kobak 2024, Scaling down deep learning with MNIST-1D, arXiv:2011.14439"
_HE = "He et al. 2015, Deep residual learning for image recognition, section 4.2, arXiv:1512.03385"
_SHORTCUT = "shortcuts are projections where the shape changes"

REFERENCES: Mapping[str, Reference] = {
    reference.name: reference
    for reference in (
        Reference("linear", (0,), _MNIST1D, "logistic regression, as there", _linear, scales=False),
        Reference("mlp", (0,), _MNIST1D, "two hidden layers of 100, ReLU, as there", _mlp),
        Reference(
            "cnn", (1,), _MNIST1D, "three convolutions of stride 2, as there, but averaged at the end", _cnn
        ),
        Reference(
            "lenet-5",
            (1, 2),
            "LeCun et al. 1998, Gradient-based learning applied to document recognition, Proc. IEEE 86(11)",
            "batch norm and ReLU in place of tanh in convolutions; the 120 maps of C5 are averaged",
            _lenet,
        ),
        Reference("resnet-8", (1, 2), _HE, f"one block a stage (n = 1); {_SHORTCUT}", _resnet),
        Reference("resnet-20", (1, 2), _HE, f"three blocks a stage (n = 3); {_SHORTCUT}", _resnet, blocks=3),
        Reference(
            "mobilenet-v2",
            (1, 2),
            "Sandler et al. 2018, MobileNetV2, arXiv:1801.04381",
            "its first four stages, with stride 1 in the first two as is usual for small images; ReLU in "
            "place of ReLU6",
            _mobilenet,
            blocks=4,
        ),
        Reference(
            "inception-time",
            (1,),
            "Fawaz et al. 2020, InceptionTime, arXiv:1909.04939",
            "one network of the five; kernels of 39, 19 and 9 in place of 40, 20 and 10; no shortcuts",
            _inception_time,
            blocks=6,
        ),
        Reference(
            "lite",
            (1,),
            "Ismail-Fawaz et al. 2024, Look into the LITE in deep learning for time series, arXiv:2409.02869",
            "a branch that pools in place of the filters made by hand; odd kernels; batch norm and ReLU "
            "between depthwise and pointwise convolutions",
            _lite,
        ),
    )
}  # fmt: skip


def references_for(input_shape: Sequence[int], names: Sequence[str] = ()) -> list[Reference]:
    """Those that data of a shape have, all or those with `names`.

    Raises:
        ValueError: for a name that is unknown, or isn't for such data.
    """
    rank = input_of(input_shape).rank
    fitting = {name: found for name, found in REFERENCES.items() if 0 in found.ranks or rank in found.ranks}
    for name in names:
        if name not in fitting:
            raise Error(unknown_name("reference for such data", name, fitting))
    return [reference for name, reference in fitting.items() if not names or name in names]


def architecture_of(
    reference: Reference, input_shape: Sequence[int], steps: int = STEPS, blocks: int | None = None
) -> Architecture:
    """A reference for data of a shape; one that takes all data gets them flattened.

    Args:
        steps: its widths are multiplied by steps / 128, and rounded down.
        blocks: the most equal blocks in a row; None for its own.

    Raises:
        ValueError: where the data don't fit it, or a layer would be too wide.
    """
    shape = input_of(input_shape)
    if 0 in reference.ranks:
        shape = Shape(shape.channels * shape.positions)
    stack = _Stack(shape)
    most = reference.blocks if blocks is None else blocks
    reference.build(stack, lambda width: max(1, (width * steps) // STEPS), most)
    return Architecture(family_of(shape.rank), tuple(stack.layers), complete=True)
