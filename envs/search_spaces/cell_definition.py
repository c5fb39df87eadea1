"""`CellDefinition`: which cells a space offers, and which skeletons around them. Built in or a user's TOML.

A user's file:

    name = "small-cells"
    family = "cell1d"               # or "cell" (images)
    nodes = 4                       # the input and the output are two of them
    edges = [[0, 1], [0, 2], [1, 2], [0, 3], [2, 3]]   # may be left out; every node with every later one

    [macro]                         # the first action: one choice of every option
    width = [8, 16]                 # channels in the first stage; each further one has twice as many
    stages = [2, 3]                 # the map is halved between two of them
    cells = [1]                     # equal ones, in each stage
    stem_kernel = [3]               # may be left out, and so may stem_stride

    [operations.none]               # an action an edge: one choice of every option
    [operations.skip]
    [operations.conv]               # any kind that learns on maps; its width and stride are given
    kernel = [1, 3]
    [operations.same-pool]
    operation = ["average"]
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Any, Self

from rl_designer.envs.architecture import MACRO, NONE, TRAINING, Layer
from rl_designer.envs.errors import Error, unknown_name
from rl_designer.envs.search_spaces.cell_layers import (
    MACRO_OPTIONS,
    MOST_NODES,
    OPERATIONS,
    operation_rules,
)
from rl_designer.envs.search_spaces.choices import (
    MOST_ACTIONS,
    Choices,
    check_choices,
    check_lists,
    check_name,
    check_tables,
    digest_of,
    listed,
)

CELL_FAMILIES = {"cell": 2, "cell1d": 1}  # the rank of the data: images, signals
MOST_CELLS = 2**20  # ways to choose an operation for every edge; all are looked at
_MOST_DESIGNS = 2**22  # those times the skeletons

Edge = tuple[int, int]
_KEYS = ("name", "family", "nodes", "macro", "operations")


@dataclass(frozen=True)
class CellDefinition:
    """A space of cells, without data or limits. `CellDefinition.of` is the usual way to make one.

    Attributes:
        name: part of the digest of every architecture of the space.
        family: `cell` (images) or `cell1d` (signals).
        nodes: of the cell, its input (node 0) and its output (the last one) among them.
        macro: the skeleton's options with their choices.
        operations: kinds with their options' choices, in the order of the actions.
        edges: from a node to a higher one, by target, then source. Each is on a way from input to output.

    Raises:
        ValueError: for a definition that breaks a rule; one line.
    """

    name: str
    family: str
    nodes: int
    macro: Choices
    operations: tuple[tuple[str, Choices], ...]
    edges: tuple[Edge, ...]

    def __post_init__(self) -> None:
        check_name(self.name)
        if not isinstance(self.family, str) or self.family not in CELL_FAMILIES:
            raise self._error(unknown_name("family", str(self.family), CELL_FAMILIES))
        whole = isinstance(self.nodes, int) and not isinstance(self.nodes, bool)
        if not whole or not 2 <= self.nodes <= MOST_NODES:
            raise self._error(f"nodes must be an integer from 2 to {MOST_NODES}, got {self.nodes!r}")
        check_choices(f"space {self.name!r}: macro", self.macro, MACRO_OPTIONS)
        for kind, choices in self.operations:
            if kind not in OPERATIONS:
                raise self._error(unknown_name("operation", kind, OPERATIONS))
            check_choices(f"space {self.name!r}: operations.{kind}", choices, operation_rules(kind))
        self._check_edges()
        self._check_size()

    @classmethod
    def of(
        cls,
        name: str,
        family: str,
        nodes: int,
        macro: Mapping[str, Any],
        operations: Mapping[str, Mapping[str, Any]],
        edges: Sequence[Sequence[int]] | None = None,
    ) -> Self:
        """From plain mappings: option → list of choices, kind → option → list of choices."""
        if edges is None and isinstance(nodes, int) and nodes <= MOST_NODES:
            edges = list(combinations(range(nodes), 2))
        given = [(source, target) for source, target in edges or ()]
        return cls(
            name,
            family,
            nodes,
            tuple((option, tuple(values)) for option, values in macro.items()),
            tuple(
                (kind, tuple((option, tuple(values)) for option, values in choices.items()))
                for kind, choices in operations.items()
            ),
            tuple(sorted(given, key=lambda edge: edge[::-1])),
        )

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """The inverse of `to_dict`. Raises ValueError, one line, for anything else."""
        if not isinstance(data, Mapping):
            raise Error(f"a space must be a table, got {type(data).__name__}")
        known = (*_KEYS, "edges")
        for key in data:
            if key not in known:
                raise Error(f"space: {unknown_name('key', str(key), (*known, TRAINING))}")
        for key in _KEYS:
            if key not in data:
                raise Error(f"a space of cells needs the key {key!r}")
        check_tables("operations", data["operations"])
        check_lists("macro", data["macro"])
        _check_pairs(data.get("edges", []))
        return cls.of(**data)

    def to_dict(self) -> dict[str, Any]:
        """JSON- and TOML-ready."""
        whole = self.edges == _all_edges(self.nodes)
        return {
            "name": self.name,
            "family": self.family,
            "nodes": self.nodes,
            **({} if whole else {"edges": [list(edge) for edge in self.edges]}),
            "macro": {option: list(values) for option, values in self.macro},
            "operations": {
                kind: {option: list(values) for option, values in choices}
                for kind, choices in self.operations
            },
        }

    @property
    def digest(self) -> str:
        """See `digest_of`."""
        return digest_of(self.to_dict())

    @property
    def rank(self) -> int:
        """Spatial dimensions of an input: 1 signals, 2 images."""
        return CELL_FAMILIES[self.family]

    @property
    def of_texts(self) -> bool:
        """Whether its data are texts: there are no such cells."""
        return False

    @property
    def layers(self) -> tuple[tuple[str, Choices], ...]:
        """The kinds of all actions with their choices, the skeleton's first."""
        return ((MACRO, self.macro), *self.operations)

    def skeletons(self) -> list[Layer]:
        """All skeletons, in the declared order; the last option changes fastest."""
        return listed(MACRO, self.macro)

    def enumerate(self) -> list[Layer]:
        """The layers of all actions: skeletons, then operations as they stand on no edge yet."""
        return [*self.skeletons(), *self.operation_layers()]

    def operation_layers(self) -> list[Layer]:
        """All operations, kind by kind, in the declared order; the last option changes fastest."""
        return [layer for kind, choices in self.operations for layer in listed(kind, choices)]

    # -- what it may say ---------------------------------------------------------------------------

    def _error(self, text: str) -> Error:
        return Error(f"space {self.name!r}: {text}")

    def _check_edges(self) -> None:
        last = self.nodes - 1
        for source, target in self.edges:
            if not 0 <= source < target <= last:
                raise self._error(
                    f"an edge must lead from a node to a higher one, from 0 to {last}; "
                    f"got [{source}, {target}]"
                )
            if self.edges.count((source, target)) > 1:
                raise self._error(f"edges names [{source}, {target}] more than once")
        for node in range(self.nodes):
            if node != 0 and all(target != node for _, target in self.edges):
                raise self._error(f"no edge leads to node {node}; add one, or take the node out")
            if node != last and all(source != node for source, _ in self.edges):
                raise self._error(f"no edge leads out of node {node}; add one, or take the node out")

    def _check_size(self) -> None:
        if all(kind == NONE for kind, _ in self.operations):
            raise self._error("it needs at least one of the operations " + ", ".join(OPERATIONS[1:]))
        skeletons, operations = (sum(_sizes(part)) for part in (self.layers[:1], self.operations))
        if skeletons + operations > MOST_ACTIONS:
            raise self._error(
                f"at most {MOST_ACTIONS:,} actions, its choices make {skeletons + operations:,}"
            )
        cells = operations ** len(self.edges)
        if cells > MOST_CELLS or cells * skeletons > _MOST_DESIGNS:
            raise self._error(
                f"at most {MOST_CELLS:,} cells, and {_MOST_DESIGNS:,} with their skeletons: {operations} "
                f"operations on {len(self.edges)} edges make {cells:,}, and there are {skeletons} skeletons; "
                "offer fewer operations, edges or skeletons"
            )


def _all_edges(nodes: int) -> tuple[Edge, ...]:
    return tuple((source, target) for target in range(nodes) for source in range(target))


def _sizes(kinds: Iterable[tuple[str, Choices]]) -> Iterable[int]:
    return (prod(len(values) for _, values in choices) for _, choices in kinds)


def _check_pairs(edges: Any) -> None:
    pairs = isinstance(edges, list | tuple) and all(
        isinstance(edge, list | tuple) and len(edge) == 2 and all(type(node) is int for node in edge)
        for edge in edges
    )
    if not pairs:
        raise Error(f"`edges` must be a list of pairs of nodes, such as [0, 1]; got {str(edges)[:80]!r}")
