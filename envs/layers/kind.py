"""`Kind`: all that is known of a kind of layer, and what kinds are described with. No torch here.

Each formula is written once and works on Python integers and on int64 arrays alike, so that the costs of one
architecture and the masks of many prefixes can't disagree.

Conventions: `parameters` are all trainable ones, batch-norm's scale and shift included. `macs` are the
multiply-adds of convolutions, linear maps and attention's products of positions for one example (half of what
`torch.utils.flop_counter` counts as flops); norms, activations, pooling and biases are not counted.
Convolutions pad by half their kernel, so only the stride changes a size (rounded up); pooling rounds down.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rl_designer.envs.architecture import Layer, Option
from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.layers.source import LayerSource, plain

if TYPE_CHECKING:
    from torch.nn import Module as Module
else:
    Module = Any  # torch is imported when a network is built

Count = Any  # int, or an int64 array

MOST_WIDTH = 4096
MOST_CHANNELS = 10**6  # that a layer may make
MOST_MEMBERS = 64
PADDING = 0  # the number of the symbol that stands after a text's end

_VECTOR_ROLES = ("numeric-embedding", "ensemble", "dense")


@dataclass(frozen=True)
class Shape:
    """What flows between two layers, for one example: `[channels]`, `[channels, height]` (the length of a
    signal) or `[channels, height, width]`. The sizes that a rank lacks are 1.

    Attributes:
        rank: spatial dimensions: 0 for a vector, 1 for a signal, 2 for an image. Always a Python integer.
        members: how many there are of one example: one for each member of an ensemble, else 1.
    """

    channels: Count
    height: Count = 1
    width: Count = 1
    rank: int = 0
    members: Count = 1

    @property
    def positions(self) -> Count:
        return self.height * self.width

    @property
    def side(self) -> Count:
        """The smallest spatial size."""
        return np.minimum(self.height, self.width) if self.rank == 2 else self.height

    @property
    def values(self) -> Count:
        """Numbers of one example, those of all members."""
        return self.channels * self.positions * self.members

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of one member."""
        return tuple(int(size) for size in (self.channels, self.height, self.width)[: self.rank + 1])


@dataclass(frozen=True)
class Effect:
    """What one layer makes of a shape, and its own costs (counts).

    Attributes:
        inside: values of one example that it makes on the way; 0 where that is no more than it gets or gives.
        vectors: those of the parameters that are no weights of matrices or kernels: biases, norms.
        held: values of one example that are in memory at once as it runs at inference, what it gets and gives
            included, at the moment when they are most (see `search_spaces.limits`); None for these two alone.
        held_on: the same where what it gets is needed later on, too; None for no more than `held`.
    """

    outputs: Shape
    parameters: Count = 0
    macs: Count = 0
    inside: Count = 0
    vectors: Count = 0
    held: Count | None = None
    held_on: Count | None = None

    def held_of(self, inputs: Shape) -> Count:
        """`held`, for what it gets."""
        return inputs.values + self.outputs.values if self.held is None else self.held


@dataclass(frozen=True)
class Part:
    """A layer where it stands in a network, or many layers of a kind at once.

    Attributes:
        kind: its name in `KINDS`, or `classifier`.
        inputs: the shape that it gets.
        options: all of them, the defaults filled in.
        parts: of a cell, its edges.
    """

    kind: str
    inputs: Shape
    effect: Effect
    options: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple["Part", ...] = ()


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
            raise Error(f"{where}: {unknown_name('choice', value, self.names)}")
        if not self.accepts(value):
            raise Error(f"{where} must be {self.rule}, got {value!r}")


def integer(low: int, high: int, *, odd: bool = False, default: int | None = None) -> OptionRule:
    def accepts(value: Any) -> bool:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and low <= value <= high and (not odd or value % 2 == 1)

    return OptionRule(f"an {'odd ' if odd else ''}integer from {low} to {high}", accepts, default)


def name_of(*names: str, default: str | None = None) -> OptionRule:
    def accepts(value: Any) -> bool:
        return isinstance(value, str) and value in names

    return OptionRule(f"one of {', '.join(names)}", accepts, default, names)


WIDTH = integer(1, MOST_WIDTH)


def checked_options(layer: Layer, rules: Mapping[str, OptionRule]) -> dict[str, Option]:
    """A layer's options with the defaults filled in.

    Raises:
        ValueError: for an unknown option, a missing one, or a value out of range.
    """
    given: dict[str, Option | None] = dict(layer.options)
    for name, value in given.items():
        if name not in rules:
            raise Error(f"{layer.kind}: {unknown_name('option', name, rules)}")
        rules[name].check(f"{layer.kind}.{name}", value)
    full: dict[str, Option] = {}
    for name, rule in rules.items():
        value = given.get(name, rule.default)
        if value is None:
            raise Error(f"a {layer.kind} layer needs the option {name!r}: {rule.rule}")
        full[name] = value
    return full


Reach = tuple[int, int]


def moves_one(**options: Any) -> Reach:
    return 0, 1


def fits_always(inputs: Shape, **options: Any) -> Any:
    return inputs.channels > 0


@dataclass(frozen=True)
class Kind:
    """A kind of layer.

    Attributes:
        role: `embedding` (texts to maps), `feature` (map to map, learns), `attention` (the same, keeps the
            shape), `pool`, `dropout`, `global-pool` (map to vector), `dense` (vector to vector, learns),
            `numeric-embedding` (of a table's features: vector to vector, comes first), `ensemble` (vector to
            one of each member), `edge` (keeps the map's shape, learns nothing; in cells) or `cell`.
            Pools of all kinds have an option `operation`, `average` or `max`.
        ranks: of the data whose layer-by-layer spaces may offer it: 0 features, 1 signals and texts,
            2 images; () where a family names it, or cells do.
        options: the options' rules, by name.
        effect: (inputs, **options) → `Effect`.
        module: (channels or features that it gets, their rank, **options) → the torch module; it alone
            imports torch. Weights are drawn afterwards, by `initialise`. After an ensemble it gets all
            members' vectors, [batch * members, features].
        fits: (inputs, **options) → whether the layer makes sense on these sizes.
        reach: (**options) → positions a side: how many more than one an output depends on, and how many
            further on the next one stands.
        source: (name, module) → the layer as plain Python. `plain` will do where the module is one of
            `torch.nn`, or an `nn.Sequential` of such.
    """

    role: str
    ranks: tuple[int, ...]
    options: Mapping[str, OptionRule]
    effect: Callable[..., Effect]
    module: Callable[..., Module]
    fits: Callable[..., Any] = fits_always
    source: Callable[[str, Any], LayerSource] = plain
    reach: Callable[..., Reach] = moves_one

    @property
    def takes_vectors(self) -> bool:
        """Whether it stands on vectors and learns there."""
        return self.role in _VECTOR_ROLES
