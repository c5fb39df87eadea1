"""What limits are, and what they count, by hand; that masks keep them is shown in each space's own tests."""

import json
from typing import Any

import numpy as np
import pytest

from rl_designer.agents.experience import description
from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.design_env import named_problem
from rl_designer.envs.layers import KINDS, Shape
from rl_designer.envs.search_spaces.costs import costs_within, trace
from rl_designer.envs.search_spaces.limits import COSTS, NO_LIMITS, UNLIMITED, Limits
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tasks.facts import FACTS
from tests.helpers.tables import synthetic_table

OF_DEVICE = {"max_ram": 10**9, "max_flash": 10**9}
POOL = Layer.of("global-pool", operation="average")


def spent(*layers: Layer, shape: tuple[int, ...] = (2, 10), numbers: str = "int8") -> dict[str, int]:
    design = Architecture("any", layers, complete=True)
    return costs_within(design, shape, 3, Limits(**OF_DEVICE, device_numbers=numbers))


# -- what they are -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"max_ram": 0}, "max_ram must be from 1 to 1e"),
        ({"max_rom": 10}, "unknown limit 'max_rom'"),
        ({"max_ram": 10, "device_numbers": "int4"}, "unknown kind of device_numbers 'int4'"),
        (
            {"device_numbers": "int8"},
            "device_numbers=int8 says how max_flash or max_ram",
        ),
    ],
)
def test_limits_that_make_no_sense_are_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Limits.given(given)


def test_others_hold_where_one_is_not_given() -> None:
    run = {"max_parameters": 100, "max_ram": 4_000, "device_numbers": "float32"}
    limits = Limits.given({"max_ram": 2_000, "max_parameters": None}, run)
    assert (limits.max_parameters, limits.max_ram, limits.device_numbers) == (100, 2_000, "float32")
    assert limits.told == "at most 100 parameters and 2,000 bytes of RAM (float32)"


def test_what_is_written_of_the_limits_that_there_always_were_is_as_it_was() -> None:
    assert NO_LIMITS.facts == {"max_parameters": None, "max_macs": None}
    assert Limits(20_000).facts == {"max_parameters": 20_000, "max_macs": None}
    facts = json.loads(json.dumps(Limits(max_ram=9).facts))
    assert facts == {"max_parameters": None, "max_macs": None, "max_ram": 9, "device_numbers": "int8"}
    assert Limits.given(facts) == Limits(max_ram=9)


def test_experience_sees_the_limits_that_it_knows_and_no_others() -> None:
    facts = dict.fromkeys(FACTS, 1.0)
    usual, limited = (make_space("mlp", (8,), 3, max_parameters=900, **more) for more in ({}, OF_DEVICE))
    np.testing.assert_array_equal(description(facts, usual), description(facts, limited))


def test_an_environment_made_of_names_keeps_them() -> None:
    problem = named_problem("wine", max_ram=600, device_numbers="float32", epochs=1)
    assert problem.space.limits == Limits(max_ram=600, device_numbers="float32")
    with pytest.raises(ValueError, match="bytes of RAM"):
        named_problem("wine", max_ram=3)


def test_a_table_refuses_what_it_does_not_say() -> None:
    with pytest.raises(ValueError, match="doesn't say what max_ram limits; it can keep max_parameters"):
        TableSpace(synthetic_table(), max_ram=1_000)


@pytest.mark.parametrize("name", ["mlp", "convnet1d", "cell1d"])
def test_limits_below_every_network_are_refused_with_the_least_there_is(name: str) -> None:
    shape = (9,) if name == "mlp" else (1, 40)
    with pytest.raises(ValueError, match=r"keeps max_ram=5 and device_numbers=int8 .* bytes of RAM") as told:
        make_space(name, shape, 3, max_ram=5)
    least = int(str(told.value).rpartition("to hold ")[2].split()[0].replace(",", ""))
    with pytest.raises(ValueError, match="no network of space"):
        make_space(name, shape, 3, max_ram=least - 1)
    make_space(name, shape, 3, max_ram=least)


# -- what they count ---------------------------------------------------------------------------------


def test_int8_flash_is_a_byte_a_weight_and_four_for_the_rest_float32_four_for_all() -> None:
    design = (Layer.of("conv", kernel=3, width=8), POOL)
    weights, others = 3 * 2 * 8 + 8 * 3, 2 * 8 + 3  # kernels and classifier; norms and biases
    assert spent(*design)["flash"] == weights + 4 * others
    assert spent(*design, numbers="float32")["flash"] == 4 * (weights + others)


@pytest.mark.parametrize(
    ("layers", "held"),
    [
        ([Layer.of("conv", kernel=3, width=8)], 2 * 10 + 8 * 10),
        ([Layer.of("conv", kernel=3, width=8, stride=2)], 2 * 10 + 8 * 5),
        ([Layer.of("conv", kernel=3, width=1, stride=2)], 2 * 10 + 1 * 5),
        ([Layer.of("separable", kernel=3, width=8)], 2 * 10 + 8 * 10),
        ([Layer.of("residual", kernel=3, width=8)], 2 * 10 + 2 * 8 * 10),
        ([Layer.of("conv", kernel=3, width=8), Layer.of("dropout", rate=0.5)], 2 * 10 + 8 * 10),
        ([Layer.of("inverted-residual", expansion=4, kernel=3, width=2)], 2 * 10 + 2 * 4 * 2 * 10),
        ([Layer.of("inverted-residual", expansion=4, kernel=3, width=3)], 2 * 4 * 2 * 10),
    ],
)
def test_ram_is_what_is_held_at_once(layers: list[Layer], held: int) -> None:
    assert spent(*layers, POOL)["ram"] == held
    assert spent(*layers, POOL, numbers="float32")["ram"] == 4 * held


@pytest.mark.parametrize(
    ("edges", "maps"),
    [
        ({"0->1": "conv", "1->2": "conv"}, 2),
        ({"0->1": "conv", "1->2": "conv", "0->2": "skip"}, 3),  # the input is kept beside
        ({"0->1": "skip", "1->2": "conv"}, 2),  # node 1 is the input itself
        ({"0->1": "conv", "0->2": "conv", "1->2": "conv"}, 3),
        ({"0->1": "conv", "0->2": "skip", "1->2": "skip"}, 2),  # added in place
        (
            {"0->1": "separable", "1->2": "separable"},
            2,
        ),  # one in between, and what went in is gone
        ({"0->1": "skip", "0->2": "skip", "1->2": "separable"}, 3),  # what goes in is kept to be added
    ],
)
def test_a_cell_holds_the_maps_that_some_edge_still_needs(edges: dict[str, str], maps: int) -> None:
    options = {"conv": {"kernel": 3}, "separable": {"kernel": 3}, "skip": {}}
    layers = [Layer.of(kind, edge=edge, **options[kind]) for edge, kind in edges.items()]
    macro = Layer.of("macro", cells=1, stages=1, width=8)
    assert spent(macro, *layers)["ram"] == maps * 8 * 10


SHAPES = {"mlp-wide": (7,), "convnet1d-wide": (2, 64), "convnet": (2, 16, 16), "textnet": (20, 24)}


@pytest.mark.parametrize("name", SHAPES)
def test_each_kind_of_layer_tells_its_vectors_from_its_matrices(name: str) -> None:
    space, seen = make_space(name, SHAPES[name], 3), set()
    for design in space.architectures(space.random_actions(40, np.random.default_rng(0))):
        for step in trace(design, space.input_shape):
            kind = KINDS[step.layer.kind]
            module = kind.module(int(step.inputs.channels), step.inputs.rank, **step.options)
            vectors = sum(weights.numel() for weights in module.parameters() if weights.ndim < 2)
            assert step.effect.vectors == vectors, step.layer
            assert step.effect.held_of(step.inputs) >= max(step.inputs.values * (kind.role != "embedding"), 1)
            seen.add(step.layer.kind)
    assert len(seen) >= 4


COUNTED = {"max_ram": UNLIMITED, "max_flash": UNLIMITED}


@pytest.mark.parametrize("numbers", ["int8", "float32"])
@pytest.mark.parametrize(("name", "shape"), [*SHAPES.items(), ("cell1d", (2, 40)), ("cell", (1, 16, 16))])
def test_a_space_counts_what_nothing_limits(name: str, shape: tuple[int, ...], numbers: str) -> None:
    space = make_space(name, shape, 3, **COUNTED, device_numbers=numbers)
    actions = space.random_actions(20, np.random.default_rng(0))
    assert (actions == make_space(name, shape, 3).random_actions(20, np.random.default_rng(0))).all()
    told = space.costs(actions)
    for place, design in enumerate(space.architectures(actions)):
        spent = costs_within(design, shape, 3, space.limits)
        assert {cost: costs[place] for cost, costs in told.items()} == spent


def test_what_is_counted_alone_is_no_limit() -> None:
    limits = Limits(2_000, **COUNTED)
    assert (limits.limited, limits.about) == (("parameters",), ())
    assert (limits.told, str(limits)) == ("at most 2,000 parameters", "max_parameters=2000")


def test_each_cost_has_a_limit_of_its_own() -> None:
    assert [cost.option for cost in COSTS.values()] == [n for n in Limits.names() if n.startswith("max_")]
    assert Shape(3, 4, 5, 2, members=2).values == 120
