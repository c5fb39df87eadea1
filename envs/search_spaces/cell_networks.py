"""Which cells of a graph are one network: all ways to choose its edges' operations, looked at at once.

A cell computes sums: a node is the sum of what its edges make of their sources. So two cells are one network
where the same operations get the same sums, whatever the numbers of the inner nodes, the order of equal
inputs, the edges on no path from the input to the output, and the skips that a sum takes. An operation on two
edges is two, with weights of their own, even where both get the same; a network that uses one result twice is
another one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_Hashes = NDArray[np.uint64]
_Digits = NDArray[np.uint8]

ABSENT, IDENTITY, FREE, LEARNS = range(4)  # what an operation is: no edge, a skip, without weights, with


@dataclass(frozen=True, eq=False)
class CellNetworks:
    """All cells; a cell's number has its operations' indices as digits, the first edge's first.

    Attributes:
        digits: uint8 [cells, edges].
        live: bool [cells, edges]; whether the edge is there, on a path from node 0 to the last one.
        canonical: int32 [cells]; the number of the one cell that stands for the network: of those with the
            fewest edges the first. -1 where no path leads from the input to the output.
    """

    digits: _Digits
    live: NDArray[np.bool_]
    canonical: NDArray[np.int32]


@lru_cache(maxsize=8)
def cell_networks(edges: tuple[tuple[int, int], ...], roles: tuple[int, ...]) -> CellNetworks:
    """Of a graph and its operations.

    Args:
        edges: by target, then source; node 0 is the input, the highest the output.
        roles: of each operation `ABSENT`, `IDENTITY`, `FREE` or `LEARNS`.
    """
    cells = len(roles) ** len(edges)
    places = len(roles) ** np.arange(len(edges) - 1, -1, -1)
    digits = np.empty((cells, len(edges)), dtype=np.uint8)
    for edge, place in enumerate(places):
        digits[:, edge] = np.arange(cells) // place % len(roles)
    live = _live(edges, np.array(roles)[digits] != ABSENT)
    keys = _keys(edges, roles, digits, live)
    canonical = _first_of_each(keys, (np.array(roles)[digits] != ABSENT).sum(axis=1))
    canonical[~live.any(axis=1)] = -1
    return CellNetworks(digits, live, canonical)


def _live(edges: Sequence[tuple[int, int]], present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    nodes = 1 + max(target for _, target in edges)
    from_input, to_output = np.zeros((2, nodes, len(present)), dtype=np.bool_)
    from_input[0] = to_output[-1] = True
    for edge, (source, target) in enumerate(edges):
        from_input[target] |= from_input[source] & present[:, edge]
    for edge, (source, target) in _backwards(edges):
        to_output[source] |= to_output[target] & present[:, edge]
    sources, targets = np.array(edges).T
    return present & from_input[sources].T & to_output[targets].T


def _backwards(edges: Sequence[tuple[int, int]]) -> list[tuple[int, tuple[int, int]]]:
    """An edge comes after all that lead out of its target."""
    return sorted(enumerate(edges), key=lambda numbered: -numbered[1][0])


def _keys(
    edges: Sequence[tuple[int, int]], roles: Sequence[int], digits: _Digits, live: NDArray[np.bool_]
) -> _Hashes:
    """One number a network, uint64 [cells]: of what the output computes, and of each operation with weights
    what it gets together with where its result goes, so that one result used twice is told from two.
    """
    nodes = 1 + max(target for _, target in edges)
    values, uses = np.zeros((2, nodes, len(digits)), dtype=np.uint64)
    values[0], uses[-1] = 1, 1
    role = np.array(roles)[digits]
    with np.errstate(over="ignore"):  # sums and products are modulo 2⁶⁴
        salts = _mixed(np.arange(1, len(roles) + 1, dtype=np.uint64))
        made = np.zeros(digits.shape, dtype=np.uint64)
        for edge, (source, target) in enumerate(edges):
            made[:, edge] = _mixed(values[source] + salts[digits[:, edge]])
            term = np.where(role[:, edge] == IDENTITY, values[source], made[:, edge])
            values[target] += np.where(live[:, edge], term, np.uint64(0))
        keys = _mixed(values[-1])
        for edge, (source, target) in _backwards(edges):
            salt = salts[digits[:, edge]]
            used = np.select(
                [role[:, edge] == IDENTITY, role[:, edge] == FREE],
                # What has no weights may be computed as often as one likes, so its uses add up.
                [uses[target], uses[target] * (salt | np.uint64(1))],
                _mixed(uses[target] ^ salt),
            )
            uses[source] += np.where(live[:, edge], used, np.uint64(0))
            learns = live[:, edge] & (role[:, edge] == LEARNS)
            keys += np.where(learns, _mixed(made[:, edge] + _mixed(~uses[target])), np.uint64(0))
    return keys


def _mixed(numbers: _Hashes) -> _Hashes:
    """A hash of each number (SplitMix64's, Steele et al. 2014)."""
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def _first_of_each(keys: _Hashes, edges: NDArray[np.int64]) -> NDArray[np.int32]:
    """Of each cell's equals the one with the fewest edges, of these the first."""
    order = np.lexsort((np.arange(len(keys)), edges, keys))
    begins = np.ones(len(keys), dtype=bool)
    begins[1:] = keys[order][1:] != keys[order][:-1]
    first = np.empty(len(keys), dtype=np.int32)
    first[order] = order[begins][np.cumsum(begins) - 1]
    return first
