"""`SpaceDefinition`: which layers a space offers, with which choices, how deep. Built in or a user's TOML.

A user's file:

    name = "tiny-signals"
    family = "convnet1d"            # or "convnet" (images), "mlp" (features), "textnet" (texts)
    max_layers = 5                  # the global-pool is one, the final classifier is not
    widths = "non-decreasing"       # may be left out; no convolution narrower than the one before
    stem = ["conv"]                 # may be left out; the kinds that may come first

    [largest_map]                   # may be left out; where no map is larger than so many positions a side
    residual = 14

    [layers.conv]                   # an action adds a layer: one choice of every option
    kernel = [3, 5]
    width = [8, 16]
    stride = [1, 2]                 # may be left out, like every option with a default

    [layers.global-pool]
    operation = ["average", "max"]

A section `[training]`, where there is one, is of `trained_space`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Self

from rl_designer.envs.architecture import TRAINING, Layer
from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.layers import KINDS
from rl_designer.envs.search_spaces.choices import (
    MOST_ACTIONS,
    Choices,
    check_choices,
    check_name,
    check_tables,
    digest_of,
    listed,
    read_definition,
)
from rl_designer.envs.search_spaces.layer_rules import FAMILIES, Family

MOST_LAYERS = 64

# How the widths of a design's convolutions may follow each other. Networks that never become narrower are
# better on the average (Radosavovic et al. 2020, section 3.2.3, arXiv:2003.13678).
ANY, NON_DECREASING = "any", "non-decreasing"
WIDTHS = (ANY, NON_DECREASING)


@dataclass(frozen=True)
class SpaceDefinition:
    """A layer-by-layer space, without data or limits. `SpaceDefinition.of` is the usual way to make one.

    Attributes:
        name: part of the digest of every architecture of the space.
        family: `convnet` (images), `convnet1d` (signals), `mlp` (features) or `textnet` (texts).
        max_layers: the most layers of a design, global pooling included, the final classifier not.
        layers: the kinds with their options' choices, in the order of the actions.
        widths: `any`, or `non-decreasing`: a convolution, or block of them, has at least as many channels
            as the map that it gets, unless that has the shape of the data.
        largest_map: kinds with the largest map that they may get, in positions a side.
        stem: kinds that may come first; none named: all that can.

    Raises:
        ValueError: for a definition that breaks a rule; one line.
    """

    name: str
    family: str
    max_layers: int
    layers: tuple[tuple[str, Choices], ...]
    widths: str = ANY
    largest_map: tuple[tuple[str, int], ...] = ()
    stem: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check_head()
        for kind, choices in self.layers:
            if kind not in self._family.kinds:
                raise self._error(unknown_name(f"{self.family} layer", kind, self._family.kinds))
            check_choices(f"space {self.name!r}: layers.{kind}", choices, KINDS[kind].options)
        self._check_ends()
        self._check_largest_map()
        self._check_stem()
        actions = 1 + sum(prod(len(values) for _, values in choices) for _, choices in self.layers)
        if actions > MOST_ACTIONS:
            raise self._error(f"at most {MOST_ACTIONS:,} actions, its choices make {actions:,}")

    @classmethod
    def of(
        cls,
        name: str,
        family: str,
        max_layers: int,
        layers: Mapping[str, Mapping[str, Any]],
        widths: str = ANY,
        largest_map: Mapping[str, int] | None = None,
        stem: Sequence[str] = (),
    ) -> Self:
        """From plain mappings: kind → option → list of choices, kind → positions a side."""
        return cls(
            name,
            family,
            max_layers,
            tuple(
                (kind, tuple((option, tuple(values)) for option, values in choices.items()))
                for kind, choices in layers.items()
            ),
            widths,
            tuple((largest_map or {}).items()),
            tuple(stem),
        )

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """The inverse of `to_dict`. Raises ValueError, one line, for anything else."""
        if not isinstance(data, Mapping):
            raise Error(f"a space must be a table, got {type(data).__name__}")
        needed = ("name", "family", "max_layers", "layers")
        known = (*needed, "widths", "largest_map", "stem")
        for key in data:
            if key not in known:
                raise Error(f"space: {unknown_name('key', str(key), (*known, TRAINING))}")
        for key in needed:
            if key not in data:
                raise Error(f"a space needs the key {key!r}")
        check_tables("layers", data["layers"])
        if not isinstance(largest_map := data.get("largest_map", {}), Mapping):
            rule = "`largest_map` must be a table of positions a side, such as {residual = 14}"
            raise Error(f"{rule}, got {str(largest_map)[:80]!r}")
        if not isinstance(stem := data.get("stem", ()), list | tuple):
            rule = '`stem` must be a list of kinds of layers, such as ["conv"]'
            raise Error(f"{rule}, got {str(stem)[:80]!r}")
        return cls.of(**data)

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """A user's space, in the format above. Raises as `read_definition`."""
        return read_definition(path, cls.from_dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON- and TOML-ready."""
        return {
            "name": self.name,
            "family": self.family,
            "max_layers": self.max_layers,
            # Digests are as they were before there were these.
            **({} if self.widths == ANY else {"widths": self.widths}),
            **({"largest_map": dict(self.largest_map)} if self.largest_map else {}),
            **({"stem": list(self.stem)} if self.stem else {}),
            "layers": {
                kind: {option: list(values) for option, values in choices} for kind, choices in self.layers
            },
        }

    @property
    def digest(self) -> str:
        """See `digest_of`."""
        return digest_of(self.to_dict())

    @property
    def rank(self) -> int:
        """Spatial dimensions of an input: 0 features, 1 signals and texts, 2 images."""
        return self._family.rank

    @property
    def of_texts(self) -> bool:
        """Whether its data are texts."""
        return self._family.of_texts

    @property
    def start(self) -> str:
        """The context in which nothing was added yet, see `layer_rules`."""
        return self._family.start

    def enumerate(self) -> list[Layer]:
        """All layers, kind by kind, in the declared order; the last option changes fastest."""
        return [layer for kind, choices in self.layers for layer in listed(kind, choices)]

    # -- what it may say ---------------------------------------------------------------------------

    @property
    def _family(self) -> Family:
        return FAMILIES[self.family]

    @property
    def _features(self) -> list[str]:
        """The kinds that it offers and that may come first."""
        offered = dict(self.layers)
        return [kind for kind in self._family.features if kind in offered]

    def _error(self, text: str) -> Error:
        return Error(f"space {self.name!r}: {text}")

    def _check_head(self) -> None:
        check_name(self.name)
        family = self.family
        if not isinstance(family, str) or family not in FAMILIES:
            raise self._error(unknown_name("family", str(family), FAMILIES))
        fewest, most = 2 if self.rank else 1, self.max_layers
        if not isinstance(most, int) or isinstance(most, bool) or not fewest <= most <= MOST_LAYERS:
            raise self._error(f"max_layers must be an integer from {fewest} to {MOST_LAYERS}, got {most!r}")
        if self.widths not in WIDTHS:
            raise self._error(unknown_name("order of widths", str(self.widths), WIDTHS))
        if self.widths != ANY and self.rank == 0:
            raise self._error(f"widths = {self.widths!r} is about convolutions, and {family!r} has none")

    def _check_ends(self) -> None:
        """A design must be able to begin and to end."""
        if not self._features:
            raise self._error(f"it needs at least one of the layers {', '.join(self._family.features)}")
        if self.rank == 0:
            return
        layers = dict(self.layers)
        if "global-pool" not in layers:
            remedy = '[layers.global-pool] operation = ["average", "max"]'
            raise self._error(f"no network could end without a global-pool; add {remedy}")
        ends = dict(layers["global-pool"])["operation"]
        for operation in dict(layers.get("pool", ())).get("operation", ()):
            if all(end == operation for end in ends):
                # Pooling twice by one operation is pooling once, so the mask forbids it.
                other = "max" if operation == "average" else "average"
                why = f"after pool {operation!r} no other global-pool could end the network"
                raise self._error(f"{why}; let layers.global-pool offer {other!r} as well")

    def _check_largest_map(self) -> None:
        legal = [kind for kind, _ in self.layers if kind in self._family.on_maps]
        for kind, side in self.largest_map:
            if kind not in legal:
                raise self._error(f"largest_map: {unknown_name('layer on maps', kind, legal)}")
            if not isinstance(side, int) or isinstance(side, bool) or side < 1:
                rule = "must be a positive integer, positions a side"
                raise self._error(f"largest_map.{kind} {rule}, got {side!r}")

    def _check_stem(self) -> None:
        for kind in self.stem:
            if kind not in self._features:
                raise self._error(f"stem: {unknown_name('first layer', str(kind), self._features)}")
            if self.stem.count(kind) > 1:
                raise self._error(f"stem names the layer {kind!r} more than once")
