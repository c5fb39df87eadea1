"""`Wiring`: which decision of a table stands on which edge of a network's graph, and what follows from it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.errors import Error

Decisions = Sequence[tuple[str, Sequence[str]]]  # name and options of each

MOST_NODES = 64
_MOST_EDGES = 256
_MOST_OPERATIONS = 64
_ALL_SUBSETS, _ALL_PAIRS = 5, 8  # operations, up to which all sets of them, and all pairs, are looked at
_CHUNK = 2**14  # designs at a time, so that a large table takes little memory beside what comes out
_NAS_BENCH_201 = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
_NAS_BENCH_201_EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))


@dataclass(frozen=True)
class Wiring:
    """A cell: a directed graph without circles, one operation on each edge.

    Nodes that no edge leads to are the cell's inputs, nodes that none leads out of its outputs.

    Attributes:
        edges: source and target of each decision's edge; each leads to a higher node.
        absent: the option that takes an edge out. Where no decision has `none`, nothing does.
    """

    edges: tuple[tuple[int, int], ...]
    absent: str = "none"

    def check(self, decisions: Decisions) -> None:
        """Raises ValueError where it is no wiring of these decisions."""
        if len(self.edges) != len(decisions):
            raise Error(
                f"`wiring` must have one edge for each of {len(decisions)} decisions, got {len(self.edges)}"
            )
        if len(self.edges) > _MOST_EDGES:
            raise Error(f"`wiring` must have at most {_MOST_EDGES} edges, got {len(self.edges):,}")
        for source, target in self.edges:
            if not 0 <= source < target < MOST_NODES:
                raise Error(
                    f"an edge of `wiring` must lead from a node to a higher one below {MOST_NODES}, "
                    f"got [{source}, {target}]"
                )
        options = {option for _, of_one in decisions for option in of_one}
        if self.absent not in {"none", *options}:
            raise Error(f"`wiring`: no decision has the option {self.absent!r}, which takes an edge out")
        operations = len(options - {self.absent})
        if not 1 <= operations <= _MOST_OPERATIONS:
            raise Error(
                f"a table with a `wiring` must have from 1 to {_MOST_OPERATIONS} operations, "
                f"{self.absent!r} not counted, got {operations:,}"
            )

    @cached_property
    def nodes(self) -> tuple[int, ...]:
        """All of them, ascending."""
        return tuple(sorted({node for edge in self.edges for node in edge}))

    @cached_property
    def inputs(self) -> tuple[int, ...]:
        return tuple(sorted(set(self.nodes) - {target for _, target in self.edges}))

    @cached_property
    def outputs(self) -> tuple[int, ...]:
        return tuple(sorted(set(self.nodes) - {source for source, _ in self.edges}))


def known_wiring(decisions: Decisions) -> Wiring | None:
    """NAS-Bench-201's (Dong and Yang 2020, arXiv:2001.00326) where it is that: six edges with its five
    operations. Which is which is said by the decisions' names (`edge 0->1`, `1_2`, …), else they stand in the
    order of its architecture strings. None for all others.
    """
    if len(decisions) != 6 or any(sorted(options) != sorted(_NAS_BENCH_201) for _, options in decisions):
        return None
    named = [re.findall(r"\d+", name) for name, _ in decisions]
    for first in (0, 1):  # nodes are counted from either
        edges = tuple((int(n[0]) - first, int(n[-1]) - first) for n in named if len(n) == 2)
        if sorted(edges) == sorted(_NAS_BENCH_201_EDGES):
            return Wiring(edges)
    return Wiring(_NAS_BENCH_201_EDGES)


def structure_of(
    wiring: Wiring, decisions: Decisions, architectures: NDArray[np.integer]
) -> NDArray[np.float32]:
    """What is known of cells for free, float32 [n, features], after GRAF (Kadlecova et al. 2024,
    arXiv:2404.16551).

    Edges on no path from an input to an output are taken out. Then: how often each operation is there; and
    for sets of operations the length of the shortest path that uses these alone (the number of nodes where
    there is none), the most of them on any path (-1 where there is no path), and the edges out of an input
    and into an output that have one of them. Of up to five operations all sets are looked at, of up to eight
    the single ones, the pairs and all together, of more the single ones and all together.

    Args:
        architectures: integers [n, decisions], the option taken at each.
    """
    names = dict.fromkeys(option for _, options in decisions for option in options)
    names.pop(wiring.absent, None)
    numbers = {name: number for number, name in enumerate(names)} | {wiring.absent: -1}
    operations = np.empty(architectures.shape, dtype=np.int64)
    for edge, (_, options) in enumerate(decisions):
        operations[:, edge] = np.array([numbers[option] for option in options])[architectures[:, edge]]
    chunks = (operations[first : first + _CHUNK] for first in range(0, max(len(operations), 1), _CHUNK))
    return np.concatenate([_features(wiring, chunk, len(names)) for chunk in chunks])


def _features(wiring: Wiring, operations: NDArray[np.int64], number: int) -> NDArray[np.float32]:
    """Of operations [n, edges], each below `number`, -1 where an edge is taken out."""
    operations = np.where(_live(wiring, operations >= 0), operations, -1)
    columns = [(operations == operation).sum(axis=1) for operation in range(number)]
    for subset in _subsets(number):
        columns += _paths(wiring, operations >= 0, np.isin(operations, subset))
    return np.stack(columns, axis=1).astype(np.float32)


def _subsets(operations: int) -> Iterator[tuple[int, ...]]:
    """The sets of operations that are looked at, each once."""
    sizes = list(range(1, operations + 1))
    if operations > _ALL_SUBSETS:
        sizes = [1, 2, operations] if operations <= _ALL_PAIRS else [1, operations]
    for size in sizes:
        yield from combinations(range(operations), size)


def _live(wiring: Wiring, present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Edges on some path from an input to an output, bool [n, edges]."""
    from_input, to_output = np.zeros((2, len(present), MOST_NODES), dtype=np.bool_)
    from_input[:, wiring.inputs] = to_output[:, wiring.outputs] = True
    for edge, source, target in _forwards(wiring):
        from_input[:, target] |= from_input[:, source] & present[:, edge]
    for edge, source, target in reversed(_forwards(wiring)):
        to_output[:, source] |= to_output[:, target] & present[:, edge]
    sources, targets = np.array(wiring.edges).T
    return present & from_input[:, sources] & to_output[:, targets]


def _paths(
    wiring: Wiring, present: NDArray[np.bool_], chosen: NDArray[np.bool_]
) -> list[NDArray[np.float64]]:
    """What paths say of chosen edges, bool [n, edges]: four columns, float64 [n] each."""
    none = float(len(wiring.nodes))
    shortest = np.full((len(chosen), MOST_NODES), none)
    most = np.full((len(chosen), MOST_NODES), -np.inf)
    shortest[:, wiring.inputs] = most[:, wiring.inputs] = 0
    for edge, source, target in _forwards(wiring):
        on = chosen[:, edge]
        step = np.where(on, shortest[:, source] + 1, none)
        shortest[:, target] = np.minimum(shortest[:, target], step)
        reached = np.where(present[:, edge], most[:, source] + on, -np.inf)
        most[:, target] = np.maximum(most[:, target], reached)
    sources, targets = np.array(wiring.edges).T
    return [
        shortest[:, wiring.outputs].min(axis=1),
        np.maximum(most[:, wiring.outputs].max(axis=1), -1),
        chosen[:, np.isin(sources, wiring.inputs)].sum(axis=1).astype(np.float64),
        chosen[:, np.isin(targets, wiring.outputs)].sum(axis=1).astype(np.float64),
    ]


def _forwards(wiring: Wiring) -> list[tuple[int, int, int]]:
    """Number, source and target of each edge; an edge comes after all that lead to its source."""
    numbered = [(edge, source, target) for edge, (source, target) in enumerate(wiring.edges)]
    return sorted(numbered, key=lambda edge: edge[1:])
