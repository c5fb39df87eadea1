"""Networks: the built module has the counted parameters and multiply-adds, and one design is one network."""

from functools import cache

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.networks.network import build_network
from rl_designer.envs.search_spaces.cell_definition import CellDefinition
from rl_designer.envs.search_spaces.cell_space import CellSpace
from rl_designer.envs.search_spaces.costs import costs, describe
from rl_designer.envs.search_spaces.definition import SpaceDefinition
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.registry import DataSpace, make_space

BUILT_IN = [
    ("convnet", (3, 15, 18)),
    ("convnet1d", (2, 41)),
    ("mlp", (13,)),
    ("textnet", (30, 21)),
    ("mlp-wide", (13,)),
    ("cell", (3, 15, 18)),
    ("cell1d", (2, 41)),
]
WIDTHS = {"kernel": [3, 5], "width": [5, 8], "stride": [1, 2, 3]}
EVERYTHING = {
    "conv": {**WIDTHS, "kernel": [1, 3]},
    "separable": WIDTHS,
    "residual": {**WIDTHS, "kernel": [1, 3]},
    "inverted-residual": {**WIDTHS, "expansion": [1, 3], "squeeze_excitation": [False, True]},
    "dilated": {"kernel": [3], "dilation": [1, 2], "width": [5, 8], "separable": [False, True]},
    "inception": WIDTHS,
    "pool": {"operation": ["max", "average"]},
    "dropout": {"rate": [0.5]},
    "global-pool": {"operation": ["max", "average"]},
    "ensemble": {"members": [2]},
    "dense": {
        "width": [7],
        "activation": ["relu", "gelu", "tanh"],
        "normalisation": ["none", "batch", "layer"],
    },
}
OTHERS = [
    ("convnet", (1, 7, 5), EVERYTHING),
    ("convnet1d", (8, 17), {**EVERYTHING, "attention": {"heads": [1, 2], "expansion": [1, 3]}}),
    ("textnet", (9, 17), {**EVERYTHING, "embedding": {"width": [8]}, "attention": {"heads": [2]}}),
    ("mlp", (7,), {"residual-dense": EVERYTHING["dense"], "dropout": {"rate": [0.5]}}),
    (
        "mlp",
        (4,),
        {
            "periodic": {"frequencies": [2, 3], "sigma": [0.1, 1.0], "width": [2, 3]},
            "piecewise": {"bins": [2, 3]},
            "ensemble": {"members": [2, 3]},
            "residual-dense": {"width": [5, 7]},
        },
    ),
]


EVERY_OPERATION = {
    "none": {},
    "skip": {},
    "conv": {"kernel": [1, 3]},
    "separable": {"kernel": [3]},
    "residual": {"kernel": [3]},
    "inverted-residual": {"kernel": [3], "expansion": [1, 2], "squeeze_excitation": [False, True]},
    "dilated": {"kernel": [3], "dilation": [2], "separable": [False, True]},
    "inception": {"kernel": [5]},
    "same-pool": {"operation": ["max", "average"], "kernel": [3]},
}
FREE_GRAPH = [(0, 1), (0, 2), (1, 3), (2, 3)]


@cache
def all_spaces() -> list[DataSpace]:
    skeletons = {"width": [5], "stages": [1, 2], "cells": [1, 2], "stem_kernel": [5], "stem_stride": [1, 2]}
    cells = [
        CellSpace(CellDefinition.of("free", family, 4, skeletons, EVERY_OPERATION, FREE_GRAPH), shape, 5)
        for family, shape in (("cell", (2, 9, 7)), ("cell1d", (1, 23)))
    ]
    others = [
        LayerSpace(SpaceDefinition.of("other", family, 6, layers), shape, 5)
        for family, shape, layers in OTHERS
    ]
    return [*(make_space(name, shape, 5, max_parameters=30_000) for name, shape in BUILT_IN), *others, *cells]


def designs(space: DataSpace, n: int) -> list[Architecture]:
    return space.architectures(space.random_actions(n, np.random.default_rng(1)))


def build(space: DataSpace, design: Architecture, seed: int = 0) -> torch.nn.Sequential:
    generator = torch.Generator().manual_seed(seed)
    return build_network(design, space.input_shape, space.num_classes, generator=generator)


def examples(space: DataSpace, n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    if space.definition.of_texts:
        symbols, length = space.input_shape
        return torch.randint(0, symbols, (n, length), generator=generator)
    return torch.randn(n, *space.input_shape, generator=generator)


# -- what is counted is what is built --------------------------------------------------------------


@pytest.mark.parametrize("space", all_spaces(), ids=lambda space: f"{space.name}-{space.input_shape}")
def test_counted_parameters_and_macs_are_those_of_the_module_and_of_torch_s_flop_counter(
    space: DataSpace,
) -> None:
    for design in designs(space, 25):
        network = build(space, design).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            logits = network(examples(space, 1))
        cost = costs(design, space.input_shape, space.num_classes)
        assert logits.shape == (1, space.num_classes)
        assert cost.parameters == sum(parameter.numel() for parameter in network.parameters()), design
        assert 2 * cost.macs == counter.get_total_flops(), design


@pytest.mark.parametrize("space", all_spaces(), ids=lambda space: f"{space.name}-{space.input_shape}")
def test_the_description_is_the_module_s_layer_by_layer(space: DataSpace) -> None:
    for design in designs(space, 10):
        network, x = build(space, design).eval(), examples(space, 2)
        lines = describe(design, space.input_shape, space.num_classes)
        for line, module in zip(lines, network, strict=True):
            x = module(x)
            found = x[0] if isinstance(x, tuple) else x  # beside a text's map is where its padding is
            assert found.shape[1:] == line.output_shape, line
            assert sum(parameter.numel() for parameter in module.parameters()) == line.parameters, line
        cost = costs(design, space.input_shape, space.num_classes)
        assert sum(line.parameters for line in lines) == cost.parameters
        assert sum(line.macs for line in lines) == cost.macs


@pytest.mark.parametrize("space", all_spaces(), ids=lambda space: f"{space.name}-{space.input_shape}")
def test_a_batch_of_two_trains_whatever_the_map_shrinks_to(space: DataSpace) -> None:
    for design in designs(space, 10):
        network = build(space, design).train()
        logits = network(examples(space, 2)).reshape(2, -1, space.num_classes).mean(dim=1)  # of all members
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1]))
        loss.backward()
        assert torch.isfinite(loss)
        for parameter in network.parameters():
            assert parameter.grad is not None
            assert torch.isfinite(parameter.grad).all()


def test_the_space_s_name_makes_no_difference() -> None:
    layers = (Layer.of("conv", kernel=3, width=4), Layer.of("global-pool", operation="max"))
    built = [
        build_network(Architecture(name, layers, complete=True), (1, 9), 3) for name in ("mine", "yours")
    ]
    assert same_weights(*built)


def test_channels_last_gives_the_same_logits() -> None:
    space = make_space("convnet", (3, 16, 16), 5)
    for design in designs(space, 5):
        network, x = build(space, design).eval(), examples(space, 4)
        logits = network(x)
        again = network.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
        torch.testing.assert_close(again, logits, rtol=1e-4, atol=1e-4)


# -- weights ---------------------------------------------------------------------------------------


def same_weights(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize(("name", "shape"), BUILT_IN)
def test_weights_come_from_the_generator_alone(name: str, shape: tuple[int, ...]) -> None:
    space = make_space(name, shape, 5)
    design = designs(space, 1)[0]
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = build(space, design, seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    assert same_weights(first, build(space, design, seed=3))
    assert not same_weights(first, build(space, design, seed=4))


def test_without_a_generator_the_weights_are_those_of_seed_0() -> None:
    space = make_space("mlp", (6,), 3)
    design = designs(space, 1)[0]
    assert same_weights(build_network(design, (6,), 3), build(space, design, seed=0))


@pytest.mark.parametrize("space", all_spaces(), ids=lambda space: f"{space.name}-{space.input_shape}")
def test_every_weight_and_buffer_is_set(space: DataSpace) -> None:
    for design in designs(space, 5):
        for name, tensor in build(space, design).state_dict().items():
            assert tensor.device.type == "cpu"
            assert torch.isfinite(tensor).all()
            if name.endswith(("running_mean", "num_batches_tracked", "bias")):
                assert not tensor.any(), name
            if name.endswith("running_var"):
                assert (tensor == 1).all(), name


def test_the_fan_in_sets_the_scale_of_the_weights() -> None:
    layers = (Layer.of("dense", width=400),)
    network = build_network(Architecture("any", layers, complete=True), (300,), 200)
    hidden, last = network[0][0].weight, network[-1].weight
    assert hidden.std().item() == pytest.approx((2 / 300) ** 0.5, rel=0.02)
    assert last.std().item() == pytest.approx((1 / 400) ** 0.5, rel=0.02)


# -- one network, one spelling ---------------------------------------------------------------------


@pytest.mark.parametrize(("family", "shape"), [("convnet1d", (4, 8)), ("convnet", (4, 8, 9))])
def test_no_two_designs_compute_the_same(family: str, shape: tuple[int, ...]) -> None:
    # Equal seeds give equal weights wherever the weights' shapes are equal, so equal networks would show.
    layers = {
        "conv": {"kernel": [1, 3], "width": [4], "stride": [1, 2]},
        "inverted-residual": {"expansion": [2], "kernel": [3], "width": [4]},
        "pool": {"operation": ["max", "average"]},
        "global-pool": {"operation": ["max", "average"]},
        "dense": {"width": [4]},
    }
    space = LayerSpace(SpaceDefinition.of("tiny", family, 4, layers), shape, 3)
    outputs = {}
    for design in sorted({design.digest: design for design in designs(space, 1_500)}.items()):
        with torch.no_grad():
            logits = build(space, design[1]).eval()(examples(space, 64))
        key = tuple(np.round(logits.flatten().numpy(), 4).tolist())
        assert key not in outputs, f"{design[1]} computes the same as {outputs[key]}"
        outputs[key] = design[1]
    assert len(outputs) > 100


# -- what can't be built ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("architecture", "classes", "message"),
    [
        (Architecture("any", (Layer.of("dense", width=4),)), 3, "only a complete architecture can be built"),
        (
            Architecture("any", (Layer.of("dense", width=4),), complete=True),
            0,
            "2 to 1,000,000 classes, or 1 output for a number, got 0",
        ),
        (Architecture("any", (Layer.of("conv", kernel=3, width=4),), complete=True), 3, "needs a map"),
        (
            Architecture("any", (Layer.of("dense", width=4, depth=3),), complete=True),
            3,
            "unknown option 'depth'",
        ),
    ],
)
def test_what_can_t_be_built_is_refused(architecture: Architecture, classes: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_network(architecture, (5,), classes)


def test_no_layer_at_all_is_a_linear_classifier_of_features() -> None:
    network = build_network(Architecture("any", (), complete=True), (5,), 3)
    assert network(torch.zeros(2, 5)).shape == (2, 3)
