"""Experience in a space with more layers: those of both are seen as before, new ones as what is like them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rl_designer.agents.broadening import Broadening, is_broader
from rl_designer.agents.memory import Source
from rl_designer.envs.architecture import Layer
from rl_designer.envs.layers.likeness import apart
from rl_designer.envs.search_spaces.definition import SpaceDefinition
from rl_designer.envs.search_spaces.layer_space import LayerSpace
from rl_designer.envs.search_spaces.layer_tables import action_features
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.trained_space import TrainedDefinition, TrainedSpace
from rl_designer.envs.tasks.facts import FACTS
from tests.helpers.experiences import made_experience, made_trainings

TASK = made_trainings().tasks[0]
KNOWN = dict(zip(FACTS, TASK.facts, strict=True))
NARROW = TASK.space(max_parameters=20_000)
assert isinstance(NARROW, LayerSpace)
OWN = NARROW.definition


def broader(name: str = "broader", **layers: dict[str, list[Any]]) -> LayerSpace:
    """The same with other layers beside its own; `inverted_residual` is of its kind's own name."""
    kinds = {kind: {option: list(values) for option, values in choices} for kind, choices in OWN.layers}
    kinds |= {kind.replace("_", "-"): choices for kind, choices in layers.items()}
    definition = SpaceDefinition.of(name, OWN.family, OWN.max_layers, kinds)
    return LayerSpace(definition, NARROW.input_shape, NARROW.num_classes, max_parameters=20_000)


def source(space: Any) -> Source:
    return made_experience().source(space, KNOWN, "experience")


WIDE = broader(
    separable={"kernel": [3, 7, 15], "width": [16, 24, 32, 48], "stride": [1, 2]},
    dilated={"kernel": [3, 7], "dilation": [2, 8], "width": [16, 24]},
    inception={"kernel": [7, 31], "width": [16, 48]},
)


def test_it_is_for_spaces_with_all_layers_by_the_same_rules() -> None:
    assert made_experience().fits(WIDE)
    assert is_broader(OWN, OWN) and not is_broader(OWN, WIDE.definition)
    for other in (replace(WIDE.definition, max_layers=9), replace(WIDE.definition, stem=("conv",))):
        assert not is_broader(other, OWN)
    fewer = broader("fewer", conv={"kernel": [3], "width": [8]})
    assert not made_experience().fits(fewer)
    with pytest.raises(ValueError, match="what was learned on space 'convnet1d' isn't for 'fewer'"):
        source(fewer)


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        (Layer.of("conv", kernel=3, width=8), Layer.of("conv", kernel=3, width=8, stride=1), 0.0),
        (Layer.of("conv", kernel=7, width=8), Layer.of("separable", kernel=7, width=2, stride=2), 3.0),
        (Layer.of("pool", operation="max"), Layer.of("global-pool", operation="average"), 1.0),
        # Of a dilation and an expansion, which have no usual value, the other kind says nothing.
        (Layer.of("dilated", kernel=3, dilation=8, width=8), Layer.of("conv", kernel=3, width=8), 0.0),
    ],
)  # fmt: skip
def test_layers_are_as_far_apart_as_their_options(one: Layer, other: Layer, distance: float) -> None:
    assert apart(one, other) == apart(other, one) == distance


def test_a_new_layer_is_like_the_nearest_of_its_kind_or_else_of_its_role() -> None:
    known, wide = OWN.enumerate(), WIDE.definition.enumerate()
    likeness = Broadening.of(OWN, WIDE.definition).likeness
    assert np.allclose(likeness.sum(axis=1), 1)

    def like(layer: Layer) -> set[Layer]:
        return {known[place] for place in np.flatnonzero(likeness[wide.index(layer)])}

    assert all(like(layer) == {layer} for layer in known)
    longer = Layer.of("separable", kernel=15, width=24, stride=2)
    assert like(longer) == {Layer.of("separable", kernel=7, width=24, stride=2)}
    blocks = {"expansion": 2, "squeeze_excitation": False}
    assert like(Layer.of("dilated", kernel=7, dilation=8, width=24)) == {
        Layer.of("conv", kernel=7, width=24, stride=1),
        Layer.of("separable", kernel=7, width=24, stride=1),
        Layer.of("inverted-residual", kernel=7, width=24, stride=1, **blocks),
    }


def test_layers_of_both_spaces_are_seen_as_before() -> None:
    known, wide = OWN.enumerate(), WIDE.definition.enumerate()
    seen = action_features(WIDE.definition) @ Broadening.of(OWN, WIDE.definition).features
    of_known = [wide.index(layer) for layer in known]
    assert np.allclose(seen[[*of_known, -1]], action_features(OWN), atol=1e-3)
    designs = NARROW.random_actions(200, np.random.default_rng(0))
    of_both = [replace(design, space=WIDE.name) for design in NARROW.architectures(designs)]
    same = WIDE.pad([WIDE.actions(design) for design in of_both])
    expected = source(NARROW).expects(NARROW, designs)
    again = source(WIDE).expects(WIDE, same)
    assert np.corrcoef(expected, again)[0, 1] > 0.99
    assert np.median(np.abs(again - expected)) < 1e-3  # but where a number is far out


def test_a_layer_s_probability_is_shared_with_those_that_are_like_it() -> None:
    longer = broader(separable={"kernel": [3, 7, 15], "width": [16, 24, 32, 48], "stride": [1, 2]})
    before, after = (
        np.exp(source(s).policy.log_probabilities(s.observations(s.pad([[]])), s.masks(s.start(1))))[0]
        for s in (NARROW, longer)
    )
    likeness = Broadening.of(OWN, longer.definition).likeness
    assert np.allclose(after @ likeness, before, atol=1e-6)


def test_designs_with_new_layers_are_proposed_and_the_policy_can_go_on() -> None:
    proposed = source(WIDE).proposals(WIDE, np.random.default_rng(0))
    kinds = [{layer.kind for layer in design.layers} for design in WIDE.architectures(proposed[:200])]
    new = np.mean([bool(own & {"dilated", "inception"}) for own in kinds])
    assert 0.02 < new < 0.98
    random = WIDE.random_actions(200, np.random.default_rng(1))
    ordinary = source(WIDE).expects(WIDE, random)
    assert source(WIDE).expects(WIDE, proposed[:20]).mean() > ordinary.mean() + ordinary.std()


def test_decisions_of_the_training_may_stand_before_them() -> None:
    choices = {"optimizer": ["muon", "sgd"]}
    space = TrainedSpace(TrainedDefinition.of(WIDE.definition, choices), WIDE)
    actions = space.random_actions(20, np.random.default_rng(0))
    expected = source(WIDE).expects(WIDE, space.network_actions(actions))
    assert np.allclose(source(space).expects(space, actions), expected, atol=1e-5)


def test_what_ships_for_a_built_in_space_serves_its_broader_ones() -> None:
    from rl_designer.experience.shipped import shipped, shipped_for

    assert shipped_for(make_space("convnet1d-wide", (1, 40), 10)) is shipped("convnet1d")
    assert shipped_for(WIDE) is shipped("convnet1d")
    assert shipped_for(make_space("cell1d", (1, 40), 10)) is None
