"""The layer-by-layer spaces: what may follow what, what layers cost, and which arguments are refused."""

import numpy as np
import pytest

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.layers import KINDS, Shape, full_options
from rl_designer.envs.search_spaces.costs import MOST_INPUT_VALUES, costs, describe
from rl_designer.envs.search_spaces.definition import SpaceDefinition
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.registry import make_space


def walks(space: LayerSpace, n: int, seed: int) -> np.ndarray:
    return space.random_actions(n, np.random.default_rng(seed))


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


EMBEDDING, ENSEMBLE = Layer.of("piecewise", bins=2), Layer.of("ensemble", members=2)
ROWS = SpaceDefinition.of(
    "rows",
    "mlp",
    4,
    {
        "dense": {"width": [8]},
        "dropout": {"rate": [0.1]},
        "piecewise": {"bins": [2]},
        "ensemble": {"members": [2]},
    },
)


@pytest.mark.parametrize(
    ("rule", "layers", "legal"),
    [
        ("what learns comes first", [], {DENSE, EMBEDDING, ENSEMBLE}),
        ("an embedding comes first alone", [EMBEDDING], {DENSE, ENSEMBLE, STOP}),
        ("an ensemble begins anywhere", [DENSE], {DENSE, ENSEMBLE, DROPOUT, STOP}),
        ("an ensemble begins anywhere", [DENSE, DROPOUT], {DENSE, ENSEMBLE, STOP}),
        ("an ensemble begins once", [ENSEMBLE], {DENSE, STOP}),
        ("an ensemble begins once", [EMBEDDING, ENSEMBLE, DENSE], {DENSE, DROPOUT, STOP}),
        ("an ensemble begins once", [ENSEMBLE, DENSE, DROPOUT], {DENSE, STOP}),
        ("both are layers", [EMBEDDING, ENSEMBLE, DENSE, DENSE], {STOP}),
    ],
)
def test_what_may_follow_on_features(rule: str, layers: list[Layer], legal: set[Layer | None]) -> None:
    assert legal_layers(LayerSpace(ROWS, (5,), 3), Architecture("rows", tuple(layers))) == legal


def test_an_ensemble_may_end_a_network_of_signals() -> None:
    layers = {"conv": {"kernel": [3], "width": [8]}, "global-pool": {"operation": ["max"]}}
    definition = SpaceDefinition.of("ends", "convnet1d", 4, {**layers, "ensemble": {"members": [2]}})
    space = LayerSpace(definition, (1, 32), 3)
    assert legal_layers(space, Architecture("ends", (CONV,))) == {CONV, MAX_END}
    assert legal_layers(space, Architecture("ends", (CONV, MAX_END))) == {ENSEMBLE, STOP}


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


# -- costs -----------------------------------------------------------------------------------------


def test_costs_by_hand() -> None:
    layers = (CONV, MAX_POOL, MEAN_END)
    summaries = describe(Architecture("small", layers, complete=True), (2, 11), 5)
    assert [line.layer for line in summaries] == [*layers, Layer.of("classifier", classes=5)]
    assert [line.output_shape for line in summaries] == [(8, 11), (8, 5), (8,), (5,)]
    assert [line.parameters for line in summaries] == [3 * 2 * 8 + 2 * 8, 0, 0, 8 * 5 + 5]
    assert [line.macs for line in summaries] == [3 * 2 * 8 * 11, 0, 0, 8 * 5]


def test_costs_of_an_embedding_and_an_ensemble_by_hand() -> None:
    layers = (Layer.of("periodic", frequencies=3, sigma=0.1, width=2), Layer.of("ensemble", members=4), DENSE)
    summaries = describe(Architecture("rows", layers, complete=True), (5,), 3)
    assert [line.output_shape for line in summaries] == [(10,), (10,), (8,), (3,)]
    per_feature = 3 + 6 + 1  # frequencies, weights of sines and cosines, a bias
    assert [line.parameters for line in summaries] == [5 * per_feature, 4 * 10, 10 * 8 + 8, 4 * (8 * 3 + 3)]
    assert [line.macs for line in summaries] == [5 * 6, 0, 4 * 10 * 8, 4 * 8 * 3]


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
        (("mlp", (4,), 0), {}, "2 to 1,000,000 classes, or 1 output for a number, got 0"),
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
