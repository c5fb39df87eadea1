"""The nearest to a hand-made network that a space has: the same kinds in their order, within the limits."""

from typing import Any

import pytest

from rl_designer.envs.references.by_hand import REFERENCES, architecture_of
from rl_designer.envs.references.nearest import NearestReferences, nearest, nearest_references
from rl_designer.envs.search_spaces.definition import SpaceDefinition
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.trained_space import TrainedDefinition, TrainedSpace

SHAPES = {"convnet1d": (1, 40), "convnet": (1, 28, 28), "mlp": (30,)}


def found(space: str, **limits: int) -> NearestReferences:
    return nearest_references(make_space(space, SHAPES[space], 10, **limits), SHAPES[space])


def space_of(layers: dict[str, dict[str, list[Any]]], max_layers: int = 8, **more: Any) -> LayerSpace:
    layers = {**layers, "global-pool": {"operation": ["average"]}}
    return LayerSpace(SpaceDefinition.of("own", "convnet1d", max_layers, layers, **more), (1, 40), 10)


def test_what_a_space_has_exactly_is_found_exactly() -> None:
    own = architecture_of(REFERENCES["resnet-8"], (1, 28, 28))
    near = nearest(REFERENCES["resnet-8"], make_space("convnet", (1, 28, 28), 10))
    assert near.architecture.digest == own.digest and near.differences == ()
    assert str(near) == "resnet-8 (77,754 parameters)"


@pytest.mark.parametrize("space", SHAPES)
@pytest.mark.parametrize(
    "limits", [{}, {"max_parameters": 5_000}, {"max_macs": 1_000_000, "max_parameters": 20_000}]
)
def test_they_are_legal_complete_and_of_the_same_kinds(space: str, limits: dict[str, int]) -> None:
    legal, designs = make_space(space, SHAPES[space], 10, **limits), found(space, **limits).found
    assert designs
    for near in designs:
        legal.check(near.architecture)
        kinds = [layer.kind for layer in near.architecture.layers]
        own = [layer.kind for layer in architecture_of(REFERENCES[near.reference], SHAPES[space]).layers]
        assert kinds == own or "at most" in near.differences[0]
        [parameters] = legal.costs(legal.pad([legal.actions(near.architecture)]))["parameters"]
        assert near.parameters == parameters <= limits.get("max_parameters", parameters)


def test_the_widest_within_the_limits_is_taken() -> None:
    sizes = [
        found("convnet1d", max_parameters=limit).found[0].parameters for limit in (600, 2_000, 5_000, 10**6)
    ]
    assert sizes == [562, 1_882, 3_970, 14_842]
    assert found("convnet1d").found[0].parameters == 3_970  # its own widths where there are no limits


def test_what_is_other_in_the_space_is_told() -> None:
    near = nearest(REFERENCES["mobilenet-v2"], make_space("convnet", (1, 28, 28), 10))
    assert near.differences == (
        "at most 2 blocks in a row for 4",
        "expansion 2 for 1",
        "expansion 4 for 6",
        "kernel 3 for 1",
    )
    few = space_of({"conv": {"kernel": [3], "width": [8, 32], "stride": [1]}})
    assert nearest(REFERENCES["cnn"], few).differences == ("kernel 3 for 5", "stride 1 for 2")


def test_what_a_space_lacks_is_left_out_with_the_reason() -> None:
    convolutions = {"conv": {"kernel": [3], "width": [8, 16]}}
    blocks = {**convolutions, "residual": {"kernel": [3], "width": [8, 16]}}
    reasons = dict(nearest_references(space_of(convolutions), (1, 40)).left_out)
    assert reasons == {
        "linear": "it takes the data flattened, and the space's designs don't",
        "mlp": "it takes the data flattened, and the space's designs don't",
        "lenet-5": "the space has no pool layers",
        "resnet-8": "the space has no residual layers",
        "resnet-20": "the space has no residual layers",
        "mobilenet-v2": "the space has no inverted-residual layers",
        "inception-time": "the space has no inception layers",
        "lite": "the space has no inception layers",
    }
    reasons = dict(nearest_references(space_of(blocks, max_layers=4), (1, 40)).left_out)
    assert reasons["resnet-8"] == "it has 5 layers, and the space at most 4"
    late = space_of(blocks, largest_map={"residual": 10})
    rule = "by the space's rules no residual layer may be its layer 2"
    assert dict(nearest_references(late, (1, 40)).left_out)["resnet-8"] == rule
    assert (
        dict(found("mlp").left_out)["linear"]
        == "it has no layers, and a design of the space has at least one"
    )
    least = "at its narrowest it has 1,042 parameters and 11,488 multiply-adds, and the limits are below"
    assert dict(found("convnet1d", max_parameters=1_000).left_out)["lenet-5"] == least


def test_of_two_that_are_one_design_the_second_is_left_out() -> None:
    assert (
        dict(found("convnet1d", max_parameters=5_000).left_out)["resnet-20"]
        == "it is the same design as resnet-8"
    )


def test_a_space_of_cells_has_none() -> None:
    space = make_space("cell", (1, 28, 28), 10)
    assert nearest_references(space, (1, 28, 28)).found == ()


def test_unknown_names_are_refused_with_the_legal_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown reference for such data 'vgg'.*resnet-8"):
        nearest_references(make_space("convnet", (1, 28, 28), 10), (1, 28, 28), ["vgg"])


def test_where_designs_say_how_they_are_trained_it_is_nearly_as_usual() -> None:
    choices = {"optimizer": ["sgd", "muon"], "learning_rate": [0.1, 0.015], "weight_decay": [0.5, 0.01]}
    networks = make_space("convnet1d", (1, 40), 10, max_parameters=20_000)
    assert isinstance(networks, LayerSpace)
    space = TrainedSpace(TrainedDefinition.of(networks.definition, choices), networks)
    plain, trained = (nearest_references(each, (1, 40)) for each in (networks, space))
    assert plain.found and plain.left_out == trained.left_out
    for one, other in zip(plain.found, trained.found, strict=True):
        assert other.architecture.network == one.architecture.layers
        assert other.architecture.training == {
            "optimizer": "sgd",
            "learning_rate": 0.015,
            "weight_decay": 0.01,
        }
        space.check(other.architecture)
