"""The space whose designs are controllers."""

import numpy as np
import pytest

from rl_designer.agents.controller_space import (
    CONTROLLER_CHOICES,
    agent_text,
    controller_of,
    controller_space,
    options_of,
    usual_options,
)
from rl_designer.agents.ppo import PPO
from rl_designer.agents.registry import agent_class
from rl_designer.testing import check_space

SPACE = controller_space()


def test_it_keeps_the_contract() -> None:
    check_space(SPACE)


def test_todays_controller_is_one_of_its_designs() -> None:
    assert options_of(controller_of({})) == usual_options()
    assert agent_class(agent_text(usual_options()))().__dict__.keys() == PPO().__dict__.keys()


@pytest.mark.parametrize("option", CONTROLLER_CHOICES)
def test_ppo_takes_every_choice(option: str) -> None:
    for value in CONTROLLER_CHOICES[option]:
        PPO(**{option: value})  # type: ignore[arg-type]


def test_numbers_ascend_so_that_their_places_say_how_near_they_are() -> None:
    for values in CONTROLLER_CHOICES.values():
        if not isinstance(values[0], str):
            assert list(values) == sorted(values)  # type: ignore[type-var]


def test_a_design_is_an_agent_with_its_options() -> None:
    for design in SPACE.architectures(SPACE.random_actions(4, np.random.default_rng(0))):
        options = options_of(design)
        assert controller_of(options) == design
        agent = agent_class(agent_text(options))()
        assert isinstance(agent, PPO)
        assert (agent.network["hidden"], agent.bound) == (options["hidden"], options["bound"])


def test_a_choice_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown choice of 'hidden' '33'"):
        controller_of({"hidden": 33})
