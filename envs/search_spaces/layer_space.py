"""`LayerSpace`: networks built layer by layer, legal by construction, within limits."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import Layer
from rl_designer.envs.errors import Error
from rl_designer.envs.search_spaces.base import Actions, SearchSpace, States
from rl_designer.envs.search_spaces.costs import check_classes
from rl_designer.envs.search_spaces.definition import SpaceDefinition
from rl_designer.envs.search_spaces.layer_rules import CONTEXTS, RULES, input_for, still_a_map, token
from rl_designer.envs.search_spaces.layer_tables import ShapeTables, action_features, reach_of, tabulate
from rl_designer.envs.search_spaces.limits import ALWAYS, COSTS, EXACT, Limits, joined, told_least

_SHAPE, _CONTEXT, _LAYERS, _COSTS = range(4)
_PARAMETERS, _MACS = range(_COSTS, _COSTS + len(ALWAYS))


class LayerSpace(SearchSpace):
    """One action is a whole layer with all of its choices; the last action is `stop`.

    The rules of the mask:
    - What may follow what: `layer_rules`. Kernels no larger than the map, strides no larger than the kernel,
      a pool only where it leaves more than one position, and on a map of one position only the first
      global-pool (all are the same there). By the definition's `widths`, no convolution that narrows its map;
      by its `largest_map`, no layer on a map larger than its kind may get; by its `stem`, only some first.
    - Every legal prefix can be finished at once, by a global-pool where it is still a map, and `stop`, within
      the limits and `max_layers`. So a layer is legal exactly where its own costs and those of a global-pool
      and the classifier right after it still fit, and there is no dead end. A design that would be within a
      limit only thanks to a narrower layer later on, but isn't at some prefix, is out of reach.

    A state is [shape's index, context's index, layers, parameters, macs, what else is counted].
    What depends on the shape and the action alone is tabulated once, so masks cost a few lookups whatever the
    number of actions; a limit on what doesn't add up is in these tables alone.

    Args:
        definition: kinds, choices, depth.
        input_shape: of one example.
        num_classes: width of the final linear classifier, which `stop` adds.
        limits: as `Limits` has them, by name.

    Raises:
        ValueError: for data of another rank, a limit out of range, or where not even a network of one
            feature layer fits the data and the limits.
    """

    def __init__(
        self,
        definition: SpaceDefinition,
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
        self._layers: tuple[Layer | None, ...] = (*definition.enumerate(), None)
        self._index = {layer: action for action, layer in enumerate(self._layers)}
        self.num_actions = len(self._layers)
        self.max_steps = definition.max_layers + 1
        self.action_features = action_features(definition)
        nothing = (0, 1)  # of `stop`, and of what index -1 reads
        self._reach = np.array([*map(reach_of, definition.enumerate()), nothing, nothing]).T
        self._make_context_tables()
        self._make_shape_tables(tabulate(definition, inputs, num_classes, self.limits))

    def start(self, n: int) -> States:
        states = np.zeros((n, _COSTS + len(self._own)), dtype=np.int64)
        states[:, _CONTEXT] = self._first_context
        return states

    def advance(self, states: States, actions: NDArray[np.int64]) -> States:
        shape, context = states[:, _SHAPE], states[:, _CONTEXT]
        after = np.empty_like(states)
        after[:, _SHAPE] = self._next_shape[shape, actions]
        after[:, _CONTEXT] = self._next_context[context, actions]
        after[:, _LAYERS] = states[:, _LAYERS] + (actions != self.num_actions - 1)
        for column, (cost, own) in enumerate(self._own.items(), start=_COSTS):
            after[:, column] = joined(cost, states[:, column], own[shape, actions])
        return after

    def masks(self, states: States) -> NDArray[np.bool_]:
        shape = states[:, _SHAPE]
        masks = self._most_layers[states[:, _CONTEXT]] >= states[:, _LAYERS, None]
        for column, most in self._most.items():
            masks &= most[shape] >= states[:, column, None]
        return masks

    def summaries(self, actions: Actions) -> NDArray[np.float32]:
        """Depth as a share of the deepest, decimal logarithms of parameters and multiply-adds."""
        states = self.final_states(actions)
        depth = states[:, _LAYERS] / self.max_steps
        costs = np.log10(np.maximum(states[:, [_PARAMETERS, _MACS]], 1))
        return np.column_stack([depth, costs]).astype(np.float32)

    def structure(self, actions: Actions) -> dict[str, NDArray[np.float32]]:
        """What the layers add up to, the first and the last of them, as `action_features` describes layers;
        the logarithms of the receptive field and of the total stride, as if maps had no ends; and the
        `summaries`. An inserted layer changes little of it.
        """
        layers = np.where(actions == self.num_actions - 1, -1, actions)
        last = np.maximum((layers >= 0).sum(axis=1), 1) - 1
        described = self._padded_features[layers]
        beyond, strides = self._reach[:, layers]
        strides = np.cumprod(strides, axis=1, dtype=np.float64)
        before = np.pad(strides[:, :-1], ((0, 0), (1, 0)), constant_values=1)
        field = 1 + (beyond * before).sum(axis=1)
        return {
            "sums": described.sum(axis=1),
            "first": described[:, 0],
            "last": described[np.arange(len(actions)), last],
            "reach": np.log(np.stack([field, strides[:, -1]], axis=1)).astype(np.float32),
            "whole": self.summaries(actions),
        }

    def costs(self, actions: Actions) -> dict[str, NDArray[np.float64]]:
        states = self.final_states(actions)
        so_far = dict(zip(self._own, states[:, _COSTS:].T, strict=True))
        ends = {cost: end[states[:, _SHAPE]] for cost, end in self._ends.items()}
        return {cost: joined(cost, so_far[cost], end).astype(np.float64) for cost, end in ends.items()}

    def layer(self, step: int, action: int) -> Layer | None:
        return self._layers[action]

    def action_of(self, step: int, layer: Layer | None) -> int:
        action = self._index.get(layer)
        # Equality is not enough: Python's 1, 1.0 and True are equal, and would be three digests.
        if action is None or (self._layers[action] is not layer and str(self._layers[action]) != str(layer)):
            raise Error(f"space {self.name!r} has no layer {layer}")
        return action

    # -- tables ------------------------------------------------------------------------------------

    @property
    def _first_context(self) -> int:
        return CONTEXTS.index(self.definition.start)

    def _make_context_tables(self) -> None:
        """`_next_context` [contexts, actions], and `_most_layers`: how many layers a prefix may have so that
        the action is legal; -1 where the rules forbid it."""
        shape = (len(CONTEXTS), self.num_actions)
        self._next_context = np.zeros(shape, dtype=np.int64)
        self._most_layers = np.full(shape, -1, dtype=np.int64)
        tokens = [token(layer) for layer in self._layers]
        for row, context in enumerate(CONTEXTS):
            for action, added in enumerate(tokens):
                after = RULES[context].get(added)
                if after is not None:
                    to_come = (self._layers[action] is not None) + still_a_map(after)
                    self._next_context[row, action] = CONTEXTS.index(after)
                    self._most_layers[row, action] = self.definition.max_layers - to_come
        if stem := self.definition.stem:
            others = [layer is None or layer.kind not in stem for layer in self._layers]
            self._most_layers[self._first_context, others] = -1

    def _make_shape_tables(self, tables: ShapeTables) -> None:
        """All [shapes, actions]: the shape after an action, its costs, and what a prefix may have cost so far
        so that the action is legal; -1 where the action doesn't fit the shape."""
        finished, limits = tables.finished, self.limits
        self._own = {cost: tables.own[cost] for cost in finished}
        adding = {column: cost for column, cost in enumerate(finished, _COSTS) if COSTS[cost].adds_up}
        fits = tables.fits.copy()
        for cost in finished.keys() - adding.values():
            fits &= finished[cost] <= limits.of(cost)
        self._next_shape = tables.after
        self._most = {
            column: np.where(fits, limits.of(cost) - finished[cost], -1) for column, cost in adding.items()
        }
        # `stop` itself costs nothing.
        self._ends = {cost: finished[cost][:, -1] for cost in finished if cost in EXACT}
        if not self.masks(self.start(1)).any():
            raise Error(self._why_empty(tables))

    def _why_empty(self, tables: ShapeTables) -> str:
        first = self._most_layers[self._first_context] >= 0
        first &= tables.fits[0]
        if not first.any():
            why = "its kernels are larger than the data or smaller than their strides"
            if self.definition.largest_map:
                why += ", or the data larger than its `largest_map` says"
            if self.definition.stem:
                why += ", or its `stem` leaves out those that would"
            return f"no first layer of space {self.name!r} fits the shape {self.input_shape}: {why}"
        least = {cost: int(numbers[0, first].min()) for cost, numbers in tables.finished.items()}
        return (
            f"no network of space {self.name!r} keeps {self.limits} on shape {self.input_shape}: "
            + told_least(least)
            + (
                "; --vocabulary knows fewer symbols, of which each costs some"
                if self.definition.of_texts
                else ""
            )
        )
