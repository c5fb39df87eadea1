"""Which designs a table is built of, and how they become rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_designer.envs.architecture import Layer
from rl_designer.envs.search_spaces.definition import SpaceDefinition
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.registry import SPACES, make_space, space_definition
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.table import ArchitectureTable, Task
from rl_designer.errors import WrongUsage
from rl_designer.table_making import designs as table_designs
from rl_designer.table_making.designs import (
    END,
    Walks,
    all_designs,
    count_designs,
    layout,
    option_text,
    random_designs,
    share_of,
)

SIGNALS = SpaceDefinition.of(
    "small",
    "convnet1d",
    4,
    {
        "conv": {"kernel": [3], "width": [4, 8], "stride": [1, 2]},
        "pool": {"operation": ["max"]},
        "global-pool": {"operation": ["average"]},
    },
)
MOST = 10_000


def small(**limits):
    return LayerSpace(SIGNALS, (1, 20), 3, **limits)


def every_sequence(space):
    """Every complete design, by following the mask of each prefix on its own."""
    found, prefixes = [], [((), space.initial())]
    while prefixes:
        actions, prefix = prefixes.pop()
        if prefix.complete:
            found.append(actions)
        legal = np.flatnonzero(space.action_mask(prefix)).tolist()
        prefixes.extend(((*actions, action), space.extend(prefix, action)) for action in legal)
    return sorted(found)


def sequences(rows):
    return sorted(tuple(row[row >= 0].tolist()) for row in rows)


@pytest.mark.parametrize("limits", [{}, {"max_parameters": 150}, {"max_macs": 1_500, "max_parameters": 400}])
def test_all_designs_are_those_that_the_masks_allow_each_once(limits):
    space = small(**limits)
    expected = every_sequence(space)
    assert sequences(all_designs(space)) == expected
    assert count_designs(space).designs == len(expected) and count_designs(space).exact


def test_a_count_without_limits_is_exact_however_large():
    space = make_space("convnet1d", (1, 40), 10)
    count = count_designs(space)
    assert count.exact and count.designs == Walks(space).total > 10**13
    assert str(count) == f"{count.designs:,}"


def test_a_count_under_limits_that_leave_many_is_an_estimate_and_says_so(monkeypatch):
    space = small(max_parameters=400)
    exact = len(all_designs(space))
    monkeypatch.setattr(table_designs, "MOST_DESIGNS", 5)
    count = count_designs(space)
    assert not count.exact and str(count).startswith("about ")
    assert count.designs == pytest.approx(exact, rel=0.05)


def test_a_space_with_too_many_designs_is_refused_with_their_number_and_a_remedy():
    space = make_space("convnet1d", (1, 40), 10)
    with pytest.raises(
        WrongUsage, match=r"has \d+,\d+,[\d,]+ designs.*at most 200,000.*--share 1% or --designs"
    ):
        all_designs(space)


def test_random_designs_are_distinct_the_same_for_a_seed_and_within_limits():
    space = small(max_parameters=300)
    first, second, other = (random_designs(space, 10, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, second) and not np.array_equal(first, other)
    assert len(set(sequences(first))) == 10
    assert set(sequences(first)) <= set(every_sequence(space))


@pytest.mark.parametrize("limits", [{}, {"max_parameters": 300}])
def test_random_designs_of_a_space_too_large_to_list_are_drawn_the_same_way(monkeypatch, limits):
    space = small(**limits)
    monkeypatch.setattr(table_designs, "MOST_DESIGNS", 12)
    drawn = random_designs(space, 12, np.random.default_rng(0))
    assert len(set(sequences(drawn))) == 12
    assert set(sequences(drawn)) <= set(every_sequence(space))


def test_every_design_is_drawn_as_often_as_any_other():
    walks, total = Walks(small()), len(every_sequence(small()))
    assert walks.total == total
    drawn = walks.draw(100 * total, np.random.default_rng(0))
    designs, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(designs) == total
    # Chi-squared over its degrees of freedom: 1 ± a few times sqrt(2 / total).
    assert ((counts - 100) ** 2 / 100).sum() / (total - 1) == pytest.approx(1, abs=5 * (2 / total) ** 0.5)


def test_more_designs_than_there_are_is_refused():
    total = len(all_designs(small()))
    with pytest.raises(WrongUsage, match=f"has {total} designs, {total + 1} are wanted"):
        random_designs(small(), total + 1, np.random.default_rng(0))
    with pytest.raises(WrongUsage, match="at most 200,000 designs, 200,001 are wanted"):
        random_designs(small(), 200_001, np.random.default_rng(0))


def test_designs_so_rare_that_they_are_not_found_are_refused(monkeypatch):
    space = small(max_parameters=70)
    rare = len(all_designs(space))
    monkeypatch.setattr(table_designs, "_enumerated", lambda space, most: None)
    monkeypatch.setattr(table_designs, "_DRAWN_AT_ONCE", 200)
    monkeypatch.setattr(table_designs, "_MOST_DRAWN", 2_000)
    with pytest.raises(WrongUsage, match=f"only {rare} of 2,000 random designs .* raise the limits"):
        random_designs(space, rare + 1, np.random.default_rng(0))


def test_a_share_is_of_the_designs_and_at_least_one():
    total = len(all_designs(small()))
    assert share_of(small(), 0.25) == round(total / 4)
    assert share_of(small(), 1e-9) == 1


# -- rows ----------------------------------------------------------------------------------------------


def table_of(space, decisions, rows):
    values = np.zeros((len(rows), 1), dtype=np.float32)
    facts = {"unit": "fraction", "maximize": True}
    return ArchitectureTable(
        "t", "t", "", decisions, rows, {"value": values}, {"value": facts}, {"t": Task("value", "value")}
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_the_rows_are_the_designs_and_the_tables_space_allows_these_alone(seed, n):
    space = small()
    architectures = space.architectures(random_designs(space, n, np.random.default_rng(seed)))
    decisions, rows = layout(architectures, space.definition.enumerate())
    texts = [[option_text(layer) for layer in architecture.layers] for architecture in architectures]
    named = [[options[o] for o, (_, options) in zip(row, decisions, strict=True)] for row in rows]
    assert named == [text + [END] * (len(decisions) - len(text)) for text in texts]
    table_space = TableSpace(table_of(space, decisions, rows))
    reached = set(map(tuple, table_space.random_actions(30 * n, np.random.default_rng(0)).tolist()))
    assert reached <= set(map(tuple, rows.tolist()))


def test_every_position_has_the_same_options_of_layers_that_are_used():
    space = small()
    architectures = [space.architecture(actions) for actions in ((0, 5, 6), (2, 0, 5, 6))]
    decisions, rows = layout(architectures, space.definition.enumerate())
    assert [name for name, _ in decisions] == ["layer 1", "layer 2", "layer 3"]
    options = ("conv k3 s1 w4", "conv k3 s1 w8", "global-pool average", END)
    assert all(found == options for _, found in decisions)
    assert rows.tolist() == [[0, 2, 3], [1, 0, 2]]


@pytest.mark.parametrize("name", [name for name in SPACES if name != "table"])
def test_no_two_layers_of_a_built_in_space_have_one_text(name):
    layers = space_definition(name).enumerate()
    assert len({option_text(layer) for layer in layers} | {END}) == len(layers) + 1


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Layer.of("conv", kernel=5, stride=2, width=24), "conv k5 s2 w24"),
        (Layer.of("global-pool", operation="average"), "global-pool average"),
        (
            Layer.of("dense", width=32, activation="gelu", normalisation="none"),
            "dense gelu no-normalisation w32",
        ),
        (Layer.of("dropout", rate=0.1), "dropout r0.1"),
        (Layer.of("inverted-residual", squeeze_excitation=True), "inverted-residual squeeze-excitation"),
        (Layer.of("inverted-residual", squeeze_excitation=False), "inverted-residual no-squeeze-excitation"),
    ],
)
def test_a_layer_reads_well(layer, text):
    assert option_text(layer) == text


def test_more_options_than_a_byte_tells_apart_are_refused():
    definition = SpaceDefinition.of(
        "wide",
        "mlp",
        1,
        {
            "dense": {
                "width": list(range(1, 65)),
                "activation": ["relu", "gelu", "tanh"],
                "normalisation": ["none", "batch"],
            }
        },
    )
    space = LayerSpace(definition, (4,), 2)
    with pytest.raises(WrongUsage, match="at most 256 options a decision, these designs use 384"):
        layout(space.architectures(all_designs(space)), definition.enumerate())
