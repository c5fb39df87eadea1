"""How many maps a cell holds at once, at each of its edges, for many cells of one graph together.

A node's map is held until the last edge that leads out of it is done. An operation makes a map of its own,
which is added in place to what the node has so far; a skip makes none: a node that is one skip is the map
that it stands for, and the sum of two skips is made in place of one that nothing else needs any more.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_Maps = NDArray[np.int64]  # [cells]
_Marks = NDArray[np.bool_]


def maps_held(
    ends: Sequence[tuple[int, int]], there: _Marks, skips: _Marks
) -> tuple[NDArray[np.int64], _Marks]:
    """Maps in memory as each edge is computed, what it gets and gives included, int64 [cells, edges]; 0 where
    there is no edge. And whether what it gets is needed later on, too, bool [cells, edges].

    Args:
        ends: of the edges, by target, then source; node 0 is the input, the highest the output.
        there: bool [cells, edges]; whether the edge is there, on a path from the input to the output.
        skips: bool [cells, edges]; whether it is a skip.
    """
    graph = _Graph(ends, there, skips)
    held, needed = np.zeros(there.shape, dtype=np.int64), np.zeros(there.shape, dtype=np.bool_)
    for target in sorted({target for _, target in ends}):
        graph.count(target, held, needed)
    return held, needed


class _Graph:
    """All cells: which node's map each node is, and until which edge that map is needed."""

    def __init__(self, ends: Sequence[tuple[int, int]], there: _Marks, skips: _Marks) -> None:
        self.ends, self.there, self.skips = ends, there, skips & there
        self.cells = np.arange(len(there))
        self.nodes = 1 + max(target for _, target in ends)
        self.leading = [[e for e, (_, to) in enumerate(ends) if to == node] for node in range(self.nodes)]
        self.map_of = np.tile(np.arange(self.nodes), (len(there), 1))
        self.needed = np.full(self.map_of.shape, -1, dtype=np.int64)
        for node in range(1, self.nodes):
            self._name(node)
        self.needed[self.cells, self.map_of[:, -1]] = len(ends)

    def _name(self, node: int) -> None:
        """A node that is one skip alone is another's map; and what leads here is needed until then."""
        leading = self.leading[node]
        alone = self.there[:, leading].sum(axis=1) == 1
        first = np.full(len(self.cells), -1, dtype=np.int64)  # a skip's map, to which nothing is added yet
        begun = np.zeros(len(self.cells), dtype=np.bool_)
        for edge in leading:
            there, skip = self.there[:, edge], self.skips[:, edge]
            given = self.map_of[:, self.ends[edge][0]]
            self._need(there, given, edge)
            added = there & begun & (first >= 0)
            self._need(added, first, edge)
            first[added] = -1
            opens = skip & ~begun
            first[opens] = given[opens]
            begun |= there
            same = opens & alone
            self.map_of[same, node] = given[same]

    def _need(self, where: _Marks, given: _Maps, edge: int) -> None:
        rows = self.cells[where]
        self.needed[rows, given[where]] = np.maximum(self.needed[rows, given[where]], edge)

    def count(self, node: int, held: NDArray[np.int64], needed: _Marks) -> None:
        """Fills the columns of the edges that lead to a node."""
        own, begun = np.zeros((2, len(self.cells)), dtype=np.bool_)
        first = np.full(len(self.cells), -1, dtype=np.int64)
        for edge in self.leading[node]:
            there, skip = self.there[:, edge], self.skips[:, edge]
            given = self.map_of[:, self.ends[edge][0]]
            maps = self._kept(node, edge) + own
            made = there & ~skip
            # Two skips that are added, of which neither can be overwritten.
            summed = skip & begun & ~own
            dies = self.needed[self.cells, given] == edge
            dies |= self.needed[self.cells, first] == edge
            held[:, edge] = np.where(there, maps + (made | (summed & ~dies)), 0)
            # A skip's map, to which what the edge makes is added at once, may be what the edge gets.
            needed[:, edge] = (self.needed[self.cells, given] > edge) | (~own & (first == given))
            first = np.where(skip & ~begun, given, first)
            own |= made | summed
            begun |= there

    def _kept(self, node: int, edge: int) -> _Maps:
        """Maps of the nodes before one that are needed at an edge or later."""
        own = self.map_of[:, :node] == np.arange(node)
        return np.asarray((own & (self.needed[:, :node] >= edge)).sum(axis=1))
