"""`cell`: a directed graph without circles; each edge has an operation, each node is the sum of what leads to
it (NAS-Bench-201, Dong & Yang 2020, section 2.1, arXiv:2001.00326). It keeps the shape.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rl_designer.envs.architecture import Layer, Option
from rl_designer.envs.layers.cell_memory import maps_held
from rl_designer.envs.layers.kind import Count, Effect, Kind, Module, OptionRule, Part, Shape
from rl_designer.envs.layers.skip import SKIP
from rl_designer.envs.layers.source import LayerSource


@dataclass(frozen=True)
class Edge:
    """An operation from a node to a higher one. `kind` is that of `operation`; node 0 is the input."""

    source: int
    target: int
    operation: Layer
    kind: Kind

    def options(self, channels: Count) -> dict[str, Option]:
        """The operation's options, all of them, where so many channels flow."""
        return operation_options(self.operation, self.kind, channels)

    @property
    def name(self) -> str:
        """An identifier, `0_1`, for the module's weights."""
        return f"{self.source}_{self.target}"

    @property
    def words(self) -> str:
        """`conv 3`, `same-pool average`: kind and values of the options; of true and false the name."""
        values = [
            name.replace("_", "-") if value is True else str(value)
            for name, value in self.operation.options
            if value is not False
        ]
        return " ".join([self.operation.kind, *values])


Edges = tuple[Edge, ...]  # by target, then source; each on a path from node 0 to the last one


def cell_words(edges: Edges) -> str:
    """`1 = conv 3 of 0; 3 = skip of 0 + conv 1 of 1`: each node as the sum of its edges."""
    sums: dict[int, list[str]] = {}
    for edge in edges:
        sums.setdefault(edge.target, []).append(f"{edge.words} of {edge.source}")
    return "; ".join(f"{node} = {' + '.join(terms)}" for node, terms in sums.items())


def operation_options(operation: Layer, kind: Kind, channels: Count) -> dict[str, Option]:
    """An operation's options with the defaults filled in; it keeps the channels and the size of the map."""
    given: Mapping[str, Any] = {**dict(operation.options), **_kept(kind, channels)}
    return {name: given.get(name, rule.default) for name, rule in kind.options.items()}


def _kept(kind: Kind, channels: Count) -> dict[str, Count]:
    return {name: value for name, value in (("width", channels), ("stride", 1)) if name in kind.options}


def free_options(kind: Kind) -> dict[str, OptionRule]:
    """The options of a kind that an edge may choose: all but those that would change the shape."""
    return {name: rule for name, rule in kind.options.items() if name not in ("width", "stride")}


def _effects(inputs: Shape, edges: Edges) -> Iterable[Effect]:
    return (edge.kind.effect(inputs, **edge.options(inputs.channels)) for edge in edges)


def _effect(inputs: Shape, *, edges: Edges) -> Effect:
    effects = list(_effects(inputs, edges))
    return Effect(
        inputs,
        sum(effect.parameters for effect in effects),
        sum(effect.macs for effect in effects),
        max((effect.inside for effect in effects), default=0),
        sum(effect.vectors for effect in effects),
        _held(inputs, edges, effects),
    )


def held_beside(kind: Kind, inputs: Shape, effect: Effect) -> tuple[Count, Count]:
    """Values that an edge's operation holds beside the maps that it gets and gives: where what it gets isn't
    needed any more, and where it is; see `Effect.held`.
    """
    if kind is SKIP:
        return 0, 0
    held, maps = effect.held_of(inputs), inputs.values + effect.outputs.values
    return held - maps, (held if effect.held_on is None else effect.held_on) - maps


def _held(inputs: Shape, edges: Edges, effects: Sequence[Effect]) -> Count:
    if not edges:
        return inputs.values
    skips = np.array([[edge.kind is SKIP for edge in edges]])
    ends = [(edge.source, edge.target) for edge in edges]
    [maps], [needed] = maps_held(ends, np.ones_like(skips), skips)
    beside = (
        held_beside(edge.kind, inputs, effect)[int(later)]
        for edge, effect, later in zip(edges, effects, needed, strict=True)
    )
    return max(int(number) * inputs.values + more for number, more in zip(maps, beside, strict=True))


def parts_of(inputs: Shape, edges: Edges) -> tuple[Part, ...]:
    """What the edges do."""
    return tuple(
        Part(edge.operation.kind, inputs, effect, edge.options(inputs.channels))
        for edge, effect in zip(edges, _effects(inputs, edges), strict=True)
    )


def _fits(inputs: Shape, *, edges: Edges) -> Any:
    return all(edge.kind.fits(inputs, **edge.options(inputs.channels)) for edge in edges)


def _module(channels: int, rank: int, *, edges: Edges) -> Module:
    from rl_designer.envs.layers.modules import Cell

    operations = [edge.kind.module(channels, rank, **edge.options(channels)) for edge in edges]
    return Cell(edges, operations)


def _source(name: str, module: Any) -> LayerSource:
    """A statement an edge, or a few; what a skip stands for needs no module."""
    modules: dict[str, tuple[str, ...]] = {}
    forward, reached = ["node0 = x"], {0}
    for edge, operation in zip(module.edges, module.operations.values(), strict=True):
        own = edge.kind.source(f"{name}_{edge.name}", operation)
        given, value = f"node{edge.source}", f"self.{name}_{edge.name}(node{edge.source})"
        if edge.operation.kind == "skip":
            value = given
        elif own.forward == (f"x = self.{name}_{edge.name}(x)",):
            modules |= own.modules
        else:
            modules |= own.modules
            forward += [*([] if forward[-1] == f"{given} = x" else [f"x = {given}"]), *own.forward]
            value = "x"
        target = f"node{edge.target}"
        forward.append(f"{target} = {f'{target} + {value}' if edge.target in reached else value}")
        reached.add(edge.target)
    return LayerSource(modules, (*forward, f"x = node{module.edges[-1].target}"))


_EDGES = OptionRule("made of a design's edges, each written as a layer of its own", lambda value: False)
CELL = Kind("cell", (), {"edges": _EDGES}, _effect, _module, _fits, _source)
