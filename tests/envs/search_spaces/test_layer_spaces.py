"""The layer-by-layer spaces: what is legal; legal is always within the limits and never a dead end."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.layers import KINDS
from rl_designer.envs.search_spaces.costs import MOST_SIZE, costs_within, trace
from rl_designer.envs.search_spaces.definition import ANY, NON_DECREASING, WIDTHS, SpaceDefinition
from rl_designer.envs.search_spaces.layer_rules import FAMILIES
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.registry import SPACES, default_space, make_space, space_definition
from tests.helpers.latencies import LATENCY

BUILT_IN = [
    ("convnet", (3, 20, 28)),
    ("convnet1d", (1, 40)),
    ("convnet1d-wide", (1, 40)),
    ("mlp", (13,)),
    ("mlp-wide", (13,)),
    ("textnet", (30, 40)),
]
CHOICES = {
    "kernel": [1, 3, 5, 7, 9],
    "width": [1, 2, 3, 8, 13, 20],
    "stride": [1, 2, 3],
    "expansion": [1, 2, 3],
    "squeeze_excitation": [False, True],
    "dilation": [1, 2, 3],
    "separable": [False, True],
    "operation": ["max", "average"],
    "heads": [1, 2, 3],
    "rate": [0.1, 0.25, 0.5],
    "activation": ["relu", "gelu", "tanh"],
    "normalisation": ["none", "batch", "layer"],
    "frequencies": [1, 3],
    "sigma": [0.1, 1.0],
    "bins": [2, 5],
    "members": [2, 3, 5],
}


@st.composite
def definitions(draw: st.DrawFn) -> SpaceDefinition:
    """Any legal space with small menus."""
    family = FAMILIES[name := draw(st.sampled_from(sorted(FAMILIES)))]
    needed = {draw(st.sampled_from(family.features))} | ({"global-pool"} if family.rank else set())
    kinds = draw(st.permutations(sorted(needed | draw(st.sets(st.sampled_from(family.kinds))))))
    layers = {}
    for kind in kinds:
        layers[kind] = {
            option: draw(
                st.lists(st.sampled_from(choices(kind, option)), min_size=1, max_size=3, unique=True)
            )
            for option, rule in KINDS[kind].options.items()
            if rule.default is None or draw(st.booleans())
        }
    if "pool" in layers:
        layers["global-pool"] = {"operation": ["max", "average"]}
    widths = draw(st.sampled_from(WIDTHS)) if family.rank else ANY
    features = [kind for kind in kinds if kind in family.features]
    limited = draw(st.sets(st.sampled_from(features)))
    largest_map = {kind: draw(st.integers(1, 30)) for kind in sorted(limited)} if family.rank else {}
    stem = draw(st.lists(st.sampled_from(features), unique=True))
    return SpaceDefinition.of("any", name, draw(st.integers(2, 6)), layers, widths, largest_map, stem)


def choices(kind: str, option: str) -> list[object]:
    return [value for value in CHOICES[option] if KINDS[kind].options[option].accepts(value)]


@st.composite
def spaces(draw: st.DrawFn) -> LayerSpace:
    """Any space on any small data, within limits or not."""
    definition = draw(definitions() | st.sampled_from([space_definition(name) for name, _ in BUILT_IN]))
    sizes = [draw(st.integers(1, 4)), *(draw(st.integers(1, 24)) for _ in range(definition.rank))]
    limits = {
        "max_parameters": draw(st.none() | st.integers(10, 20_000)),
        "max_macs": draw(st.none() | st.integers(10, 200_000)),
        "max_flash": draw(st.none() | st.integers(20, 40_000)),
        "max_ram": draw(st.none() | st.integers(10, 5_000)),
        "max_latency": draw(st.none() | st.floats(1e-5, 1e-4)),
        "latency": LATENCY,
    }
    try:
        return LayerSpace(definition, tuple(sizes), draw(st.integers(2, 10)), **limits)
    except ValueError:
        assume(False)
        raise


any_space = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)
seeds = st.integers(0, 2**32 - 1)


def walks(space: LayerSpace, n: int, seed: int) -> np.ndarray:
    return space.random_actions(n, np.random.default_rng(seed))


def finished(space: LayerSpace, architecture: Architecture) -> Architecture:
    """The design that a prefix becomes when it is ended at once, by legal actions alone."""
    while not architecture.complete:
        mask = space.action_mask(architecture)
        ends = [
            action
            for action in np.flatnonzero(mask)
            if (layer := space.layer(0, action)) is None or layer.kind == "global-pool"
        ]
        assert ends, f"{architecture} can't be finished at once"
        architecture = space.extend(architecture, int(ends[-1]))
    return architecture


def within(space: LayerSpace, architecture: Architecture) -> bool:
    cost = costs_within(architecture, space.input_shape, space.num_classes, space.limits)
    return all(spent <= space.limits.of(name) for name, spent in cost.items())


# -- no dead ends, limits kept ---------------------------------------------------------------------


@any_space
@given(spaces(), seeds)
def test_every_walk_ends_complete_within_the_limits_and_the_steps(space: LayerSpace, seed: int) -> None:
    for architecture in space.architectures(walks(space, 24, seed)):
        assert architecture.complete
        assert 1 <= len(architecture.layers) <= space.definition.max_layers == space.max_steps - 1
        assert within(space, architecture)


@any_space
@given(spaces(), seeds)
def test_every_prefix_can_be_finished_at_once_within_the_limits(space: LayerSpace, seed: int) -> None:
    for row in walks(space, 4, seed):
        actions = row[row >= 0].tolist()
        for length in range(1, len(actions)):
            design = finished(space, space.architecture(actions[:length]))
            assert len(design.layers) <= length + 1
            assert within(space, design)


@any_space
@given(spaces(), seeds)
def test_a_layer_is_legal_exactly_where_the_network_finished_after_it_fits(
    space: LayerSpace, seed: int
) -> None:
    free = LayerSpace(space.definition, space.input_shape, space.num_classes)
    for row in walks(space, 2, seed):
        prefix = space.initial()
        for action in row[row >= 0].tolist():
            legal, possible = space.action_mask(prefix), free.action_mask(prefix)
            assert not (legal & ~possible).any()
            for other in np.flatnonzero(possible).tolist():
                assert legal[other] == within(space, finished(free, free.extend(prefix, other)))
            prefix = space.extend(prefix, action)


@any_space
@given(spaces(), seeds)
def test_masks_and_states_of_many_equal_those_of_one(space: LayerSpace, seed: int) -> None:
    actions = walks(space, 8, seed)
    states = space.start(len(actions))
    live = np.arange(len(actions))
    for step in range(space.max_steps):
        for row, mask in zip(live, space.masks(states), strict=True):
            prefix = space.architecture(actions[row, :step].tolist())
            np.testing.assert_array_equal(mask, space.action_mask(prefix))
        going = actions[live, step] >= 0
        live, states = live[going], states[going]
        states = space.advance(states, actions[live, step])


def narrows(space: LayerSpace, architecture: Architecture) -> bool:
    """Whether a convolution is narrower than its map, where that hasn't the shape of the data."""
    return any(
        KINDS[step.layer.kind].role == "feature"
        and step.inputs.sizes != space.input_shape
        and step.options["width"] < step.inputs.channels
        for step in trace(architecture, space.input_shape)
    )


@any_space
@given(spaces(), seeds)
def test_non_decreasing_widths_forbid_what_becomes_narrower_and_nothing_else(
    space: LayerSpace, seed: int
) -> None:
    assume(space.definition.rank > 0)
    free, ordered = (
        LayerSpace(
            replace(space.definition, widths=widths),
            space.input_shape,
            space.num_classes,
            **space.limits.facts,
        )
        for widths in WIDTHS
    )
    assert not any(narrows(ordered, design) for design in ordered.architectures(walks(ordered, 8, seed)))
    for design in free.architectures(walks(free, 8, seed)):
        if narrows(free, design):
            with pytest.raises(ValueError, match="is not legal"):
                ordered.check(design)
        else:
            ordered.check(design)


def has_large_map(space: LayerSpace, architecture: Architecture) -> bool:
    """Whether a layer gets a map that is larger than the space's `largest_map` says."""
    largest_map = dict(space.definition.largest_map)
    return any(
        max(step.inputs.height, step.inputs.width) > largest_map.get(step.layer.kind, MOST_SIZE)
        for step in trace(architecture, space.input_shape)
    )


@any_space
@given(spaces(), seeds)
def test_a_largest_map_forbids_layers_on_larger_ones_and_nothing_else(space: LayerSpace, seed: int) -> None:
    free = replace(space.definition, largest_map=())
    limits = space.limits.facts
    without = LayerSpace(free, space.input_shape, space.num_classes, **limits)
    assert not any(has_large_map(space, design) for design in space.architectures(walks(space, 8, seed)))
    for design in without.architectures(walks(without, 8, seed)):
        if has_large_map(space, design):
            with pytest.raises(ValueError, match="is not legal"):
                space.check(design)
        else:
            space.check(design)


@any_space
@given(spaces(), seeds)
def test_a_stem_forbids_other_first_layers_and_nothing_else(space: LayerSpace, seed: int) -> None:
    stem, free = space.definition.stem, replace(space.definition, stem=())
    limits = space.limits.facts
    without = LayerSpace(free, space.input_shape, space.num_classes, **limits)
    assert all(not stem or d.layers[0].kind in stem for d in space.architectures(walks(space, 8, seed)))
    for design in without.architectures(walks(without, 8, seed)):
        if stem and design.layers[0].kind not in stem:
            with pytest.raises(ValueError, match="is not legal"):
                space.check(design)
        else:
            space.check(design)


def test_a_kind_waits_for_the_map_to_become_small_enough() -> None:
    layers = {
        "conv": {"kernel": [3], "width": [4], "stride": [1, 2]},
        "residual": {"kernel": [3], "width": [4]},
        "global-pool": {"operation": ["max"]},
    }
    space = LayerSpace(SpaceDefinition.of("a", "convnet", 4, layers, ANY, {"residual": 10}), (1, 7, 20), 3)
    start = space.initial()
    assert space.action_mask(start).tolist() == [True, True, False, False, False]  # 20 a side
    assert space.action_mask(space.extend(start, 0)).tolist() == [True, True, False, True, False]
    assert space.action_mask(space.extend(start, 1)).tolist() == [True, True, True, True, False]  # 10 a side


def test_the_first_layer_may_be_narrower_than_the_data() -> None:
    layers = {"conv": {"kernel": [3], "width": [4, 32]}, "global-pool": {"operation": ["max"]}}
    space = LayerSpace(SpaceDefinition.of("a", "convnet1d", 4, layers, NON_DECREASING), (12, 40), 3)
    prefix = space.extend(space.initial(), 0)
    assert space.action_mask(prefix).tolist() == [True, True, True, False]
    assert space.action_mask(space.extend(prefix, 1)).tolist() == [False, True, True, False]


@pytest.mark.parametrize(("name", "shape"), BUILT_IN)
def test_a_mask_is_empty_exactly_where_the_design_is_complete(name: str, shape: tuple[int, ...]) -> None:
    space = make_space(name, shape, 10)
    prefix = space.initial()
    for action in walks(space, 1, 0)[0]:
        if action < 0:
            break
        assert not prefix.complete
        assert space.action_mask(prefix).any()
        prefix = space.extend(prefix, int(action))
    assert prefix.complete
    assert not space.action_mask(prefix).any()


@pytest.mark.parametrize(("name", "shape"), BUILT_IN)
def test_built_in_spaces_have_40_to_160_actions(name: str, shape: tuple[int, ...]) -> None:
    assert 40 <= make_space(name, shape, 10).num_actions <= 160


# -- actions, observations -------------------------------------------------------------------------


@any_space
@given(spaces(), seeds)
def test_actions_and_architectures_are_each_other_s_inverse(space: LayerSpace, seed: int) -> None:
    for row in walks(space, 8, seed):
        actions = tuple(row[row >= 0].tolist())
        architecture = space.architecture(actions)
        again = Architecture.from_dict(architecture.to_dict())
        assert space.actions(again) == actions
        space.check(again)
    for action in range(space.num_actions):
        assert space.action_of(0, space.layer(0, action)) == action


@pytest.mark.parametrize(
    "layer",
    [
        Layer.of("conv", kernel=3, width=9, stride=1),
        Layer.of("conv", kernel=3, width=8, stride=True),
        Layer.of("conv", kernel=3, width=8.0, stride=1),
        Layer.of("nothing"),
    ],
)
def test_a_layer_that_the_space_lacks_is_refused(layer: Layer) -> None:
    space = make_space("convnet1d", (1, 40), 10)
    with pytest.raises(ValueError, match="space 'convnet1d' has no layer"):
        space.action_of(0, layer)


@any_space
@given(definitions() | st.sampled_from([space_definition(name) for name, _ in BUILT_IN]))
def test_action_features_are_finite_and_no_two_rows_are_equal(definition: SpaceDefinition) -> None:
    try:
        space = LayerSpace(definition, (2,) + (64,) * definition.rank, 2)
    except ValueError as error:
        # Such as kernel 1 with stride 2 as the only choice, which no data fits.
        assert "smaller than their strides" in str(error)
        return
    features = space.action_features
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert np.abs(features).max() <= 1
    assert len(np.unique(features, axis=0)) == space.num_actions == len(features)


def test_similar_layers_have_similar_features() -> None:
    space = make_space("convnet1d", (1, 40), 10)
    row = {
        width: space.action_features[space.action_of(0, Layer.of("conv", kernel=5, width=width, stride=1))]
        for width in (12, 16, 48)
    }
    other_kind = space.action_features[space.action_of(0, Layer.of("residual", kernel=5, width=12, stride=1))]
    assert np.linalg.norm(row[12] - row[16]) < np.linalg.norm(row[12] - row[48])
    assert np.linalg.norm(row[12] - row[48]) < 2.5
    assert np.linalg.norm(row[12] - other_kind) > 1


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [("convnet", (1, 28, 28), (3, 32, 32)), ("convnet1d", (1, 40), (6, 200)), ("mlp", (4,), (64,))],
)
def test_actions_and_observations_do_not_depend_on_the_data(
    name: str, first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    one, other = make_space(name, first, 2, max_parameters=50_000), make_space(name, second, 10)
    assert (one.num_actions, one.max_steps) == (other.num_actions, other.max_steps)
    np.testing.assert_array_equal(one.action_features, other.action_features)
    for architecture in one.architectures(walks(one, 8, 0)):
        np.testing.assert_array_equal(one.encode(architecture), other.encode(architecture))


# -- the registry ----------------------------------------------------------------------------------


def test_every_space_has_a_line_and_the_default_follows_the_shape() -> None:
    assert sorted(SPACES) == sorted(["cell", "cell1d", "table", *dict(BUILT_IN)])
    assert [default_space(shape) for shape in ((4,), (1, 40), (1, 8, 8))] == ["mlp", "convnet1d", "convnet"]
    with pytest.raises(ValueError, match="an input must be"):
        default_space((1, 2, 3, 4))
