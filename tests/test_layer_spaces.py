"""The layer-by-layer spaces: what is legal; legal is always within the limits and never a dead end."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.search_spaces.costs import MOST_INPUT_VALUES, costs, describe
from rl_designer.envs.search_spaces.definition import FAMILIES, SpaceDefinition
from rl_designer.envs.search_spaces.layer_kinds import KINDS, Shape, full_options
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.registry import SPACES, default_space, make_space, space_definition

BUILT_IN = [("convnet", (3, 20, 28)), ("convnet1d", (1, 40)), ("mlp", (13,))]
CHOICES = {
    "kernel": [3, 5, 7, 9],
    "width": [1, 2, 3, 8, 13, 20],
    "stride": [1, 2, 3],
    "expansion": [1, 2, 3],
    "squeeze_excitation": [False, True],
    "operation": ["max", "average"],
    "rate": [0.1, 0.25, 0.5],
    "activation": ["relu", "gelu", "tanh"],
    "normalisation": ["none", "batch", "layer"],
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
    return SpaceDefinition.of("any", name, draw(st.integers(2, 6)), layers)


def choices(kind: str, option: str) -> list[object]:
    pointwise = option == "kernel" and kind in ("conv", "residual")
    return [1, *CHOICES[option]] if pointwise else CHOICES[option]


@st.composite
def spaces(draw: st.DrawFn) -> LayerSpace:
    """Any space on any small data, within limits or not."""
    definition = draw(definitions() | st.sampled_from([space_definition(name) for name, _ in BUILT_IN]))
    sizes = [draw(st.integers(1, 4)), *(draw(st.integers(1, 24)) for _ in range(definition.rank))]
    limits = {
        "max_parameters": draw(st.none() | st.integers(10, 20_000)),
        "max_macs": draw(st.none() | st.integers(10, 200_000)),
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
    cost = costs(architecture, space.input_shape, space.num_classes)
    return all(
        limit is None or spent <= limit
        for spent, limit in ((cost.parameters, space.max_parameters), (cost.macs, space.max_macs))
    )


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
def test_built_in_spaces_have_40_to_110_actions(name: str, shape: tuple[int, ...]) -> None:
    assert 40 <= make_space(name, shape, 10).num_actions <= 110


# -- what may follow what --------------------------------------------------------------------------

CONV, DENSE, DROPOUT = (
    Layer.of("conv", kernel=3, width=8),
    Layer.of("dense", width=8),
    Layer.of("dropout", rate=0.1),
)
MAX_POOL, MEAN_POOL = Layer.of("pool", operation="max"), Layer.of("pool", operation="average")
MAX_END, MEAN_END = Layer.of("global-pool", operation="max"), Layer.of("global-pool", operation="average")
STOP = None
SMALL = SpaceDefinition.of(
    "small",
    "convnet1d",
    6,
    {
        "conv": {"kernel": [3], "width": [8]},
        "pool": {"operation": ["max", "average"]},
        "dropout": {"rate": [0.1]},
        "global-pool": {"operation": ["average", "max"]},
        "dense": {"width": [8]},
    },
)


@pytest.mark.parametrize(
    ("rule", "layers", "legal"),
    [
        ("a feature block comes first", [], {CONV}),
        ("anything but stop", [CONV], {CONV, MAX_POOL, MEAN_POOL, DROPOUT, MAX_END, MEAN_END}),
        ("pooled once is enough", [CONV, MAX_POOL], {CONV, MAX_POOL, MEAN_POOL, DROPOUT, MEAN_END}),
        ("pooled once is enough", [CONV, MEAN_POOL], {CONV, MAX_POOL, MEAN_POOL, DROPOUT, MAX_END}),
        ("with a dropout in between too", [CONV, MAX_POOL, DROPOUT], {CONV, MEAN_END}),
        ("with a dropout in between too", [CONV, MEAN_POOL, DROPOUT], {CONV, MAX_END}),
        ("no second dropout, no pool after one", [CONV, DROPOUT], {CONV, MAX_END, MEAN_END}),
        ("dropout goes before the global-pool", [CONV, MAX_END], {DENSE, STOP}),
        ("a vector stays one", [CONV, MAX_END, DENSE], {DENSE, DROPOUT, STOP}),
        ("no second dropout", [CONV, MAX_END, DENSE, DROPOUT], {DENSE, STOP}),
        ("a layer is kept for the global-pool", [CONV] * 5, {MAX_END, MEAN_END}),
        ("no layer is left", [*[CONV] * 5, MAX_END], {STOP}),
    ],
)
def test_what_may_follow(rule: str, layers: list[Layer], legal: set[Layer | None]) -> None:
    space = LayerSpace(SMALL, (1, 32), 3)
    assert legal_layers(space, Architecture("small", tuple(layers))) == legal


def test_features_need_a_dense_layer_first() -> None:
    kinds = {layer.kind for layer in legal_layers(make_space("mlp", (4,), 2), Architecture("mlp")) if layer}
    assert kinds == {"dense", "residual-dense"}


def legal_layers(space: LayerSpace, prefix: Architecture) -> set[Layer | None]:
    return {
        space.layer(len(prefix.layers), action)
        for action in np.flatnonzero(space.action_mask(prefix)).tolist()
    }


@pytest.mark.parametrize(
    ("length", "legal"),
    [
        (7, {(3, 1), (3, 2), (5, 1), (5, 2), (7, 1), (7, 2), (1, 1)}),
        (4, {(3, 1), (3, 2), (1, 1)}),
        (2, {(1, 1)}),
        (1, {(1, 1)}),
    ],
)
def test_kernels_are_no_larger_than_the_map_and_strides_than_kernels(
    length: int, legal: set[tuple[int, int]]
) -> None:
    definition = SpaceDefinition.of(
        "sizes",
        "convnet1d",
        3,
        {
            "conv": {"kernel": [1, 3, 5, 7], "width": [2], "stride": [1, 2]},
            "global-pool": {"operation": ["max", "average"]},
        },
    )
    space = LayerSpace(definition, (2, length), 3)
    layers = legal_layers(space, space.initial())
    assert {(layer["kernel"], layer["stride"]) for layer in layers if layer} == legal


@pytest.mark.parametrize(("length", "pools"), [(5, True), (4, True), (3, False)])
def test_a_pool_leaves_more_than_one_position(length: int, pools: bool) -> None:
    legal = legal_layers(LayerSpace(SMALL, (1, length), 3), Architecture("small", (CONV,)))
    assert (MAX_POOL in legal) == (MEAN_POOL in legal) == pools


def test_on_a_map_of_one_position_only_the_first_global_pool_is_legal() -> None:
    definition = SpaceDefinition.of(
        "point",
        "convnet",
        3,
        {"conv": {"kernel": [1], "width": [2]}, "global-pool": {"operation": ["max", "average"]}},
    )
    prefix = Architecture("point", (Layer.of("conv", kernel=1, width=2),))
    for shape, legal in (((3, 1, 1), {MAX_END}), ((3, 1, 2), {MAX_END, MEAN_END})):
        layers = legal_layers(LayerSpace(definition, shape, 2), prefix)
        assert {layer for layer in layers if layer and layer.kind == "global-pool"} == legal


def test_one_design_has_one_spelling() -> None:
    space = LayerSpace(SMALL, (1, 16), 3)
    designs = list(complete_designs(space, space.initial()))
    assert len({design.digest for design in designs}) == len(designs) > 100


def complete_designs(space: LayerSpace, prefix: Architecture) -> list[Architecture]:
    if prefix.complete:
        return [prefix]
    legal = np.flatnonzero(space.action_mask(prefix)).tolist()
    return [design for action in legal for design in complete_designs(space, space.extend(prefix, action))]


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


# -- costs -----------------------------------------------------------------------------------------


def test_costs_by_hand() -> None:
    layers = (CONV, MAX_POOL, MEAN_END)
    summaries = describe(Architecture("small", layers, complete=True), (2, 11), 5)
    assert [line.layer for line in summaries] == [*layers, Layer.of("classifier", classes=5)]
    assert [line.output_shape for line in summaries] == [(8, 11), (8, 5), (8,), (5,)]
    assert [line.parameters for line in summaries] == [3 * 2 * 8 + 2 * 8, 0, 0, 8 * 5 + 5]
    assert [line.macs for line in summaries] == [3 * 2 * 8 * 11, 0, 0, 8 * 5]


def test_a_prefix_is_described_without_a_classifier() -> None:
    assert [line.layer for line in describe(Architecture("small", (CONV,)), (2, 11), 5)] == [CONV]
    assert costs(Architecture("small"), (2, 11), 5).parameters == 0


def test_the_largest_layers_on_the_largest_data_do_not_overflow() -> None:
    convolution = {"kernel": [1, 31], "width": [1, 4096], "stride": [1, 4]}
    inverted = {**convolution, "kernel": [31], "expansion": [16], "squeeze_excitation": [True]}
    layers = {"conv": convolution, "residual": convolution, "inverted-residual": inverted}
    ends = {"global-pool": {"operation": ["max"]}, "dense": {"width": [4096]}}
    definition = SpaceDefinition.of("huge", "convnet", 64, {**layers, **ends})
    space = LayerSpace(definition, (1, 10_000, MOST_INPUT_VALUES // 10_000), 10**6)
    for architecture in space.architectures(walks(space, 20, 0)):
        cost = costs(architecture, space.input_shape, space.num_classes)
        assert 0 < cost.macs <= 10**18
        assert 0 < cost.parameters <= 10**18
    wide = Shape(4096, 10_000, 10_000, 2)
    for layer in definition.enumerate():
        options = full_options(layer)
        exact = KINDS[layer.kind].effect(wide, **options)
        arrays = {name: np.array([value]) for name, value in options.items()}
        columns = Shape(np.array([[4096]]), np.array([[10_000]]), np.array([[10_000]]), 2)
        assert np.all(KINDS[layer.kind].effect(columns, **arrays).macs == int(exact.macs))


# -- wrong input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "limits", "message"),
    [
        (("convnett", (1, 8, 8), 2), {}, "unknown space 'convnett'. Did you mean 'convnet'"),
        (("table", (1, 8, 8), 2), {}, "comes with an architecture table"),
        (("mlp", (1, 40), 2), {}, r"takes features \(features,\); the shape \(1, 40\) .* 'convnet1d'"),
        (("convnet", (64,), 2), {}, r"takes images .* is that of features .* 'mlp'"),
        (("mlp", (), 2), {}, r"got the shape \(\)"),
        (("mlp", (1, 2, 3, 4), 2), {}, r"got the shape \(1, 2, 3, 4\)"),
        (("convnet1d", (1, 0), 2), {}, "integers from 1 to"),
        (("convnet1d", (1, 2.5), 2), {}, "integers from 1 to"),
        (("convnet", (10, 10_000, 10_000), 2), {}, "at most 100,000,000 values"),
        (("mlp", (4,), 1), {}, "2 to 1,000,000 classes, got 1"),
        (("mlp", (4,), 2), {"max_parameters": 0}, "max_parameters must be from 1 to"),
        (("mlp", (4,), 2), {"max_macs": -5}, "max_macs must be from 1 to"),
        (
            ("convnet1d", (1, 40), 10),
            {"max_parameters": 50},
            "max_parameters=50 .* smallest has 130 parameters",
        ),
        (("convnet1d", (1, 40), 10), {"max_macs": 7}, "max_macs=7 .* the cheapest 540 multiply-adds"),
        (("convnet", (1, 2, 2), 10), {}, "no first layer of space 'convnet' fits"),
    ],
)
def test_wrong_arguments_are_one_line_that_helps(arguments: tuple, limits: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make_space(*arguments, **limits)
    assert "\n" not in str(caught.value)


def test_the_smallest_network_that_the_error_names_can_be_had() -> None:
    assert (
        make_space("convnet1d", (1, 40), 10, max_parameters=130).action_mask(Architecture("convnet1d")).any()
    )
    assert make_space("convnet1d", (1, 40), 10, max_macs=540).action_mask(Architecture("convnet1d")).any()


def test_a_space_with_absurdly_many_shapes_is_refused() -> None:
    widths = list(range(1, 65))
    convolution = {"kernel": [5, 7], "width": widths, "stride": [1, 2, 3, 4]}
    pools = {"pool": {"operation": ["max"]}, "global-pool": {"operation": ["average"]}}
    definition = SpaceDefinition.of("many", "convnet", 64, {"conv": convolution, **pools})
    with pytest.raises(ValueError, match="too large for data of shape"):
        LayerSpace(definition, (3, 9997, 1000), 2)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([DENSE, CONV], "needs a vector: put a global-pool before it"),
        ([CONV, MAX_END, CONV], "needs a map, not a vector"),
        ([Layer.of("conv", kernel=13, width=8), MAX_END], r"does not fit the shape \(2, 11\)"),
        ([CONV], "needs a global-pool before its classifier"),
        ([Layer.of("convv", kernel=3)], "unknown layer kind 'convv'. Did you mean 'conv'"),
        ([Layer.of("conv", kernel=3)], "needs the option 'width'"),
        ([Layer.of("conv", kernel=3, width=8, strid=2)], "unknown option 'strid'. Did you mean 'stride'"),
        ([Layer.of("conv", kernel=4, width=8)], r"conv.kernel must be an odd integer from 1 to 31, got 4"),
        ([CONV, Layer.of("pool", operation="mean")], "pool.operation: unknown choice 'mean'"),
    ],
)
def test_an_architecture_that_can_t_be_is_refused(layers: list[Layer], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        costs(Architecture("small", tuple(layers), complete=True), (2, 11), 5)


# -- the registry ----------------------------------------------------------------------------------


def test_every_space_has_a_line_and_the_default_follows_the_shape() -> None:
    assert sorted(SPACES) == ["convnet", "convnet1d", "mlp", "table"]
    assert [default_space(shape) for shape in ((4,), (1, 40), (1, 8, 8))] == ["mlp", "convnet1d", "convnet"]
    with pytest.raises(ValueError, match="an input must be"):
        default_space((1, 2, 3, 4))
