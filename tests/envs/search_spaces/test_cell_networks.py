"""Which cells are one network: exactly those whose operations and sums are the same graph, but for names."""

from collections import Counter
from itertools import combinations, product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.envs.search_spaces.cell_networks import ABSENT, FREE, IDENTITY, LEARNS, cell_networks
from tests.helpers.strategies import few_examples, seeds

Edges = tuple[tuple[int, int], ...]


def whole(nodes: int) -> Edges:
    return tuple((source, target) for target in range(nodes) for source in range(target))


def operations_of(edges: Edges, roles: tuple[int, ...], digits: np.ndarray) -> nx.DiGraph:
    """The operations of a cell, each with what its argument is a sum of; straight from the definition."""
    graph, terms = nx.DiGraph(), {0: Counter({"input": 1})}
    graph.add_node("input", label="input")
    known: dict[tuple[object, ...], str] = {}
    for edge, (source, target) in enumerate(edges):
        role, sums = roles[digits[edge]], terms.get(source, Counter())
        if role == ABSENT or not sums:
            continue
        if role == IDENTITY:
            terms.setdefault(target, Counter()).update(sums)
            continue
        name = f"operation {edge}"
        if role == FREE:  # without weights, the same of the same is one
            name = known.setdefault((int(digits[edge]), *sorted(sums.items())), name)
        graph.add_node(name, label=int(digits[edge]))
        graph.add_edges_from((term, name, {"times": times}) for term, times in sums.items())
        terms.setdefault(target, Counter()).update([name])
    graph.add_node("output", label="output")
    last = terms.get(edges[-1][1], Counter())
    graph.add_edges_from((term, "output", {"times": times}) for term, times in last.items())
    needed = nx.ancestors(graph, "output") | {"output"}
    return graph.subgraph(needed)


def same(one: nx.DiGraph, other: nx.DiGraph) -> bool:
    return nx.is_isomorphic(
        one,
        other,
        node_match=lambda a, b: a["label"] == b["label"],
        edge_match=lambda a, b: a["times"] == b["times"],
    )


def sketch(graph: nx.DiGraph) -> tuple[object, ...]:
    """What isomorphic graphs have in common, and few others."""
    return tuple(
        sorted(
            (str(data["label"]), graph.in_degree(node, "times"), graph.out_degree(node, "times"))
            for node, data in graph.nodes(data=True)
        )
    )


def test_of_all_cells_of_four_nodes_exactly_the_equal_ones_share_their_canonical_one() -> None:
    edges, roles = whole(4), (ABSENT, IDENTITY, LEARNS, FREE)
    found = cell_networks(edges, roles)
    graphs = [operations_of(edges, roles, digits) for digits in found.digits]
    for graph, canonical in zip(graphs, found.canonical, strict=True):
        assert (canonical < 0) == ("input" not in graph)
        assert canonical < 0 or same(graph, graphs[canonical])
    alike: dict[tuple[object, ...], list[int]] = {}
    for canonical in np.unique(found.canonical[found.canonical >= 0]):
        alike.setdefault(sketch(graphs[canonical]), []).append(canonical)
    for members in alike.values():
        assert not any(same(graphs[one], graphs[other]) for one, other in combinations(members, 2))


@few_examples
@given(seeds, st.sampled_from([(ABSENT, IDENTITY, LEARNS), (ABSENT, LEARNS, FREE)]))
def test_in_larger_graphs_too(seed: int, roles: tuple[int, ...]) -> None:
    edges = whole(5)
    found, draws = cell_networks(edges, roles), np.random.default_rng(seed)
    for cell in draws.choice(np.flatnonzero(found.canonical >= 0), 20):
        graph = operations_of(edges, roles, found.digits[cell])
        assert same(graph, operations_of(edges, roles, found.digits[found.canonical[cell]]))
    graphs = [(c, operations_of(edges, roles, found.digits[c])) for c in draws.choice(len(found.digits), 30)]
    for (one, graph), (other, another) in combinations(graphs, 2):
        if sketch(graph) == sketch(another):
            assert same(graph, another) == (found.canonical[one] == found.canonical[other])


def test_the_canonical_one_has_the_fewest_edges_and_is_its_own() -> None:
    roles = (ABSENT, IDENTITY, LEARNS, FREE)
    found = cell_networks(whole(4), roles)
    connected = found.canonical >= 0
    own = found.canonical[connected]
    np.testing.assert_array_equal(found.canonical[own], own)
    edges = (found.digits != 0).sum(axis=1)
    assert (edges[own] <= edges[connected]).all()
    assert (found.live[own] == (found.digits[own] != 0)).all()


def test_dead_edges_order_and_skips_make_no_difference() -> None:
    edges, roles = whole(4), (ABSENT, IDENTITY, LEARNS)  # 0->1 0->2 1->2 0->3 1->3 2->3
    found = cell_networks(edges, roles)

    def canonical(*digits: int) -> int:
        return int(found.canonical[int("".join(map(str, digits)), 3)])

    assert canonical(2, 0, 2, 0, 0, 0) == canonical(0, 0, 0, 0, 0, 0) == -1  # nothing reaches node 3
    assert canonical(2, 2, 0, 1, 0, 1) == canonical(0, 2, 0, 1, 0, 1)  # node 1 leads nowhere
    assert canonical(2, 0, 0, 0, 2, 0) == canonical(0, 2, 0, 0, 0, 2)  # by another node
    assert canonical(2, 0, 1, 0, 0, 2) == canonical(2, 0, 0, 0, 2, 0)  # node 2 is node 1
    assert canonical(0, 2, 0, 2, 0, 2) != canonical(0, 2, 0, 0, 0, 2)
    # The sum of a result with itself is no sum of two results, though both are written alike.
    assert canonical(2, 0, 1, 0, 1, 1) != canonical(2, 2, 0, 0, 1, 1)


def test_nas_bench_201_by_its_authors_notion_and_by_ours() -> None:
    """Theirs (Dong & Yang 2020, section 2.2) compares expressions: 6,466 of 15,625. It keeps a term of zero
    that ours drops, and can't tell one result that is used twice from two of the same kind.
    """
    edges, roles = whole(4), (ABSENT, IDENTITY, LEARNS, LEARNS, FREE)
    found = cell_networks(edges, roles)
    texts = [expression(edges, roles, digits) for digits in product(range(5), repeat=6)]
    assert len(set(texts)) == 6_466
    own = found.canonical[found.canonical >= 0]
    assert (len(own), len(np.unique(own))) == (15_284, 5_259)


def expression(edges: Edges, roles: tuple[int, ...], digits: tuple[int, ...]) -> str:
    """`Structure.to_unique_str(consider_zero=True)` of the authors' repository."""
    nodes = {0: "0"}
    for node in (1, 2, 3):
        terms = []
        for (source, target), digit in zip(edges, digits, strict=True):
            if target != node:
                continue
            if roles[digit] == ABSENT or nodes[source] == "#":
                terms.append("#")
            else:
                terms.append(nodes[source] if roles[digit] == IDENTITY else f"({nodes[source]})@{digit}")
        nodes[node] = "+".join(sorted(terms))
    return nodes[3]


@pytest.mark.parametrize(("nodes", "networks"), [(2, 1), (3, 3)])
def test_the_smallest_graphs(nodes: int, networks: int) -> None:
    found = cell_networks(whole(nodes), (ABSENT, LEARNS))
    assert len(np.unique(found.canonical[found.canonical >= 0])) == networks
