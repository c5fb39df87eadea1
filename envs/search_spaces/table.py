"""`TableSpace`: the rows of an architecture table, one decision a step."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import Layer
from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.search_spaces.base import Actions, SearchSpace, States
from rl_designer.envs.search_spaces.limits import COSTS, Limits
from rl_designer.envs.tables.table import ArchitectureTable
from rl_designer.envs.tables.wiring import structure_of

_MOST_ENTRIES = 2**26  # prefixes times options, each with the number of the prefix that it leads to


class TableSpace(SearchSpace):
    """The designs of an architecture table. An action is the index of an option.

    A state is one number, the prefix's node in the tree of all rows, so that only prefixes that some row
    completes can be reached; limits take rows out before the tree is made.

    Args:
        limits: as `Limits` has them, by name; rows beyond them are left out. The table must have the metric
            `parameters`, or `macs` (or `flops`).

    Raises:
        ValueError: for a limit on a cost that the table lacks, or that no row keeps, and for a table with so
            many prefixes that they would fill the memory.
    """

    def __init__(self, table: ArchitectureTable, **limits: Any) -> None:
        self.limits = Limits.given(limits)
        self.table = table
        self.name = f"table:{table.name}"
        self.max_steps = len(table.decisions)
        self.num_actions = max(len(options) for _, options in table.decisions)
        self.action_features = np.eye(self.num_actions, dtype=np.float32)
        legal = _legal_rows(table, self.limits)
        self._grow_tree(table.architectures[legal].astype(np.int64), legal)
        self._canonical_row = _first_of_each(table.canonical, legal)
        # Made once, since a long run keeps the layers of all of its designs.
        self._layers = [
            [Layer(name, (("option", option),)) for option in options] for name, options in table.decisions
        ]
        self._option_index = [{o: i for i, o in enumerate(options)} for _, options in table.decisions]

    def start(self, n: int) -> States:
        return np.zeros((n, 1), dtype=np.int64)

    def advance(self, states: States, actions: NDArray[np.int64]) -> States:
        return self._children[states[:, 0], actions][:, None]

    def masks(self, states: States) -> NDArray[np.bool_]:
        return self._legal[states[:, 0]]

    def layer(self, step: int, action: int) -> Layer:
        return self._layers[step][action]

    def action_of(self, step: int, layer: Layer | None) -> int:
        if layer is None or step >= self.max_steps or layer.kind != self.table.decisions[step][0]:
            raise Error(f"step {step} of space {self.name!r} has no decision {layer}")
        option = dict(layer.options).get("option")
        if len(layer.options) != 1 or not isinstance(option, str):
            raise Error(f"decision {layer.kind!r} must have one `option`, a text, got {layer}")
        if option not in self._option_index[step]:
            raise Error(unknown_name(f"option of {layer.kind!r}", option, self._option_index[step]))
        return self._option_index[step][option]

    def canonical(self, actions: Actions) -> Actions:
        return self.table.architectures[self._canonical_row[self.rows(actions)]].astype(np.int64)

    def tokens(self, actions: Actions) -> NDArray[np.float32]:
        """One of all options; decisions with the same list of options share them."""
        return self._option_features[np.arange(self.max_steps), actions]

    def structure(self, actions: Actions) -> dict[str, NDArray[np.float32]]:
        """`cell`: what the table's wiring says of a network's first row; nothing for a table without one."""
        if self.table.wiring is None:
            return {}
        return {"cell": self._cells[self._canonical_row[self.rows(actions)]]}

    @cached_property
    def _cells(self) -> NDArray[np.float32]:
        assert self.table.wiring is not None
        return structure_of(self.table.wiring, self.table.decisions, self.table.architectures)

    def costs(self, actions: Actions) -> dict[str, NDArray[np.float64]]:
        rows = self.rows(actions)
        return {cost: values[rows] for cost, values in self.row_costs.items()}

    @cached_property
    def row_costs(self) -> dict[str, NDArray[np.float64]]:
        """The costs that the table has, float64 [N] each, the mean over repeats: `parameters`, `macs` and
        `latency` (s). NaN where a value is missing.
        """
        return {
            cost: self.table.metrics[metric].astype(np.float64).mean(axis=1)
            for cost, metric in _metrics_of_costs(self.table).items()
            if metric in self.table.metrics
        }

    @cached_property
    def _option_features(self) -> NDArray[np.float32]:
        """float32 [max_steps, num_actions + 1, options]; the last row is what index -1 reads, zeros."""
        lists = list(dict.fromkeys(options for _, options in self.table.decisions))
        first = np.cumsum([0, *map(len, lists)])
        features = np.zeros((self.max_steps, self.num_actions + 1, first[-1]), dtype=np.float32)
        for step, (_, options) in enumerate(self.table.decisions):
            start = first[lists.index(options)]
            features[step, range(len(options)), range(start, start + len(options))] = 1
        return features

    def rows(self, actions: Actions) -> NDArray[np.int64]:
        """The table's row of each complete design, int64 [n]. `actions` is int64 [n, max_steps]."""
        nodes = np.zeros(len(actions), dtype=np.int64)
        for column in actions.T:
            nodes = self._children[nodes, column]
        return self._row_of_leaf[nodes - self._first_leaf]

    @property
    def distinct_rows(self) -> NDArray[np.int64]:
        """One row for each distinct legal network, int64 [networks]."""
        return np.unique(self._canonical_row[self._row_of_leaf])

    def _grow_tree(self, designs: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        """One node a prefix, numbered level by level; `_children` is int64 [nodes, num_actions], -1: none."""
        nodes = np.zeros(len(designs), dtype=np.int64)
        levels, first = [], 0
        for column in designs.T:
            size = nodes.max() + 1
            if (first + size) * self.num_actions > _MOST_ENTRIES:
                raise Error(
                    f"table {self.table.name!r} is too large to search: its prefixes times its most options "
                    f"are more than {_MOST_ENTRIES:,}"
                )
            edges, inverse = np.unique(nodes * self.num_actions + column, return_inverse=True)
            children = np.full(size * self.num_actions, -1, dtype=np.int64)
            children[edges] = first + size + np.arange(len(edges))
            levels.append(children.reshape(size, self.num_actions))
            nodes, first = inverse.reshape(-1), first + size
        leaves = np.full((nodes.max() + 1, self.num_actions), -1, dtype=np.int64)
        self._children = np.concatenate([*levels, leaves])
        self._legal = self._children >= 0
        self._first_leaf = first
        self._row_of_leaf = rows[np.argsort(nodes)]


def _metrics_of_costs(table: ArchitectureTable) -> dict[str, str]:
    macs = "macs" if "macs" in table.metrics else "flops"
    return {"parameters": "parameters", "macs": macs, "latency": "latency_seconds"}


def _legal_rows(table: ArchitectureTable, limits: Limits) -> NDArray[np.int64]:
    legal, metrics = np.ones(len(table.architectures), dtype=bool), _metrics_of_costs(table)
    for cost in limits.limited:
        option, metric = COSTS[cost].option, metrics.get(cost)
        limit = getattr(limits, option)
        if metric is None:
            known = " or ".join(COSTS[name].option for name in metrics if name in COSTS)
            raise Error(f"table {table.name!r} doesn't say what {option} limits; it can keep {known}")
        if metric not in table.metrics:
            raise Error(
                f"{option}={limit} needs the metric {metric!r}, which table {table.name!r} lacks; "
                f"it has {sorted(table.metrics)}"
            )
        values = table.values(metric)
        if not (values <= limit).any():
            raise Error(f"{option}={limit:,} leaves no design: the smallest has {values.min():,.0f}")
        legal &= values <= limit
    if not legal.any():
        raise Error(f"no design of table {table.name!r} keeps {limits} together")
    return np.flatnonzero(legal)


def _first_of_each(canonical: NDArray[np.int32], legal: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row of the table, the first legal row that is the same network; -1 where none is legal."""
    groups, inverse = np.unique(canonical, return_inverse=True)
    first = np.full(len(groups), -1, dtype=np.int64)
    first[inverse.reshape(-1)[legal[::-1]]] = legal[::-1]
    return first[inverse.reshape(-1)]
