"""Wirings of tables: what is known of a cell, against slow and obvious code; and which are refused."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, permutations, product
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables import wiring as wiring_module
from rl_designer.envs.tables.table import ArchitectureTable, read_meta
from rl_designer.envs.tables.wiring import Wiring, known_wiring, structure_of
from tests.helpers.strategies import many_examples, walks
from tests.helpers.tables import shared, synthetic_table

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
TABLE = replace(
    synthetic_table((3, 2, 3, 3)), wiring=Wiring(((0, 1), (0, 2), (1, 2), (1, 3)), absent="option 0")
)

Decisions = tuple[tuple[str, tuple[str, ...]], ...]
Cell = tuple[Wiring, Decisions, NDArray[np.int64]]


def nas_bench_201(names: tuple[str, ...] = tuple("abcdef")) -> Decisions:
    return tuple((name, OPERATIONS) for name in names)


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    """A wiring, decisions on its edges, not all with the same options, and designs."""
    nodes = draw(st.integers(2, 6))
    possible = [(a, b) for a in range(nodes) for b in range(a + 1, nodes)]
    edges = tuple(draw(st.lists(st.sampled_from(possible), min_size=1, max_size=8)))
    names = ["none", *"abc"[: draw(st.integers(1, 3))]]
    options = st.lists(st.sampled_from(names), min_size=1, unique=True)
    decisions = tuple((f"d{i}", tuple(draw(options))) for i in range(len(edges)))
    design = st.tuples(*(st.integers(0, len(options) - 1) for _, options in decisions))
    designs = np.array(draw(st.lists(design, min_size=1, max_size=5)), dtype=np.int64)
    return Wiring(edges), decisions, designs


def some(cell: Cell) -> bool:
    return any(option != "none" for _, options in cell[1] for option in options)


# -- against slow and obvious code ---------------------------------------------------------------------


def graph_of(wiring: Wiring, decisions: Decisions, design: NDArray[np.int64]) -> nx.MultiDiGraph:
    """What is left of a cell once edges on no path from an input to an output are gone."""
    whole, graph = nx.MultiDiGraph(wiring.edges), nx.MultiDiGraph()
    graph.add_nodes_from(whole)
    for (source, target), (_, options), option in zip(wiring.edges, decisions, design, strict=True):
        if options[option] != wiring.absent:
            graph.add_edge(source, target, operation=options[option])
    inputs = {node for node in whole if whole.in_degree(node) == 0}
    outputs = {node for node in whole if whole.out_degree(node) == 0}
    reached = set().union(*({node, *nx.descendants(graph, node)} for node in inputs))
    needed = set().union(*({node, *nx.ancestors(graph, node)} for node in outputs))
    dead = [(a, b, k) for a, b, k in graph.edges(keys=True) if a not in reached or b not in needed]
    graph.remove_edges_from(dead)
    graph.graph.update(inputs=inputs, outputs=outputs)
    return graph


def paths_of(graph: nx.MultiDiGraph) -> Iterator[list[str]]:
    """The operations on each path from an input to an output."""
    for source, target in product(graph.graph["inputs"], graph.graph["outputs"]):
        for path in nx.all_simple_edge_paths(graph, source, target):
            yield [graph.edges[edge]["operation"] for edge in path]


def slowly(wiring: Wiring, decisions: Decisions, design: NDArray[np.int64]) -> list[float]:
    graph = graph_of(wiring, decisions, design)
    names = list(dict.fromkeys(option for _, options in decisions for option in options))
    if wiring.absent in names:
        names.remove(wiring.absent)
    placed = [(a, b, operation) for a, b, operation in graph.edges(data="operation")]
    paths = list(paths_of(graph))
    features: list[float] = [sum(operation == name for *_, operation in placed) for name in names]
    for size in range(1, len(names) + 1):
        for subset in combinations(names, size):
            alone = [len(path) for path in paths if set(path) <= set(subset)]
            features += [
                min(alone, default=len(graph)),
                max((sum(operation in subset for operation in path) for path in paths), default=-1),
                sum(a in graph.graph["inputs"] for a, _, operation in placed if operation in subset),
                sum(b in graph.graph["outputs"] for _, b, operation in placed if operation in subset),
            ]
    return features


@many_examples
@given(cells().filter(some))
def test_what_is_known_of_a_cell_is_what_a_slow_look_at_its_graph_finds(cell: Cell) -> None:
    wiring, decisions, designs = cell
    wiring.check(decisions)
    features = structure_of(wiring, decisions, designs)
    assert features.dtype == np.float32
    assert features.tolist() == [slowly(wiring, decisions, design) for design in designs]


@many_examples
@given(cells().filter(some))
def test_what_an_edge_on_no_path_does_makes_no_difference(cell: Cell) -> None:
    wiring, decisions, designs = cell
    design = designs[0]
    left = sorted(graph_of(wiring, decisions, design).edges(data="operation"))
    for number, (_, options) in enumerate(decisions):
        for option in range(len(options)):
            changed = design.copy()
            changed[number] = option
            if sorted(graph_of(wiring, decisions, changed).edges(data="operation")) == left:
                one, other = structure_of(wiring, decisions, np.array([design, changed])).tolist()
                assert one == other


def test_cells_of_nas_bench_201_that_differ_where_nothing_flows_are_known_to_be_alike() -> None:
    """With 0->1 gone nothing flows through 1->2 and 1->3; with 2->3 gone nothing through 0->2 and 1->2."""
    decisions = nas_bench_201()
    for first, second in product(range(5), repeat=2):
        for varied, cell in (((2, 4), [0, 3, 0, 1, 0, 2]), ((1, 2), [3, 0, 0, 1, 2, 0])):
            pair = np.array([cell, cell])
            pair[1, varied] = first, second
            one, other = structure_of(Wiring(EDGES), decisions, pair).tolist()
            assert one == other
    cut = np.array([[0, 3, 0, 0, 4, 0], [0, 0, 0, 0, 0, 0], [2, 0, 0, 0, 0, 4]])
    features = structure_of(Wiring(EDGES), decisions, cut)
    assert (features == features[1]).all()  # nothing reaches the output


def test_the_features_of_nas_bench_201_are_four_for_each_set_and_the_counts() -> None:
    designs = np.random.default_rng(0).integers(0, 5, size=(40, 6))
    features = structure_of(Wiring(EDGES), nas_bench_201(), designs)
    assert features.shape == (40, 4 + 4 * 15)
    assert features.tolist() == [slowly(Wiring(EDGES), nas_bench_201(), design) for design in designs]


def test_the_order_of_edges_makes_no_difference() -> None:
    designs = np.random.default_rng(0).integers(0, 5, size=(40, 6))
    expected = structure_of(Wiring(EDGES), nas_bench_201(), designs)
    for order in list(permutations(range(6)))[::97]:
        edges = tuple(EDGES[edge] for edge in order)
        assert (structure_of(Wiring(edges), nas_bench_201(), designs[:, order]) == expected).all()


def test_where_no_decision_has_none_every_edge_is_there() -> None:
    decisions = (("a", ("x", "y")), ("b", ("y", "z")))
    wiring = Wiring(((0, 1), (1, 2)))
    wiring.check(decisions)
    features = structure_of(wiring, decisions, np.array([[0, 0], [1, 1]]))
    assert features[:, :3].tolist() == [[1, 1, 0], [0, 1, 1]]
    assert features.tolist() == [slowly(wiring, decisions, design) for design in np.array([[0, 0], [1, 1]])]


@pytest.mark.parametrize(
    ("operations", "sets"), [(5, 31), (6, 6 + 15 + 1), (8, 8 + 28 + 1), (9, 9 + 1), (64, 65)]
)
def test_of_many_operations_not_all_sets_are_looked_at(operations: int, sets: int) -> None:
    decisions = (("a", ("none", *(f"o{i}" for i in range(operations)))),)
    wiring = Wiring(((0, 1),))
    wiring.check(decisions)
    features = structure_of(wiring, decisions, np.array([[0], [operations]]))
    assert features.shape == (2, operations + 4 * sets) and np.isfinite(features).all()


def test_a_large_table_is_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    designs = np.random.default_rng(0).integers(0, 5, size=(40, 6))
    whole = structure_of(Wiring(EDGES), nas_bench_201(), designs)
    monkeypatch.setattr(wiring_module, "_CHUNK", 7)
    assert (structure_of(Wiring(EDGES), nas_bench_201(), designs) == whole).all()
    assert structure_of(Wiring(EDGES), nas_bench_201(), designs[:0]).shape == (0, 64)


# -- NAS-Bench-201's -----------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("name", ["edge {}->{}", "{}_{}", "node{}<-node{}"])
def test_nas_bench_201s_is_known_by_its_options_and_the_decisions_names(first: int, name: str) -> None:
    """In any order, and with options in any order."""
    for order in list(permutations(range(6)))[::97]:
        edges = tuple(EDGES[edge] for edge in order)
        names = tuple(name.format(source + first, target + first) for source, target in edges)
        decisions = tuple((n, OPERATIONS[i:] + OPERATIONS[:i]) for i, n in enumerate(names[:5]))
        assert known_wiring((*decisions, (names[5], OPERATIONS))) == Wiring(edges)


@pytest.mark.parametrize("names", [tuple("abcdef"), tuple(f"op {i}" for i in range(6)), ("1", "22", *"3456")])
def test_without_such_names_its_edges_are_those_of_its_architecture_strings(names: tuple[str, ...]) -> None:
    assert known_wiring(nas_bench_201(names)) == Wiring(EDGES)


@pytest.mark.parametrize(
    "decisions",
    [
        nas_bench_201()[:5],
        (*nas_bench_201(), ("g", OPERATIONS)),
        (*nas_bench_201()[:5], ("f", OPERATIONS[:4])),
        (*nas_bench_201()[:5], ("f", (*OPERATIONS, "more"))),
        (*nas_bench_201()[:5], ("f", (*OPERATIONS[:4], "dil_conv_3x3"))),
    ],
)
def test_other_tables_are_not_taken_for_it(decisions: Decisions) -> None:
    assert known_wiring(decisions) is None


def test_the_published_table_is_known_without_being_told() -> None:
    table = ArchitectureTable.load(shared("nas-bench-201.npz"))
    assert table.wiring == Wiring(EDGES)
    assert ArchitectureTable.load(shared("nas-bench-macro.npz")).wiring is None


# -- what is refused, and files ------------------------------------------------------------------------

BAD: dict[str, tuple[Any, str]] = {
    "too few edges": ({"edges": [[0, 1]]}, "`wiring` must have one edge for each of 4 decisions, got 1"),
    "an edge back": (
        {"edges": [[0, 1], [2, 1], [0, 3], [1, 3]]},
        "lead from a node to a higher one below 64, got [2, 1]",
    ),
    "an edge to itself": ({"edges": [[0, 1], [1, 1], [0, 3], [1, 3]]}, "got [1, 1]"),
    "a node below 0": ({"edges": [[-1, 1], [0, 1], [0, 3], [1, 3]]}, "got [-1, 1]"),
    "a node too high": ({"edges": [[0, 64], [0, 1], [0, 3], [1, 3]]}, "got [0, 64]"),
    "a node beyond all bounds": ({"edges": [[0, 10**30], [0, 1], [0, 3], [1, 3]]}, "`wiring"),
    "an unknown option": ({"absent": "zero"}, "`wiring`: no decision has the option 'zero'"),
    "an edge of three nodes": ({"edges": [[0, 1, 2]] * 4}, "`wiring.edges.0`"),
    "an edge of one node": ({"edges": [[0]] * 4}, "`wiring.edges.0`"),
    "a node that isn't whole": ({"edges": [[0, 1.5]] * 4}, "`wiring.edges.0.1`"),
    "a node that is a text": ({"edges": [["0", "1"]] * 4}, "`wiring.edges.0.0`"),
    "edges that are no list": ({"edges": 3}, "`wiring.edges`"),
    "no edges at all": ({"edges": None}, "`wiring.edges`"),
    "absent that is no text": ({"absent": 3}, "`wiring.absent`"),
}


def file_with(folder: Path, wiring: Any) -> Path:
    """The table's file with another wiring in its meta."""
    TABLE.save(folder / "sound.npz")
    with np.load(folder / "sound.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    meta = {**json.loads(str(arrays.pop("meta"))), "wiring": wiring}
    np.savez(folder / "table.npz", meta=np.array(json.dumps(meta)), **arrays)
    return folder / "table.npz"


@pytest.mark.parametrize("case", BAD)
def test_a_bad_wiring_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    change, reason = BAD[case]
    assert TABLE.wiring is not None
    sound = {"edges": [list(edge) for edge in TABLE.wiring.edges], "absent": "option 0"}
    path = file_with(tmp_path, {**sound, **change})
    with pytest.raises(ValueError, match="is no sound architecture table") as caught:
        ArchitectureTable.load(path)
    assert reason in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("wiring", [3, "x", [], [[0, 1]], True, {}])
def test_a_wiring_that_is_no_object_of_edges_is_refused(tmp_path: Path, wiring: Any) -> None:
    with pytest.raises(ValueError, match=r"it lacks 'edges'|`wiring`: Input should be") as caught:
        ArchitectureTable.load(file_with(tmp_path, wiring))
    assert "\n" not in str(caught.value)


def test_a_wiring_that_would_take_long_is_refused() -> None:
    many = tuple((f"d{i}", ("none", "a")) for i in range(257))
    with pytest.raises(ValueError, match="at most 256 edges, got 257"):
        Wiring(((0, 1),) * 257).check(many)
    wide = (("d", ("none", *map(str, range(65)))),)
    with pytest.raises(ValueError, match="from 1 to 64 operations, 'none' not counted, got 65"):
        Wiring(((0, 1),)).check(wide)
    with pytest.raises(ValueError, match="from 1 to 64 operations, 'none' not counted, got 0"):
        Wiring(((0, 1),)).check((("d", ("none",)),))


def test_a_table_comes_back_from_its_file_with_its_wiring(tmp_path: Path) -> None:
    TABLE.save(tmp_path / "table.npz")
    assert ArchitectureTable.load(tmp_path / "table.npz").wiring == TABLE.wiring
    without = replace(TABLE, wiring=None)
    without.save(tmp_path / "table.npz")
    assert ArchitectureTable.load(tmp_path / "table.npz").wiring is None
    assert ArchitectureTable.load(file_with(tmp_path, None)).wiring is None


def test_what_takes_an_edge_out_is_none_where_the_file_does_not_say() -> None:
    meta = {
        "format": "architecture-table/1",
        "name": "n",
        "decisions": [{"name": "a", "options": ["none", "x"]}],
        "metrics": {},
        "tasks": {},
        "wiring": {"edges": [[0, 1]]},
    }
    found = read_meta(json.dumps(meta)).wiring
    assert found is not None and found.absent == "none"


# -- in a search space ---------------------------------------------------------------------------------


def test_a_space_knows_of_its_rows_what_the_wiring_says_of_them() -> None:
    space = TableSpace(TABLE)
    designs = walks(space, 30)
    known = space.structure(designs)
    assert list(known) == ["cell"] and TABLE.wiring is not None
    expected = structure_of(TABLE.wiring, TABLE.decisions, designs)
    assert known["cell"].tolist() == expected.tolist()
    assert TableSpace(replace(TABLE, wiring=None)).structure(designs) == {}
