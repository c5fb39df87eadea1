"""`Layer` and `Architecture`: what a design is. No torch here."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import Any, Self

from rl_designer.envs.errors import Error

Option = bool | int | float | str

# The first layer of a cell's design, the skeleton around it, and an edge that isn't there.
MACRO, NONE = "macro", "none"
# The first layer of a network on texts.
EMBEDDING = "embedding"
# The kind of what stands before a network's layers: each says one thing of how it is trained.
TRAINING = "training"


def text_of(value: Option) -> str:
    """An option's value as it is typed: `true`, `32`, `0.01`, `tanh`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Layer:
    """One decision of a design: a kind, and named options in alphabetical order.

    `Layer.of("conv", width=16, kernel=3)` is the usual way to make one.
    """

    kind: str
    options: tuple[tuple[str, Option], ...] = ()

    @classmethod
    def of(cls, kind: str, **options: Option) -> Self:
        return cls(kind, tuple(sorted(options.items())))

    @property
    def is_decision(self) -> bool:
        """Whether it is one of an architecture table, whose kind is the decision's name."""
        return [name for name, _ in self.options] == ["option"]

    @property
    def is_training(self) -> bool:
        """Whether it says how the network is trained, and is no part of it."""
        return self.kind == TRAINING and not self.is_decision

    def __getitem__(self, name: str) -> Option:
        """The value of one option. Raises KeyError where the layer has no such option."""
        for option, value in self.options:
            if option == name:
                return value
        raise KeyError(f"a {self.kind} layer has no option {name!r}; it has {[n for n, _ in self.options]}")

    def __str__(self) -> str:
        inner = ", ".join(f"{name}={value}" for name, value in self.options)
        return f"{self.kind}({inner})" if inner else self.kind

    def to_dict(self) -> dict[str, Option]:
        """JSON-ready: `{"kind": …, option: value, …}`."""
        return {"kind": self.kind, **dict(self.options)}

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """The inverse of `to_dict`. Raises ValueError on anything else."""
        if not isinstance(data, Mapping) or not isinstance(data.get("kind"), str):
            raise Error(f"a layer must be an object with a text `kind`, got {str(data)[:80]!r}")
        for name, value in data.items():
            if not isinstance(name, str) or not isinstance(value, bool | int | float | str):
                raise Error(f"a layer's option must be a number, a text or a truth value, got {name!r}")
        return cls(data["kind"], tuple(sorted((name, data[name]) for name in data if name != "kind")))


@dataclass(frozen=True)
class Architecture:
    """A design of a search space; a prefix and a finished network are one type.

    Attributes:
        space: name of the search space.
        layers: the layers taken so far; before those of the network what the design says of its training, if
            it does: one layer of the kind `training` a setting.
        complete: whether nothing can be added.
    """

    space: str
    layers: tuple[Layer, ...] = ()
    complete: bool = False

    @cached_property
    def digest(self) -> str:
        """20 hexadecimal characters of SHA-256 over the canonical form: equal networks, equal digests."""
        canonical = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:20]

    @property
    def network(self) -> tuple[Layer, ...]:
        """The layers that make the network: all behind those that say how it is trained."""
        return self.layers[self._of_training :]

    @property
    def training(self) -> dict[str, Option]:
        """What the design says of its training, setting → value, in the order of the layers."""
        return dict(option for layer in self.layers[: self._of_training] for option in layer.options)

    @property
    def _of_training(self) -> int:
        return sum(1 for _ in takewhile(lambda layer: layer.is_training, self.layers))

    @property
    def told(self) -> tuple[Layer, ...]:
        """The layers as people read them: what it says of its training in one, then the network's."""
        training = self.training
        return (*((Layer.of(TRAINING, **training),) if training else ()), *self.network)

    @property
    def is_cell(self) -> bool:
        """Whether its network is a skeleton and the edges of a cell, and no chain."""
        return bool(self.network) and self.network[0].kind == MACRO and not self.network[0].is_decision

    @property
    def of_texts(self) -> bool:
        """Whether its network takes symbols of texts."""
        return bool(self.network) and self.network[0].kind == EMBEDDING and not self.network[0].is_decision

    def __str__(self) -> str:
        return " → ".join(str(layer) for layer in self.told) or "(empty)"

    def to_dict(self) -> dict[str, Any]:
        return {
            "space": self.space,
            "layers": [layer.to_dict() for layer in self.layers],
            "complete": self.complete,
        }

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """The inverse of `to_dict`. Raises ValueError on anything else."""
        if not isinstance(data, Mapping):
            raise Error(f"an architecture must be an object, got {type(data).__name__}")
        space, layers, complete = data.get("space"), data.get("layers"), data.get("complete", True)
        if not isinstance(space, str) or not isinstance(layers, list) or not isinstance(complete, bool):
            raise Error("an architecture needs `space` (text), `layers` (list), `complete` (true or false)")
        return cls(space, tuple(Layer.from_dict(layer) for layer in layers), complete)
