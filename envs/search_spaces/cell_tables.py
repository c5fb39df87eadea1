"""What `CellSpace` looks up: for each skeleton what it costs and what each operation in it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import NONE, Architecture, Layer
from rl_designer.envs.layers import KINDS, Effect, Shape
from rl_designer.envs.layers.cell import held_beside, operation_options
from rl_designer.envs.layers.dense import classifier
from rl_designer.envs.layers.kind import Count, Part
from rl_designer.envs.search_spaces.cell_definition import CellDefinition
from rl_designer.envs.search_spaces.cell_layers import chain_of, edge_text
from rl_designer.envs.search_spaces.latency import CLASSIFIER
from rl_designer.envs.search_spaces.limits import COSTS, NO_LIMITS, Limits, counted

# Nothing may cost more: far beyond what is built, and sums stay far from int64's end.
_MOST_COST = 10**15

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CellTables:
    """All by the number of the skeleton; the costs that add up, by their names.

    Attributes:
        outside: int64 [skeletons], of all but the cells' edges.
        own: int64 [skeletons, operations], of one edge in all cells of the network.
        fits: bool [skeletons, operations]; whether it fits the map of every cell; all False where the
            skeleton doesn't fit the data.
        held: what is in memory with each skeleton.
    """

    outside: Mapping[str, Integers]
    own: Mapping[str, Integers]
    fits: NDArray[np.bool_]
    held: Sequence["Held"]

    def sums(self, cost: str, skeletons: Integers, counts: Integers) -> Integers:
        """A cost of networks, int64 [n]. `counts` is int64 [n, operations], how often each is there."""
        return self.outside[cost][skeletons] + (counts * self.own[cost][skeletons]).sum(axis=1)


@dataclass
class Held:
    """Values that are in memory at once with one skeleton.

    Attributes:
        outside: the most outside of its cells.
        cells: for each shape that a cell gets, the values of a map, and those that each operation holds
            beside the maps that it gets and gives, int64 [operations, 2], see `held_beside`.
    """

    outside: int
    cells: list[tuple[int, Integers]]

    def most(self, maps: Integers, needed: NDArray[np.bool_], operations: NDArray[np.integer]) -> Integers:
        """The most values of networks, int64 [n].

        Args:
            maps, needed: [n, edges], as `maps_held` gives them.
            operations: [n, edges], by their places.
        """
        found = np.full(len(maps), self.outside, dtype=np.int64)
        for values, beside in self.cells:
            for held, later, operation in zip(maps.T, needed.T, operations.T, strict=True):
                there = held * values + beside[operation, later.astype(np.int64)]
                found = np.maximum(found, np.where(held > 0, there, 0))
        return found


def tabulate_cells(
    definition: CellDefinition, inputs: Shape, num_classes: int, limits: Limits = NO_LIMITS
) -> CellTables:
    """The tables of a definition on data of one shape, of the usual costs and those that have a limit."""
    skeletons, operations = definition.skeletons(), definition.operation_layers()
    size = (len(skeletons), len(operations))
    adding = [cost for cost in counted(limits) if COSTS[cost].adds_up]
    tables = CellTables(
        {cost: np.zeros(len(skeletons), dtype=np.int64) for cost in adding},
        {cost: np.zeros(size, dtype=np.int64) for cost in adding},
        np.ones(size, dtype=np.bool_),
        [Held(0, []) for _ in skeletons],
    )
    for number, skeleton in enumerate(skeletons):
        shape = inputs
        through = Layer.of("skip", edge=edge_text(0, 1))  # any cell, to see where cells stand
        for layer, options in chain_of(Architecture("", (skeleton, through))):
            if layer.kind == "cell":
                _add_cell(tables, number, operations, shape, limits)
                continue
            kind = KINDS[layer.kind]
            effect = kind.effect(shape, **options)
            tables.fits[number] &= bool(kind.fits(shape, **options)) and _is_sane(effect)
            _add(tables, number, Part(layer.kind, shape, effect, options), limits)
            shape = effect.outputs
        _add(tables, number, Part(CLASSIFIER, shape, classifier(shape, num_classes)), limits)
    return tables


def _add(tables: CellTables, number: int, part: Part, limits: Limits) -> None:
    for cost, outside in tables.outside.items():
        outside[number] += _bounded(COSTS[cost].of(part, limits))
    held = tables.held[number]
    held.outside = max(held.outside, _bounded(part.effect.held_of(part.inputs)))


def _add_cell(
    tables: CellTables, number: int, operations: Sequence[Layer], shape: Shape, limits: Limits
) -> None:
    beside = np.zeros((len(operations), 2), dtype=np.int64)
    for place, operation in enumerate(operations):
        if operation.kind == NONE:
            continue
        kind = KINDS[operation.kind]
        options = operation_options(operation, kind, shape.channels)
        effect = kind.effect(shape, **options)
        part = Part(operation.kind, shape, effect, options)
        for cost, own in tables.own.items():
            own[number, place] += _bounded(COSTS[cost].of(part, limits))
        beside[place] = [_bounded(values) for values in held_beside(kind, shape, effect)]
        tables.fits[number, place] &= bool(kind.fits(shape, **options)) and _is_sane(effect)
    tables.held[number].cells.append((_bounded(shape.values), beside))


def _is_sane(effect: Effect) -> bool:
    return bool(max(effect.parameters, effect.macs) <= _MOST_COST)


def _bounded(cost: Count) -> int:
    return min(int(cost), _MOST_COST)
