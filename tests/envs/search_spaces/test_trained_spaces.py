"""Spaces whose designs say how they are trained: first, free of costs, and part of the design."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.search_spaces.costs import costs
from rl_designer.envs.search_spaces.registry import (
    definition_of,
    make_space,
    make_trained_space,
    space_definition,
    space_of_definition,
)
from rl_designer.envs.search_spaces.trained_space import TrainedDefinition, TrainedSpace
from rl_designer.envs.search_spaces.training_options import TRAINING_OPTIONS
from rl_designer.testing import check_space
from tests.helpers.strategies import prefixes, seeds, walks

CHOICES: dict[str, list[Any]] = {
    "optimizer": ["adamw", "sgd"],
    "learning_rate": [0.003, 0.01, 0.03],
    "warmup": [0.0, 0.25],
    "weight_decay": [0.0, 0.05],
    "label_smoothing": [0.0, 0.1],
    "batch_size": [32, 64],
    "augment": ["none", "shift"],
}
a_few = settings(deadline=None, max_examples=10)
SHAPES = {"convnet1d": (1, 40), "cell1d": (1, 40), "convnet": (1, 12, 12), "mlp": (5,), "textnet": (9, 20)}


def trained(name: str, training: dict[str, list[Any]], **limits: int | None) -> TrainedSpace:
    made = space_of_definition(
        TrainedDefinition.of(space_definition(name), training),  # type: ignore[arg-type]
        SHAPES[name],
        3,
        **limits,
    )
    assert isinstance(made, TrainedSpace)
    return made


@st.composite
def spaces(draw: st.DrawFn) -> TrainedSpace:
    """Built-in networks, some settings with some of their choices in any order, within limits or not."""
    name = draw(st.sampled_from(["convnet1d", "mlp", "cell1d"]))
    names = draw(st.lists(st.sampled_from(sorted(CHOICES)), min_size=1, unique=True))
    training = {
        option: draw(st.lists(st.sampled_from(CHOICES[option]), min_size=1, unique=True))
        for option in names
        if option != "augment" or name != "mlp"
    } or {"batch_size": [32]}
    return trained(name, training, max_parameters=draw(st.sampled_from([None, 2_000])))


# -- legal walks -----------------------------------------------------------------------------------


@given(space=spaces(), seed=seeds)
@a_few
def test_the_training_is_decided_first_and_then_a_network_of_its_own_space(
    space: TrainedSpace, seed: int
) -> None:
    actions = walks(space, 8, seed)
    listed = dict(space.definition.training)
    for architecture in space.architectures(actions):
        space.check(architecture)
        assert list(architecture.training) == list(listed)
        assert all(value in listed[name] for name, value in architecture.training.items())
        space.networks.check(Architecture(space.name, architecture.network, architecture.complete))
    for prefix in prefixes(actions[:2]):
        legal = np.flatnonzero(space.masks(space.final_states(space.pad([prefix])))[0])
        if len(prefix) < space.decisions:
            assert [space.layer(len(prefix), action) for action in legal] == [
                Layer.of("training", **{list(listed)[len(prefix)]: value})
                for value in listed[list(listed)[len(prefix)]]
            ]


@given(space=spaces(), seed=seeds)
@a_few
def test_a_training_costs_nothing(space: TrainedSpace, seed: int) -> None:
    actions = walks(space, 8, seed)
    network = space.network_actions(actions)
    for name, values in space.costs(actions).items():
        assert np.array_equal(values, space.networks.costs(network)[name])
    found = [costs(a, space.input_shape, space.num_classes) for a in space.architectures(actions)]
    assert [cost.parameters for cost in found] == space.costs(actions)["parameters"].tolist()
    assert np.array_equal(space.summaries(actions), space.networks.summaries(network))


@given(space=spaces(), seed=seeds)
@a_few
def test_equal_networks_trained_otherwise_are_other_designs(space: TrainedSpace, seed: int) -> None:
    first, second = walks(space, 2, seed)
    second[space.decisions :] = first[space.decisions :]
    one, other = space.architectures(np.stack([first, second]))
    assert one.network == other.network
    assert (one.digest == other.digest) == (one.training == other.training)
    known = space.structure(np.stack([first, second]))
    same = {name: np.array_equal(*numbers) for name, numbers in known.items()}
    assert same.pop("training") == (one.training == other.training) and all(same.values())


@pytest.mark.parametrize("name", ["convnet1d", "convnet", "cell1d", "mlp"])
def test_it_keeps_what_every_space_promises(name: str) -> None:
    usual = make_trained_space(name, SHAPES[name], 3, max_parameters=3_000)
    check_space(usual)
    assert definition_of(usual.definition.to_dict()) == usual.definition


# -- what it may say -------------------------------------------------------------------------------


def test_the_order_of_the_decisions_is_always_the_same_and_one_option_fixes_a_setting() -> None:
    space = trained("mlp", {"learning_rate": [1, 0.1], "optimizer": ["muon"]})
    assert list(dict(space.definition.training)) == ["optimizer", "learning_rate"]
    assert space.action_mask(space.initial()).sum() == 1
    prefix = space.extend(space.initial(), 0)
    assert str(prefix) == "training(optimizer=muon)"
    assert str(space.extend(prefix, 1)) == "training(learning_rate=1.0, optimizer=muon)"


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"learning_rat": [0.1]}, "unknown option 'learning_rat'. Did you mean 'learning_rate'"),
        ({"optimizer": ["adam"]}, "training.optimizer: unknown choice 'adam'. Did you mean 'adamw'"),
        ({"learning_rate": [0]}, "training.learning_rate must be a number above 0, got 0"),
        ({"learning_rate": [float("nan")]}, "must be a number above 0, got nan"),
        ({"weight_decay": [-0.1]}, "training.weight_decay must be a number of at least 0, got -0.1"),
        ({"label_smoothing": [1.0]}, "must be a number of at least 0 and below 1, got 1.0"),
        ({"batch_size": [1]}, "training.batch_size must be an integer from 2 to 65536, got 1"),
        ({"batch_size": [True]}, "training.batch_size must be an integer"),
        ({"augment": [False]}, "training.augment must be one of none, shift"),
        ({"optimizer": []}, "training.optimizer must have 1 to 64 choices, got 0"),
        ({"optimizer": ["muon", "muon"]}, "names the choice 'muon' more than once"),
        ({"optimizer": "muon"}, r"training.optimizer must be a list of choices such as \[muon\]"),
        ({}, "must list the choices of at least one of optimizer, learning_rate"),
        (3, "training must be a table of options, got '3'"),
    ],
)
def test_what_it_may_not_say_is_refused_in_one_line(training: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        definition_of({**space_definition("mlp").to_dict(), "training": training})
    assert "\n" not in str(error.value) and "space 'mlp': training" in str(error.value)


@pytest.mark.parametrize(
    ("name", "classes", "training", "message"),
    [
        ("mlp", 3, {"augment": ["none", "shift"]}, "augmentation 'shift' needs signals or images"),
        ("textnet", 3, {"augment": ["shift"]}, "augmentation 'shift' needs signals or images"),
        ("convnet1d", 3, {"augment": ["flip-shift"]}, "augmentation 'flip-shift' needs images"),
        ("mlp", 1, {"label_smoothing": [0.0, 0.1]}, "label smoothing is for classes"),
    ],
)
def test_a_choice_that_makes_no_sense_on_the_data_is_refused(
    name: str, classes: int, training: dict[str, Any], message: str
) -> None:
    definition = definition_of({**space_definition(name).to_dict(), "training": training})
    with pytest.raises(ValueError, match=message):
        space_of_definition(definition, SHAPES[name], classes)


def test_the_usual_lists_are_only_for_spaces_without_lists_of_their_own(tmp_path: Path) -> None:
    lists = '[training]\noptimizer = ["muon"]\n[layers.dense]\nwidth = [4]\n'
    (tmp_path / "own.toml").write_text(f'name = "own"\nfamily = "mlp"\nmax_layers = 2\n{lists}')
    assert isinstance(make_space(tmp_path / "own.toml", (5,), 2), TrainedSpace)
    with pytest.raises(ValueError, match=r"'own' has a section \[training\] of its own"):
        make_trained_space(tmp_path / "own.toml", (5,), 2)
    of_a_number = make_trained_space("mlp", (5,), 1).definition.to_dict()["training"]
    assert "label_smoothing" not in of_a_number and "augment" not in of_a_number


def test_every_setting_has_a_legal_default() -> None:
    for name, rule in TRAINING_OPTIONS.items():
        rule.check(name, rule.default)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Layer.of("training", lr=0.1)], "training: unknown option 'lr'"),
        ([Layer.of("training", learning_rate=-1.0)], "training.learning_rate must be a number above 0"),
        ([Layer.of("training", batch_size=8, warmup=0.1)], "says one thing of a training"),
        ([Layer.of("training")], "says one thing of a training"),
        ([Layer.of("training", batch_size=8)] * 2, "says its batch_size once"),
    ],
)
def test_a_design_by_hand_that_says_what_can_not_be_is_refused(layers: list[Layer], message: str) -> None:
    design = (*layers, Layer.of("dense", width=4))
    with pytest.raises(ValueError, match=message):
        costs(Architecture("mlp", design, True), (5,), 2)
    with pytest.raises(ValueError, match="unknown layer kind 'training'"):  # behind the network's first layer
        costs(Architecture("mlp", (design[-1], *layers), True), (5,), 2)


def test_a_mistyped_section_is_told_from_the_legal_ones() -> None:
    for name in ("mlp", "cell1d"):
        with pytest.raises(ValueError, match=r"unknown key 'trainig'\. Did you mean 'training'"):
            definition_of({**space_definition(name).to_dict(), "trainig": {}})
