"""`SpaceDefinition`: which layers a space offers, with which choices, how deep. Built in or a user's TOML.

A user's file:

    name = "tiny-signals"
    family = "convnet1d"            # or "convnet" (images), "mlp" (features)
    max_layers = 5                  # the global-pool is one, the final classifier is not
    widths = "non-decreasing"       # may be left out; no convolution narrower than the one before
    stem = ["conv"]                 # may be left out; the kinds that may come first

    [largest_map]                   # may be left out; where no map is larger than so many positions a side
    residual = 14

    [layers.conv]                   # an action adds a layer: one choice of every option
    kernel = [3, 5]
    width = [8, 16]
    stride = [1, 2]                 # may be left out, like every option with a default in `layer_kinds`

    [layers.global-pool]
    operation = ["average", "max"]
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, Self

from rl_designer.envs.architecture import Layer
from rl_designer.envs.files.untrusted import MEBIBYTE, bounded_bytes, toml_of
from rl_designer.envs.names import unknown_name
from rl_designer.envs.search_spaces.definition_rules import (
    ANY,
    FAMILIES,
    Choices,
    check_choices,
    check_head,
    check_kinds,
    check_largest_map,
    check_stem,
    check_tables,
    check_widths,
    of_space,
)

BUILT_IN_NAMES = ("convnet", "convnet1d", "mlp", "table")
MOST_ACTIONS = 2_000


@dataclass(frozen=True)
class SpaceDefinition:
    """A layer-by-layer space, without data or limits. `SpaceDefinition.of` is the usual way to make one.

    Attributes:
        name: part of the digest of every architecture of the space.
        family: `convnet` (images), `convnet1d` (signals) or `mlp` (features).
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
        check_head(self.name, self.family, self.max_layers)
        check_widths(self.name, self.family, self.widths)
        family = FAMILIES[self.family]
        for kind, choices in self.layers:
            if kind not in family.kinds:
                raise ValueError(
                    of_space(self.name, unknown_name(f"{self.family} layer", kind, family.kinds))
                )
            check_choices(of_space(self.name, f"layers.{kind}"), kind, choices)
        check_kinds(self.name, family, dict(self.layers))
        check_largest_map(self.name, family, dict(self.layers), self.largest_map)
        check_stem(self.name, family, dict(self.layers), self.stem)
        actions = 1 + sum(prod(len(values) for _, values in choices) for _, choices in self.layers)
        if actions > MOST_ACTIONS:
            raise ValueError(
                of_space(self.name, f"at most {MOST_ACTIONS:,} actions, its choices make {actions:,}")
            )

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
            raise ValueError(f"a space must be a table, got {type(data).__name__}")
        needed = ("name", "family", "max_layers", "layers")
        known = (*needed, "widths", "largest_map", "stem")
        for key in data:
            if key not in known:
                raise ValueError(f"space: {unknown_name('key', str(key), known)}")
        for key in needed:
            if key not in data:
                raise ValueError(f"a space needs the key {key!r}")
        check_tables(data["layers"])
        if not isinstance(largest_map := data.get("largest_map", {}), Mapping):
            rule = "`largest_map` must be a table of positions a side, such as {residual = 14}"
            raise ValueError(f"{rule}, got {str(largest_map)[:80]!r}")
        if not isinstance(stem := data.get("stem", ()), list | tuple):
            rule = '`stem` must be a list of kinds of layers, such as ["conv"]'
            raise ValueError(f"{rule}, got {str(stem)[:80]!r}")
        return cls.of(**data)

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """A user's space, in the format above.

        Raises:
            ValueError: for a file that is missing, not TOML or not a legal space, or that takes the name of a
                built-in one; one line with the file's name.
        """
        path = Path(path).expanduser()
        try:
            data = toml_of(bounded_bytes(path, MEBIBYTE))
        except OSError as error:
            raise ValueError(f"can't read the space file {path}: {error.strerror or error}") from None
        except ValueError as error:
            raise ValueError(f"the space file {path} is not TOML: {error}") from None
        try:
            definition = cls.from_dict(data)
        except ValueError as error:
            raise ValueError(f"{path}: {' '.join(str(error).split())}") from None
        if definition.name in BUILT_IN_NAMES:
            raise ValueError(f"{path}: the name {definition.name!r} is a built-in space's; choose another")
        return definition

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
        """20 hexadecimal characters of SHA-256 over everything, the order of the actions included."""
        canonical = json.dumps(self.to_dict(), separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:20]

    @property
    def rank(self) -> int:
        """Spatial dimensions of an input: 0 features, 1 signals, 2 images."""
        return FAMILIES[self.family].rank

    def enumerate(self) -> list[Layer]:
        """All layers, kind by kind, in the declared order; the last option changes fastest."""
        return [
            Layer.of(kind, **dict(zip([option for option, _ in choices], values, strict=True)))
            for kind, choices in self.layers
            for values in product(*(values for _, values in choices))
        ]
