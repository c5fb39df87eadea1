"""The space of settings with their choices."""

import numpy as np
import pytest

from rl_designer.envs.architecture import Layer, Option
from rl_designer.envs.search_spaces.choice_space import ChoiceSpace
from rl_designer.testing import check_space

CHOICES: dict[str, tuple[Option, ...]] = {
    "rate": (0.01, 0.1, 1.0),
    "kind": ("a", "b"),
    "on": (False, True),
    "fixed": (7,),
}
SPACE = ChoiceSpace("settings", CHOICES)


def test_it_keeps_the_contract() -> None:
    check_space(SPACE)


def test_every_combination_is_a_design_and_nothing_else() -> None:
    walks = SPACE.random_actions(500, np.random.default_rng(0))
    assert len(np.unique(walks, axis=0)) == 3 * 2 * 2
    assert (walks.max(axis=0) == [2, 1, 1, 0]).all()


def test_a_design_says_what_it_has_chosen_and_is_found_by_it() -> None:
    values = {"rate": 0.1, "kind": "b", "on": True, "fixed": 7}
    actions = SPACE.actions_of(values)
    assert SPACE.values(actions) == values
    assert (
        str(SPACE.architecture(actions))
        == "rate(option=0.1) → kind(option=b) → on(option=true) → fixed(option=7)"
    )


def test_numbers_are_described_by_their_place_and_names_by_one_of_all() -> None:
    structure = SPACE.structure(SPACE.pad([[0, 0, 0, 0], [1, 1, 1, 0], [2, 0, 1, 0]]))
    assert structure["rate"].tolist() == [[0], [0.5], [1]]
    assert structure["kind"].tolist() == [[1, 0], [0, 1], [1, 0]]


@pytest.mark.parametrize(
    "values, message",
    [
        ({"rate": 0.2, "kind": "a", "on": True, "fixed": 7}, "unknown choice of 'rate' '0.2'"),
        ({"rate": 0.1, "kind": "a", "on": True}, "has no decision None"),
    ],
)
def test_what_it_does_not_have_is_refused(values: dict[str, Option], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SPACE.actions_of(values)


def test_a_layer_of_another_decision_is_refused() -> None:
    with pytest.raises(ValueError, match="step 0 of space 'settings' has no decision kind"):
        SPACE.action_of(0, Layer("kind", (("option", "a"),)))


@pytest.mark.parametrize("choices", [{}, {"rate": ()}, {"rate": (1, 1)}])
def test_settings_without_distinct_choices_are_refused(choices: dict[str, tuple[Option, ...]]) -> None:
    with pytest.raises(ValueError, match=r"at least one setting|distinct choices"):
        ChoiceSpace("settings", choices)
