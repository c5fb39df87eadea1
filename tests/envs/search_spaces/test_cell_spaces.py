"""The spaces of cells: legal is exactly what fits the data and the limits; one network is one design."""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.search_spaces.cell_definition import CellDefinition
from rl_designer.envs.search_spaces.cell_layers import live_edges, operation_rules
from rl_designer.envs.search_spaces.cell_space import CellSpace
from rl_designer.envs.search_spaces.costs import costs, costs_within, describe, trace
from rl_designer.envs.search_spaces.registry import make_space, space_definition, space_of_definition
from tests.helpers.latencies import LATENCY
from tests.helpers.strategies import prefixes, seeds, walks

NAS_BENCH_201 = {
    "none": {},
    "skip": {},
    "conv": {"kernel": [1, 3]},
    "same-pool": {"operation": ["average"]},
}
SKELETON = {"width": [4], "stages": [2], "cells": [1]}
CHOICES = {
    "kernel": [3, 5, 7],
    "expansion": [1, 2],
    "squeeze_excitation": [False, True],
    "operation": ["max", "average"],
}
any_space = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))


@st.composite
def definitions(draw: st.DrawFn) -> CellDefinition:
    """Any small space of cells."""
    nodes = draw(st.integers(2, 4))
    chain = {(node, node + 1) for node in range(nodes - 1)}
    every = list(combinations(range(nodes), 2))
    edges = draw(st.none() | st.sets(st.sampled_from(every)).map(lambda more: sorted(chain | more)))
    kinds = draw(
        st.permutations(["none", "skip", "conv", "separable", "residual", "inverted-residual", "same-pool"])
    )
    kinds = kinds[: draw(st.integers(1, 3))]
    assume(kinds != ["none"])
    operations = {
        kind: {option: [draw(st.sampled_from(CHOICES[option]))] for option in operation_rules(kind)}
        for kind in kinds
    }
    if "conv" in operations and draw(st.booleans()):
        operations["conv"] = {"kernel": [1, 3]}
    macro = {
        "width": draw(st.lists(st.sampled_from([1, 3, 8]), min_size=1, max_size=2, unique=True)),
        "stages": draw(st.lists(st.integers(1, 3), min_size=1, max_size=2, unique=True)),
        "cells": [draw(st.integers(1, 2))],
        "stem_stride": [draw(st.integers(1, 2))],
    }
    return CellDefinition.of(
        "any", draw(st.sampled_from(["cell", "cell1d"])), nodes, macro, operations, edges
    )


@st.composite
def spaces(draw: st.DrawFn) -> CellSpace:
    """Any space of cells on any small data, within limits or not."""
    definition = draw(definitions())
    sizes = [draw(st.integers(1, 3)), *(draw(st.integers(1, 16)) for _ in range(definition.rank))]
    limits = {
        "max_parameters": draw(st.none() | st.integers(20, 5_000)),
        "max_macs": draw(st.none() | st.integers(20, 50_000)),
        "max_flash": draw(st.none() | st.integers(20, 10_000)),
        "max_ram": draw(st.none() | st.integers(10, 2_000)),
        "max_latency": draw(st.none() | st.floats(1e-5, 1e-4)),
        "latency": LATENCY,
    }
    try:
        return CellSpace(definition, tuple(sizes), draw(st.integers(2, 5)), **limits)
    except ValueError:
        assume(False)
        raise


def small(**macro: list[int]) -> CellSpace:
    return CellSpace(
        CellDefinition.of("small", "cell1d", 4, {**SKELETON, **macro}, NAS_BENCH_201), (1, 40), 10
    )


# -- what is legal ---------------------------------------------------------------------------------


@any_space
@given(spaces(), seeds)
def test_every_walk_ends_complete_connected_and_within_the_limits(space: CellSpace, seed: int) -> None:
    for architecture in space.architectures(walks(space, 24, seed)):
        assert architecture.complete and len(architecture.layers) == space.max_steps
        assert live_edges(architecture)
        assert within(space, architecture)


@any_space
@given(spaces())
def test_legal_is_exactly_what_fits_connects_and_keeps_the_limits(space: CellSpace) -> None:
    skeletons, operations = space.definition.skeletons(), space.operations
    edges = [f"{source}->{target}" for source, target in space.definition.edges]
    assume(len(skeletons) * len(operations) ** len(edges) <= 800)
    legal = {tuple(row) for row in space.every_design().tolist()}
    fitting = 0
    for skeleton, chosen in product(
        range(len(skeletons)), product(range(len(operations)), repeat=len(edges))
    ):
        placed = [
            Layer.of(operations[number].kind, edge=edge, **dict(operations[number].options))
            for edge, number in zip(edges, chosen, strict=True)
        ]
        architecture = Architecture(space.name, (skeletons[skeleton], *placed), complete=True)
        spelled = (skeleton, *(number + len(skeletons) for number in chosen))
        if spelled in legal:
            fitting += 1
            assert within(space, architecture)
            assert space.architecture(spelled).complete
        elif all_live(architecture):  # dead edges may have operations that fit no map
            assert not within(space, architecture), architecture
    assert fitting == len(legal)


def all_live(architecture: Architecture) -> bool:
    chosen = [layer for layer in architecture.layers[1:] if layer.kind != "none"]
    return len(live_edges(architecture)) == len(chosen) > 0


def within(space: CellSpace, architecture: Architecture) -> bool:
    try:
        cost = costs_within(architecture, space.input_shape, space.num_classes, space.limits)
    except ValueError:
        return False
    return all(spent <= space.limits.of(name) for name, spent in cost.items())


@any_space
@given(spaces(), seeds)
def test_the_costs_are_those_of_the_network(space: CellSpace, seed: int) -> None:
    designs = walks(space, 12, seed)
    known = space.costs(designs)
    for number, architecture in enumerate(space.architectures(designs)):
        cost = costs(architecture, space.input_shape, space.num_classes)
        assert (known["parameters"][number], known["macs"][number]) == (cost.parameters, cost.macs)
        assert cost.macs == sum(
            line.macs for line in describe(architecture, space.input_shape, space.num_classes)
        )


def test_a_limit_takes_out_exactly_what_is_beyond_it() -> None:
    space = small()
    every = space.every_design()
    macs = space.costs(every)["macs"]
    limit = int(np.median(macs))
    limited = CellSpace(space.definition, (1, 40), 10, max_macs=limit)
    np.testing.assert_array_equal(limited.every_design(), every[macs <= limit])


# -- one network, one design -----------------------------------------------------------------------


@any_space
@given(spaces(), seeds)
def test_equal_spellings_are_legal_together_and_become_one_architecture(space: CellSpace, seed: int) -> None:
    every = space.every_design()
    networks = space.canonical(every)
    legal = {tuple(row) for row in every.tolist()}
    assert {tuple(row) for row in networks.tolist()} <= legal
    assert len(np.unique(networks, axis=0)) == space.distinct
    some = np.random.default_rng(seed).choice(len(every), 10)
    for one, other in zip(space.architectures(every[some]), space.architectures(networks[some]), strict=True):
        assert one == other and one.digest == other.digest
    for group, numbers in space.structure(every[some]).items():
        np.testing.assert_array_equal(numbers, space.structure(networks[some])[group])


def test_the_digests_stay_what_they_are() -> None:
    """Stores and tables are keyed by them."""
    space = small()
    design = space.architecture([0, 1 + 2, 1 + 1, 1 + 3, 1 + 0, 1 + 4, 1 + 2])
    assert design.digest == "5b0c369169630c91e1c7"
    assert str(design).startswith("macro(cells=1, stages=2, width=4) → conv(edge=0->1, kernel=1) → ")
    assert space.definition.digest == "6d51925e020fa1b88616"
    assert space_definition("cell1d").digest == "27c7aa1198856dfbcdbc"


def test_the_structure_says_what_a_table_with_a_wiring_says() -> None:
    space = small()
    groups = space.structure(space.every_design()[:100])
    assert [(name, numbers.shape[1]) for name, numbers in groups.items()][1:] == [
        ("skeleton", 10),
        ("whole", 3),
    ]
    assert groups["cell"].shape[1] == 4 + 4 * 15


def test_a_large_space_is_read_quickly_enough() -> None:
    definition = CellDefinition.of(
        "large", "cell", 5, SKELETON, {"none": {}, "skip": {}, "conv": {"kernel": [3]}}
    )
    space = CellSpace(definition, (1, 28, 28), 10)
    assert space.distinct == 4_078 and len(space.every_design()) == 56_578


# -- a network -------------------------------------------------------------------------------------


def test_a_design_is_the_chain_of_its_skeleton() -> None:
    space = small(stages=[3], cells=[2])
    design = space.architecture([0, 1 + 3, 1 + 1, 1 + 3, 1 + 0, 1 + 0, 1 + 3])
    kinds = [step.layer.kind for step in trace(design, (1, 40))]
    assert kinds == [
        "conv",
        "cell",
        "cell",
        "residual",
        "cell",
        "cell",
        "residual",
        "cell",
        "cell",
        "global-pool",
    ]
    shapes = [line.output_shape for line in describe(design, (1, 40), 10)]
    assert shapes[0] == shapes[1] == (4, 40) and shapes[4] == (8, 20) and shapes[7] == (16, 10)


def test_what_is_too_large_for_a_map_is_illegal_there() -> None:
    operations = {"none": {}, "conv": {"kernel": [3, 9]}}
    definition = CellDefinition.of("a", "cell1d", 2, {**SKELETON, "stages": [1, 2]}, operations)
    designs = CellSpace(definition, (1, 10), 3).architectures(
        CellSpace(definition, (1, 10), 3).every_design()
    )
    found = {(design.layers[0]["stages"], design.layers[1]["kernel"]) for design in designs}
    assert found == {(1, 3), (1, 9), (2, 3)}  # 9 positions are more than the second stage's 5


# -- errors ----------------------------------------------------------------------------------------


def test_data_and_limits_that_leave_nothing_say_so() -> None:
    definition = small().definition
    with pytest.raises(ValueError, match=r"space 'small' takes signals .* for which there is 'convnet'"):
        CellSpace(definition, (1, 8, 8), 10)
    with pytest.raises(ValueError, match="no skeleton of space 'small' fits the shape"):
        CellSpace(definition, (1, 2), 10)
    with pytest.raises(
        ValueError, match=r"keeps max_macs=3 on shape \(1, 40\): the smallest has 478 parameters"
    ):
        CellSpace(definition, (1, 40), 10, max_macs=3)
    with pytest.raises(ValueError, match="max_parameters must be from 1 to 1e"):
        CellSpace(definition, (1, 40), 10, max_parameters=0)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Layer.of("macro", width=4, stages=1)], "needs the option 'cells'"),
        ([Layer.of("macro", width=4, stages=1, cells=1)], "needs a global-pool"),
        ([Layer.of("macro", width=4, stages=9, cells=1)], "macro.stages must be an integer from 1 to 6"),
        ([..., Layer.of("conv", kernel=3)], "conv.edge must lead from a node to a higher one"),
        ([..., Layer.of("conv", kernel=3, edge="00->1")], "conv.edge must lead from a node to a higher one"),
        ([..., Layer.of("conv", kernel=3, edge="0->99")], "conv.edge must lead from a node to a higher one"),
        ([..., Layer.of("conv", kernel=3, edge="1->0")], "conv.edge must lead from a node to a higher one"),
        ([..., Layer.of("conv", kernel=3, width=5, edge="0->1")], "unknown option 'width'"),
        ([..., Layer.of("dense", width=3, edge="0->1")], "unknown operation of a cell 'dense'"),
        ([..., Layer.of("skip", edge="0->1"), Layer.of("skip", edge="0->1")], "0->1 has two"),
        ([..., Layer.of("none", edge="0->1")], "needs a global-pool"),
        ([Layer.of("cell")], "a cell layer needs the option 'edges'"),
    ],
)
def test_a_stranger_s_cell_is_checked_to_the_last_option(layers: list[Layer], message: str) -> None:
    whole = [Layer.of("macro", width=4, stages=1, cells=1) if layer is ... else layer for layer in layers]
    with pytest.raises(ValueError, match=message):
        costs(Architecture("any", tuple(whole), complete=True), (1, 12), 3)


def test_actions_and_observations_do_not_depend_on_the_data() -> None:
    one, other = make_space("cell", (1, 8, 8), 2, max_parameters=30_000), make_space("cell", (3, 32, 32), 10)
    assert (one.num_actions, one.max_steps) == (other.num_actions, other.max_steps)
    np.testing.assert_array_equal(one.action_features, other.action_features)
    for architecture in one.architectures(walks(one, 8, 0)):
        np.testing.assert_array_equal(one.encode(architecture), other.encode(architecture))


def test_a_prefix_is_read_and_costed() -> None:
    space = small()
    for prefix in prefixes(walks(space, 6)):
        architecture = space.architecture(prefix)
        assert costs(architecture, (1, 40), 10).parameters >= 0
        assert list(space.actions(architecture)) == list(prefix) or architecture.complete


def test_a_definition_becomes_its_space() -> None:
    definition = replace(small().definition, name="other")
    assert isinstance(space_of_definition(definition, (1, 40), 10, max_macs=100_000), CellSpace)
