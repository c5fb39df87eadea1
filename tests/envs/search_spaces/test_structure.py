"""What spaces know of designs for free: always the same groups, and of a design always the same numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.wiring import Wiring
from tests.helpers.strategies import many_examples, seeds, walks
from tests.helpers.tables import synthetic_table

WIRING = Wiring(((0, 1), (0, 2), (1, 2), (1, 3)), absent="option 0")
LAYERS = ("sums", "first", "last", "reach", "whole")
SPACES: dict[str, tuple[SearchSpace, tuple[str, ...]]] = {
    "table": (TableSpace(synthetic_table((3, 4, 2, 3))), ()),
    "a table of cells": (TableSpace(replace(synthetic_table((3, 2, 3, 3)), wiring=WIRING)), ("cell",)),
    "a table of cells with holes": (
        TableSpace(
            replace(synthetic_table((3, 2, 3, 3), forbidden=0.4, duplicates=True), wiring=WIRING),
            max_parameters=140,
        ),
        ("cell",),
    ),
    "cell": (make_space("cell", (1, 8, 8), 10, max_parameters=20_000), ("cell", "skeleton", "whole")),
    "mlp": (make_space("mlp", (8,), 3), LAYERS),
    "convnet1d": (make_space("convnet1d", (1, 40), 10, max_parameters=3_000), LAYERS),
    "convnet": (make_space("convnet", (3, 16, 16), 10, max_macs=1_000_000), LAYERS),
}


@pytest.mark.parametrize("name", SPACES)
@many_examples
@given(st.integers(0, 20), seeds)
def test_the_groups_are_always_the_same_and_finite(name: str, n: int, seed: int) -> None:
    space, groups = SPACES[name]
    known = space.structure(walks(space, n, seed))
    assert tuple(known) == groups
    for group, numbers in known.items():
        assert numbers.dtype == np.float32 and np.isfinite(numbers).all()
        assert numbers.shape == (n, space.structure(walks(space, 3))[group].shape[1])
        assert numbers.shape[1] > 0


@pytest.mark.parametrize("name", SPACES)
@many_examples
@given(seeds)
def test_what_is_known_of_a_design_does_not_depend_on_the_others(name: str, seed: int) -> None:
    space, _ = SPACES[name]
    designs = walks(space, 12, seed)
    order = np.random.default_rng(seed).permutation(12)[:7]
    some, all_ = space.structure(designs[order]), space.structure(designs)
    for group in all_:
        np.testing.assert_array_equal(some[group], all_[group][order])


def test_spellings_of_one_network_are_known_to_be_alike() -> None:
    space = TableSpace(replace(synthetic_table((3, 3, 3, 3), duplicates=True), wiring=WIRING))
    designs = walks(space, 40)
    one, other = space.structure(designs)["cell"], space.structure(space.canonical(designs))["cell"]
    assert (space.canonical(designs) != designs).any()
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["mlp", "convnet1d", "convnet"])
@many_examples
@given(seeds)
def test_layers_are_summed_up_and_the_ends_looked_at(name: str, seed: int) -> None:
    space, _ = SPACES[name]
    assert isinstance(space, LayerSpace)
    designs = walks(space, 8, seed)
    known = space.structure(designs)
    for number, design in enumerate(designs):
        layers = [a for a in design if a not in (-1, space.num_actions - 1)]
        described = space.action_features[layers]
        np.testing.assert_allclose(known["sums"][number], described.sum(axis=0), rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(known["first"][number], described[0])
        np.testing.assert_array_equal(known["last"][number], described[-1])
    np.testing.assert_array_equal(known["whole"], space.summaries(designs))


@pytest.mark.parametrize("name", ["convnet1d", "convnet"])
@many_examples
@given(seeds)
def test_the_receptive_field_is_what_one_output_depends_on(name: str, seed: int) -> None:
    """Counted backwards, layer by layer: of a convolution's output its kernel's positions are needed."""
    space, _ = SPACES[name]
    designs = walks(space, 8, seed)
    for design, (field, stride) in zip(designs, np.exp(space.structure(designs)["reach"]), strict=True):
        layers = [layer for a in design if a >= 0 and (layer := space.layer(0, int(a))) is not None]
        needed, strides = 1, 1
        for layer in reversed(layers):
            options = dict(layer.options)
            windows = {"pool": [(2, 2)]}.get(layer.kind, [])
            if "kernel" in options:
                windows = [(options["kernel"], options["stride"])]
            if layer.kind == "residual":
                windows.append((options["kernel"], 1))
            for kernel, step in reversed(windows):
                needed, strides = (needed - 1) * step + kernel, strides * step
        assert (field, stride) == (pytest.approx(needed, rel=1e-4), pytest.approx(strides, rel=1e-4))


def test_the_middle_of_a_chain_may_change_places() -> None:
    """Nothing but the first layer and the last hangs on its place, where nothing has a stride."""
    space = make_space("mlp", (8,), 3)
    designs = [d for d in walks(space, 400) if (d >= 0).sum() >= 7][:20]
    assert len(designs) > 5
    for design in designs:
        end = int((design >= 0).sum()) - 2  # the last layer; then comes `stop`
        turned = design.copy()
        turned[1:end] = design[1:end][::-1]
        one, other = space.structure(np.array([design, turned])), LAYERS[:3]
        for group in other:
            np.testing.assert_allclose(one[group][0], one[group][1], atol=1e-5)
