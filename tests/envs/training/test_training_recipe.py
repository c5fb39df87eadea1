"""The parts of the recipe: settings, the learning rate's cycle, augmentation, signals as images."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.datasets.texts.symbols import UNKNOWN
from rl_designer.envs.networks.cpu_modules import faster_signal_network
from rl_designer.envs.networks.network import build_network
from rl_designer.envs.search_spaces.cell_definition import CellDefinition
from rl_designer.envs.search_spaces.cell_space import CellSpace
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.training.data import TrainingData
from rl_designer.envs.training.recipe import train_candidate
from rl_designer.envs.training.settings import AUGMENTATIONS, TrainingSettings, check_augmentation
from rl_designer.envs.training.steps import augment
from tests.helpers.training_candidates import blobs, dense, without_times


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "at least 1 epoch, got 0"),
        ({"batch_size": 1}, "batch_size must be at least 2, got 1"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0"),
        ({"warmup": 1.1}, "warmup is a share .* got 1.1"),
        ({"weight_decay": -0.1}, "weight_decay must be at least 0"),
        ({"label_smoothing": 1.0}, "label_smoothing must be at least 0 and below 1"),
        ({"augment": "flip-shft"}, "unknown augmentation 'flip-shft'. Did you mean 'flip-shift'"),
        ({"augment": True}, "unknown augmentation 'True'"),
        ({"precision": "float16"}, "unknown precision 'float16'"),
        ({"optimizer": "moun"}, "unknown optimizer 'moun'. Did you mean 'muon'"),
    ],
)
def test_settings_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingSettings(**options)


@given(steps=st.integers(1, 500), warmup=st.floats(0, 1))
def test_the_learning_rate_rises_to_its_peak_and_falls_towards_nothing(steps: int, warmup: float) -> None:
    recipe = TrainingSettings(learning_rate=0.1, warmup=warmup)
    rates = [recipe.learning_rate_at(step, steps) for step in range(steps)]
    assert all(0 < rate <= 0.1 for rate in rates)
    top = int(np.argmax(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    if steps >= 50:
        assert max(rates) > 0.09


@given(examples=st.integers(2, 10_000), batch_size=st.integers(2, 512))
def test_a_batch_is_at_most_an_eighth_of_the_data_and_never_a_single_example(
    examples: int, batch_size: int
) -> None:
    size = TrainingSettings(batch_size=batch_size).batch_for(examples)
    assert 2 <= size <= batch_size
    assert size == batch_size or size <= max(2, examples / 8)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("shift", (2, 40)),
        ("shift", (1, 16, 24)),
        ("flip-shift", (3, 16, 24)),
        ("flip-shift-erase", (3, 16, 24)),
    ],
)
def test_augmentation_changes_most_examples_and_keeps_shape_type_and_the_original(
    name: str, shape: tuple[int, ...]
) -> None:
    batch = torch.randn(64, *shape, generator=generator(0))
    original = batch.clone()
    changed = augment(name, batch, generator(1))
    assert (changed.shape, changed.dtype) == (batch.shape, batch.dtype)
    assert torch.equal(batch, original)
    same = (changed == batch).flatten(1).all(dim=1).float().mean()
    assert same < 0.4
    assert torch.equal(changed, augment(name, batch, generator(1)))
    assert not torch.equal(changed, augment(name, batch, generator(2)))


def test_a_shift_moves_by_at_most_an_eighth_and_repeats_the_border() -> None:
    ramp = torch.arange(40.0).expand(500, 1, 40)
    moved = augment("shift", ramp, generator(0))
    offsets = moved[:, 0, 20] - 20
    assert set(offsets.tolist()) == set(range(-5, 6))
    assert torch.equal(moved, (ramp + offsets.view(-1, 1, 1)).clamp(0, 39))


def test_about_half_of_the_images_are_mirrored() -> None:
    images = torch.tensor([[0.0, 1.0, 2.0, 3.0]]).expand(1000, 1, 1, 4)  # too small to be shifted
    mirrored = augment("flip-shift", images, generator(0))[:, 0, 0, 0] == 3
    assert 400 < mirrored.sum() < 600


def test_what_is_erased_is_a_square_of_at_most_half_a_side_that_reaches_every_place() -> None:
    erased = augment("flip-shift-erase", torch.ones(500, 2, 16, 24), generator(0)) == 0
    assert torch.equal(erased[:, 0], erased[:, 1])
    for dimension in (1, 2):
        sides = erased[:, 0].any(dim=3 - dimension).sum(dim=1)
        assert 0 < sides.max() <= 8 and (sides == 0).any()
    assert erased[:, 0].any(dim=0).all()


def test_a_third_of_a_texts_symbols_are_taken_for_unknown_and_its_end_stays() -> None:
    texts = torch.zeros(300, 20)
    texts[:, :15] = torch.randint(2, 50, (300, 15), generator=generator(0)).float()
    dropped = augment("drop-symbols", texts, generator(1))
    changed = dropped != texts
    assert 0.3 < changed[:, :15].float().mean() < 0.37 and not changed[:, 15:].any()
    assert (dropped[changed] == UNKNOWN).all()
    assert torch.equal(dropped, augment("drop-symbols", texts, generator(1)))


@pytest.mark.parametrize(
    ("name", "shape", "texts", "why"),
    [
        ("drop-symbols", (13,), False, r"'drop-symbols' needs texts; the data has the shape \(13,\)"),
        ("shift", (20,), True, "'shift' needs signals or images; the data are texts"),
        ("flip-shift", (1, 40), False, "needs images"),
    ],
)
def test_an_augmentation_that_makes_no_sense_is_refused(
    name: str, shape: tuple[int, ...], texts: bool, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        check_augmentation(name, shape, texts)


def test_every_augmentation_has_its_changes() -> None:
    for name in AUGMENTATIONS:
        assert augment(name, torch.zeros(2, 1, 8, 8), generator(0)).shape == (2, 1, 8, 8)


EVERY_OPERATION = {
    "skip": {},
    "conv": {"kernel": [1, 3]},
    "separable": {"kernel": [3]},
    "inverted-residual": {"kernel": [3], "expansion": [2], "squeeze_excitation": [True]},
    "dilated": {"kernel": [3], "dilation": [2], "separable": [False, True]},
    "inception": {"kernel": [5]},
    "same-pool": {"operation": ["max", "average"]},
}
CELLS = CellDefinition.of(
    "cells",
    "cell1d",
    4,
    {"width": [4], "stages": [2], "cells": [1]},
    EVERY_OPERATION,
    [(0, 1), (1, 2), (1, 3), (2, 3)],
)
SPACES = {
    "chains": make_space("convnet1d", (2, 24), 5, max_parameters=20_000),
    "cells": CellSpace(CELLS, (2, 24), 5),
}


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(SPACES)), st.integers(0, 2**32 - 1), st.booleans())
def test_a_signal_network_is_the_same_function_as_an_image_network(
    name: str, seed: int, training: bool
) -> None:
    space = SPACES[name]
    [architecture] = space.architectures(space.random_actions(1, np.random.default_rng(seed)))
    network = build_network(architecture, (2, 24), 5, generator=generator(seed)).train(training)
    faster = faster_signal_network(copy.deepcopy(network))
    signals = torch.randn(32, 2, 24, generator=generator(seed))
    outputs = []
    for module in (network, faster):
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)  # of the dropout
            outputs.append(module(signals))
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-3, atol=1e-3)
    assert not any(type(module).__name__.endswith(("Conv1d", "Pool1d")) for module in faster.modules())
    weights = [[parameter.flatten() for parameter in module.parameters()] for module in (network, faster)]
    torch.testing.assert_close(weights[1], weights[0], rtol=0, atol=0)


def test_a_network_with_an_unknown_signal_module_is_left_as_it_is() -> None:
    network = nn.Sequential(nn.Conv1d(1, 4, 3), nn.InstanceNorm1d(4))
    assert faster_signal_network(network) is network
    assert isinstance(network[0], nn.Conv1d)


# -- what a design says of its training ------------------------------------------------------------


def test_what_a_design_says_of_its_training_wins() -> None:
    said = {"optimizer": "sgd", "learning_rate": 0.1, "augment": "none", "label_smoothing": 0.0}
    training = tuple(Layer.of("training", **{name: value}) for name, value in said.items())
    design = Architecture("convnet1d", (*training, Layer.of("conv", kernel=3, width=4)), True)
    usual = TrainingSettings(epochs=3, augment="shift", weight_decay=0.3)
    assert usual.decided_by(design) == TrainingSettings(
        3, optimizer="sgd", learning_rate=0.1, label_smoothing=0.0, weight_decay=0.3
    )
    assert usual.decided_by(Architecture("mlp")) is usual


def test_a_candidate_is_trained_as_it_says() -> None:
    x, y = blobs().x_train, blobs().y_train
    data = TrainingData.of([x, y, x, y, np.full(len(y), -1, np.int8)], 2, "cpu")
    said = {"optimizer": "sgd", "learning_rate": 0.003, "batch_size": 4}
    training = tuple(Layer.of("training", **{name: value}) for name, value in said.items())
    says = Architecture("mlp", (*training, *dense(4).layers), True)
    usual = TrainingSettings(epochs=2)
    found = train_candidate(says, data, usual, seed=3)
    told = train_candidate(dense(4), data, replace(usual, **said), seed=3)  # type: ignore[arg-type]
    other = train_candidate(dense(4), data, usual, seed=3)
    assert found is not None and told is not None and other is not None
    assert without_times([found]) == without_times([told]) != without_times([other])
