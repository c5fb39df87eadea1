"""`Layer` and `Architecture`: a design, its text, its JSON and its digest."""

import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.envs.architecture import Architecture, Layer
from tests.helpers.strategies import layers, many_examples

architectures = st.builds(
    Architecture, st.text(max_size=5), st.lists(layers(), max_size=4).map(tuple), st.booleans()
)

CONV = Layer.of("conv", width=16, kernel=3)


# -- layers ----------------------------------------------------------------------------------------


def test_a_layers_options_are_in_alphabetical_order_however_they_were_given() -> None:
    assert CONV.options == (("kernel", 3), ("width", 16))
    assert Layer.of("conv", kernel=3, width=16) == CONV


def test_a_layers_option_is_read_by_name() -> None:
    assert CONV["width"] == 16


def test_an_option_that_a_layer_lacks_is_a_key_error_that_names_those_it_has() -> None:
    with pytest.raises(KeyError, match=r"a conv layer has no option 'stride'; it has \['kernel', 'width'\]"):
        CONV["stride"]


def test_a_layer_reads_as_a_call() -> None:
    assert str(CONV) == "conv(kernel=3, width=16)"
    assert str(Layer("stop")) == "stop"


@many_examples
@given(layers())
def test_a_layer_comes_back_from_json_with_the_types_that_it_had(layer: Layer) -> None:
    back = Layer.from_dict(json.loads(json.dumps(layer.to_dict())))
    assert back == layer
    assert [type(value) for _, value in back.options] == [type(value) for _, value in layer.options]


@pytest.mark.parametrize("data", [None, [], "conv", {}, {"width": 3}, {"kind": 3}, {"kind": None}])
def test_a_layer_that_has_no_kind_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="a layer must be an object with a text `kind`, got"):
        Layer.from_dict(data)


@pytest.mark.parametrize(
    "data", [{"kind": "conv", "width": [3]}, {"kind": "conv", "w": None}, {"kind": "c", 3: 3}]
)
def test_an_option_that_is_no_number_text_or_truth_value_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="a layer's option must be a number, a text or a truth value, got"):
        Layer.from_dict(data)


@pytest.mark.parametrize("name", ["cls", "self", "options"])
def test_an_option_may_be_called_like_a_word_of_python(name: str) -> None:
    assert Layer.from_dict({"kind": "conv", name: 3})[name] == 3


# -- architectures ---------------------------------------------------------------------------------


def test_an_architecture_reads_from_left_to_right() -> None:
    assert str(Architecture("s", (CONV, Layer("stop")))) == "conv(kernel=3, width=16) → stop"
    assert str(Architecture("s")) == "(empty)"


def test_an_architecture_can_be_a_key_and_can_not_be_changed() -> None:
    architecture = Architecture("s", (CONV,))
    assert {architecture: 1}[Architecture("s", (CONV,))] == 1
    with pytest.raises(FrozenInstanceError):
        architecture.complete = True  # type: ignore[misc]


@many_examples
@given(architectures)
def test_an_architecture_comes_back_from_json_with_its_digest(architecture: Architecture) -> None:
    back = Architecture.from_dict(json.loads(json.dumps(architecture.to_dict())))
    assert back == architecture
    assert back.digest == architecture.digest


def test_an_architecture_in_json_is_complete_unless_it_says_otherwise() -> None:
    assert Architecture.from_dict({"space": "s", "layers": [CONV.to_dict()]}).complete


@pytest.mark.parametrize("data", [None, [], "s", 3])
def test_what_is_no_object_is_no_architecture(data: Any) -> None:
    with pytest.raises(ValueError, match=f"an architecture must be an object, got {type(data).__name__}"):
        Architecture.from_dict(data)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"space": "s"},
        {"space": 3, "layers": []},
        {"space": "s", "layers": {}},
        {"space": "s", "layers": [], "complete": 1},
    ],
)
def test_an_architecture_needs_its_space_and_its_layers(data: Any) -> None:
    with pytest.raises(ValueError, match=r"an architecture needs `space` \(text\), `layers` \(list\)"):
        Architecture.from_dict(data)


def test_an_architecture_with_a_bad_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="a layer must be"):
        Architecture.from_dict({"space": "s", "layers": [3]})


# -- digests ---------------------------------------------------------------------------------------


@many_examples
@given(architectures, st.randoms(use_true_random=False))
def test_the_order_of_options_does_not_change_the_digest(architecture: Architecture, random: Any) -> None:
    shuffled = [
        Layer(layer.kind, tuple(random.sample(layer.options, len(layer.options))))
        for layer in architecture.layers
    ]
    assert (
        Architecture(architecture.space, tuple(shuffled), architecture.complete).digest == architecture.digest
    )


@many_examples
@given(architectures, architectures)
def test_different_architectures_have_different_digests(one: Architecture, other: Architecture) -> None:
    assert one == other or one.digest != other.digest


@pytest.mark.parametrize(
    "other",
    [
        Architecture("t", (CONV, Layer("stop"))),
        Architecture("s", (Layer("stop"), CONV)),
        Architecture("s", (CONV, Layer("stop")), complete=True),
        Architecture("s", (CONV,)),
        Architecture("s", (Layer.of("conv", width=16, kernel=5), Layer("stop"))),
    ],
)
def test_space_layers_order_and_completeness_are_part_of_the_digest(other: Architecture) -> None:
    assert other.digest != Architecture("s", (CONV, Layer("stop"))).digest


def test_a_digest_is_the_same_on_every_machine_and_in_every_version() -> None:
    """Stores of earlier versions find their designs by it."""
    assert Architecture("s", (CONV, Layer("stop")), complete=True).digest == "5e8255abc1fd2956e1d7"


# -- what a design says of its training ------------------------------------------------------------


def test_what_is_said_of_the_training_is_part_of_the_design_and_not_of_the_network() -> None:
    training = (Layer.of("training", optimizer="muon"), Layer.of("training", learning_rate=0.03))
    design = Architecture("s", (*training, CONV), complete=True)
    assert design.training == {"optimizer": "muon", "learning_rate": 0.03} and design.network == (CONV,)
    assert str(design) == "training(learning_rate=0.03, optimizer=muon) → conv(kernel=3, width=16)"
    assert design.digest != Architecture("s", (CONV,), complete=True).digest
    cell = Architecture("s", (*training, Layer.of("macro", width=2), Layer.of("skip", edge="0->1")))
    assert cell.is_cell and not design.is_cell


def test_a_table_s_decision_of_that_name_says_nothing_of_a_training() -> None:
    design = Architecture(
        "table:t", (Layer.of("training", option="long"), Layer.of("op", option="skip")), True
    )
    assert design.training == {} and design.network == design.layers
