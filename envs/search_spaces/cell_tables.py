"""What `CellSpace` looks up: for each skeleton what it costs and what each operation in it costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import NONE, Architecture, Layer
from rl_designer.envs.layers import KINDS, Effect, Shape
from rl_designer.envs.layers.cell import operation_options
from rl_designer.envs.layers.dense import classifier
from rl_designer.envs.search_spaces.cell_definition import CellDefinition
from rl_designer.envs.search_spaces.cell_layers import chain_of, edge_text

# Nothing may cost more: far beyond what is built, and sums stay far from int64's end.
_MOST_COST = 10**15

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CellTables:
    """Costs are pairs, parameters and multiply-adds.

    Attributes:
        skeletons: int64 [skeletons, 2], all but the cells' edges.
        operations: int64 [skeletons, operations, 2], of one edge in all cells of the network.
        fits: bool [skeletons, operations]; whether it fits the map of every cell; all False where the
            skeleton doesn't fit the data.
    """

    skeletons: Integers
    operations: Integers
    fits: NDArray[np.bool_]

    def costs(self, skeletons: Integers, counts: Integers) -> Integers:
        """Costs of networks, int64 [n, 2]. `counts` is int64 [n, operations], how often each is there."""
        each = np.einsum("no,noc->nc", counts, self.operations[skeletons])
        return self.skeletons[skeletons] + each


def tabulate_cells(definition: CellDefinition, inputs: Shape, num_classes: int) -> CellTables:
    """The tables of a definition on data of one shape."""
    skeletons, operations = definition.skeletons(), definition.operation_layers()
    tables = CellTables(
        np.zeros((len(skeletons), 2), dtype=np.int64),
        np.zeros((len(skeletons), len(operations), 2), dtype=np.int64),
        np.zeros((len(skeletons), len(operations)), dtype=np.bool_),
    )
    for number, skeleton in enumerate(skeletons):
        _add(tables, number, skeleton, operations, inputs, num_classes)
    return tables


def _add(
    tables: CellTables,
    number: int,
    skeleton: Layer,
    operations: Sequence[Layer],
    inputs: Shape,
    num_classes: int,
) -> None:
    shape = inputs
    through = Layer.of("skip", edge=edge_text(0, 1))  # any cell, to see where cells stand
    tables.fits[number] = True
    for layer, options in chain_of(Architecture("", (skeleton, through))):
        if layer.kind == "cell":
            _add_cell(tables, number, operations, shape)
            continue
        kind = KINDS[layer.kind]
        effect = kind.effect(shape, **options)
        tables.fits[number] &= bool(kind.fits(shape, **options)) and _is_sane(effect)
        tables.skeletons[number] += _pair(effect)
        shape = effect.outputs
    tables.skeletons[number] += _pair(classifier(shape, num_classes))


def _add_cell(tables: CellTables, number: int, operations: Sequence[Layer], shape: Shape) -> None:
    for place, operation in enumerate(operations):
        if operation.kind == NONE:
            continue
        kind = KINDS[operation.kind]
        options = operation_options(operation, kind, shape.channels)
        effect = kind.effect(shape, **options)
        tables.operations[number, place] += _pair(effect)
        tables.fits[number, place] &= bool(kind.fits(shape, **options)) and _is_sane(effect)


def _is_sane(effect: Effect) -> bool:
    return bool(max(effect.parameters, effect.macs) <= _MOST_COST)


def _pair(effect: Effect) -> Integers:
    costs = (effect.parameters, effect.macs)
    return np.array([min(int(cost), _MOST_COST) for cost in costs], dtype=np.int64)
