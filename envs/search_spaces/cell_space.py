"""`CellSpace`: cells of one graph in a skeleton, legal by construction, within limits."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import NONE, Layer
from rl_designer.envs.errors import Error
from rl_designer.envs.layers import KINDS
from rl_designer.envs.layers.cell_memory import maps_held
from rl_designer.envs.search_spaces.base import Actions, SearchSpace, States
from rl_designer.envs.search_spaces.cell_definition import CellDefinition
from rl_designer.envs.search_spaces.cell_layers import SKIP, edge_text
from rl_designer.envs.search_spaces.cell_networks import (
    ABSENT,
    FREE,
    IDENTITY,
    LEARNS,
    cell_networks,
)
from rl_designer.envs.search_spaces.cell_tables import tabulate_cells
from rl_designer.envs.search_spaces.costs import check_classes
from rl_designer.envs.search_spaces.layer_rules import input_for
from rl_designer.envs.search_spaces.layer_tables import features_of
from rl_designer.envs.search_spaces.limits import EXACT, NUMBERS, Limits, counted, told_least
from rl_designer.envs.tables.wiring import Wiring, structure_of

_STEP, _MACRO, _CELL = range(3)


class CellSpace(SearchSpace):
    """The first action is the skeleton, each further one the operation of the next edge.

    An action is legal exactly where some complete design with it connects the input to the output, keeps
    the limits, and has no operation that is too large for one of the maps: all cells of
    the graph are looked at beforehand. So there is no dead end, and no design within the limits is out of
    reach. Costs are those of the network: an edge on no path costs nothing.

    Equal networks (`cell_networks`) have one canonical spelling, hence one digest.

    A state is [actions so far, skeleton, number of the cell so far]; the operations' indices are the number's
    digits.

    Args:
        definition: graph, operations, skeletons.
        input_shape: of one example.
        num_classes: width of the final linear classifier.
        limits: as `Limits` has them, by name.

    Raises:
        ValueError: for data of another rank, a limit out of range, or where no design fits the data and
            the limits.
    """

    def __init__(
        self,
        definition: CellDefinition,
        input_shape: Sequence[int],
        num_classes: int,
        **limits: Any,
    ) -> None:
        check_classes(num_classes)
        self.limits = Limits.given(limits)
        inputs = input_for(definition.name, definition.rank, input_shape)
        self.definition = definition
        self.name = definition.name
        self.input_shape = inputs.sizes
        self.num_classes = num_classes
        self._skeletons = definition.skeletons()
        self.operations = definition.operation_layers()
        self.max_steps = 1 + len(definition.edges)
        self.num_actions = len(self._skeletons) + len(self.operations)
        self.action_features = features_of(definition.enumerate(), definition.layers)
        self._layers = self._edge_layers()
        self._index = [{layer: i for i, layer in enumerate(layers)} for layers in self._layers]
        roles = tuple(_role(operation) for operation in self.operations)
        self._networks = cell_networks(definition.edges, roles)
        self._tables = tabulate_cells(definition, inputs, num_classes, self.limits)
        self._grow_levels()

    def start(self, n: int) -> States:
        return np.zeros((n, 3), dtype=np.int64)

    def advance(self, states: States, actions: NDArray[np.int64]) -> States:
        first = states[:, _STEP] == 0
        cells = states[:, _CELL] * len(self.operations) + actions - len(self._skeletons)
        return np.column_stack(
            [
                states[:, _STEP] + 1,
                np.where(first, actions, states[:, _MACRO]),
                np.where(first, 0, cells),
            ]
        )

    def masks(self, states: States) -> NDArray[np.bool_]:
        masks = np.zeros((len(states), self.num_actions), dtype=np.bool_)
        skeletons, operations = len(self._skeletons), len(self.operations)
        masks[states[:, _STEP] == 0, :skeletons] = self._levels[0][:, 0]
        for step in range(1, self.max_steps):
            here = np.flatnonzero(states[:, _STEP] == step)
            if len(here):
                level = self._levels[step].reshape(skeletons, -1, operations)
                masks[here, skeletons:] = level[states[here, _MACRO], states[here, _CELL]]
        return masks

    def layer(self, step: int, action: int) -> Layer:
        index = action - (len(self._skeletons) if step else 0)
        if not 0 <= index < len(self._layers[step]):
            raise Error(f"action {action} of space {self.name!r} is never legal at step {step}")
        return self._layers[step][index]

    def action_of(self, step: int, layer: Layer | None) -> int:
        index = self._index[step].get(layer) if step < self.max_steps and layer is not None else None
        # Equality is not enough: Python's 1, 1.0 and True are equal, and would be three digests.
        if index is None or str(self._layers[step][index]) != str(layer):
            raise Error(f"step {step} of space {self.name!r} has no layer {layer}")
        return index + (len(self._skeletons) if step else 0)

    def canonical(self, actions: Actions) -> Actions:
        skeletons, cells = self._numbers(actions)
        operations = self._networks.digits[self._networks.canonical[cells]].astype(np.int64)
        return np.column_stack([skeletons, operations + len(self._skeletons)])

    def summaries(self, actions: Actions) -> NDArray[np.float32]:
        """The share of edges that are there, decimal logarithms of parameters and multiply-adds."""
        _, cells = self._numbers(actions)
        costs = self.costs(actions)
        logarithms = [np.log10(np.maximum(costs[name], 1)) for name in ("parameters", "macs")]
        edges = self._networks.live[self._networks.canonical[cells]].mean(axis=1)
        return np.column_stack([edges, *logarithms]).astype(np.float32)

    def structure(self, actions: Actions) -> dict[str, NDArray[np.float32]]:
        """`cell`: what can flow through the canonical cell, as a table's wiring says it; `skeleton`: its
        options; and the `summaries`.
        """
        skeletons, cells = self._numbers(actions)
        canonical = self._networks.canonical[cells]
        return {
            "cell": structure_of(self.wiring, self.decisions, self._networks.digits[canonical]),
            "skeleton": self.action_features[skeletons],
            "whole": self.summaries(actions),
        }

    def costs(self, actions: Actions) -> dict[str, NDArray[np.float64]]:
        skeletons, cells = self._numbers(actions)
        canonical = self._networks.canonical[cells].astype(np.int64)
        counts = self._counts(canonical)
        known = {cost: np.zeros(len(actions)) for cost in counted(self.limits) if cost in EXACT}
        for cost in known:
            if cost in self._tables.own:
                known[cost] += self._tables.sums(cost, skeletons, counts)
                continue
            for skeleton in np.unique(skeletons).tolist():
                own = skeletons == skeleton
                known[cost][own] = self._cost(cost, skeleton, canonical[own], counts[own])
        return known

    # -- all of its cells --------------------------------------------------------------------------

    @property
    def wiring(self) -> Wiring:
        """The graph, for tables: which decision stands on which edge."""
        return Wiring(self.definition.edges)

    @cached_property
    def decisions(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The edges and their operations, as a table names them."""
        options = tuple(str(operation) for operation in self.operations)
        return tuple((f"edge {edge_text(*edge)}", options) for edge in self.definition.edges)

    def every_design(self) -> Actions:
        """All legal spellings, int64 [n, max_steps], in the order of the actions."""
        skeletons, cells = np.nonzero(self._levels[-1])
        operations = self._networks.digits[cells].astype(np.int64)
        return np.column_stack([skeletons, operations + len(self._skeletons)])

    @cached_property
    def distinct(self) -> int:
        """How many distinct networks are legal."""
        own = self._networks.canonical == np.arange(len(self._networks.canonical))
        return int((self._levels[-1] & own).sum())

    def _numbers(self, actions: Actions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Skeleton and cell of complete designs, int64 [n] each."""
        cells = np.zeros(len(actions), dtype=np.int64)
        for column in actions.T[1:]:
            cells = cells * len(self.operations) + column - len(self._skeletons)
        return actions[:, 0], cells

    def _counts(self, cells: NDArray[np.integer]) -> NDArray[np.int64]:
        """How often each operation is there, int64 [n, operations]."""
        digits, live = self._networks.digits[cells], self._networks.live[cells]
        numbers = range(len(self.operations))
        return np.stack([((digits == number) & live).sum(axis=1) for number in numbers], axis=1)

    def _edge_layers(self) -> list[list[Layer]]:
        """What may be added at each step."""
        on_edges = [
            [Layer.of(o.kind, edge=edge_text(*edge), **dict(o.options)) for o in self.operations]
            for edge in self.definition.edges
        ]
        return [self._skeletons, *on_edges]

    def _grow_levels(self) -> None:
        """`_levels`: which prefixes some design completes, bool [skeletons, cells so far] by edges."""
        connected = self._networks.canonical >= 0
        cells = np.arange(len(connected))
        counts = self._counts(cells)
        skeletons = range(len(self._skeletons))
        legal = np.stack([connected & self._within(number, cells, counts) for number in skeletons])
        self._levels = [legal]
        for _ in self.definition.edges:
            level = self._levels[0]
            shape = (len(level), level.shape[1] // len(self.operations), len(self.operations))
            self._levels.insert(0, np.asarray(level.reshape(shape).any(axis=2)))
        if not legal.any():
            raise Error(self._why_empty(np.flatnonzero(connected), counts[connected]))

    def _within(
        self, skeleton: int, cells: NDArray[np.int64], counts: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        fits = ~(counts[:, ~self._tables.fits[skeleton]] > 0).any(axis=1)
        for cost in self.limits.limited:
            fits &= self._cost(cost, skeleton, cells, counts) <= self.limits.of(cost)
        return np.asarray(fits)

    def _cost(
        self, cost: str, skeleton: int, cells: NDArray[np.int64], counts: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Of one skeleton with each of the cells, int64 [n]; how often each has each operation is known."""
        if cost not in self._tables.own:
            maps, needed = self._maps
            held = self._tables.held[skeleton]
            values = held.most(maps[cells], needed[cells], self._networks.digits[cells])
            return values * NUMBERS[self.limits.numbers]
        return self._tables.sums(cost, np.full(len(cells), skeleton), counts)

    @cached_property
    def _maps(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """See `maps_held`, of every cell."""
        skips = np.array([_role(operation) == IDENTITY for operation in self.operations])
        networks = self._networks
        return maps_held(self.definition.edges, networks.live, skips[networks.digits])

    def _why_empty(self, cells: NDArray[np.int64], counts: NDArray[np.int64]) -> str:
        fits = self._tables.fits.any(axis=1)
        if not fits.any():
            return (
                f"no skeleton of space {self.name!r} fits the shape {self.input_shape}: its kernels are "
                "larger than the map, or it halves the map too often"
            )
        skeletons = np.flatnonzero(fits)
        least = {
            cost: min(int(self._cost(cost, number, cells, counts).min()) for number in skeletons.tolist())
            for cost in counted(self.limits)
        }
        return (
            f"no network of space {self.name!r} keeps {self.limits} on shape {self.input_shape}: "
            f"{told_least(least)}"
        )


def _role(operation: Layer) -> int:
    special = {NONE: ABSENT, SKIP: IDENTITY}
    if operation.kind in special:
        return special[operation.kind]
    return LEARNS if KINDS[operation.kind].role == "feature" else FREE
