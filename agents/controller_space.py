"""The space of controllers: a design is `ppo` itself, its policy network and its settings."""

import inspect
from collections.abc import Mapping
from typing import Any

from rl_designer.agents.ppo import PPO
from rl_designer.envs.architecture import Architecture, Option, text_of
from rl_designer.envs.search_spaces.choice_space import ChoiceSpace

NAME = "controller"

# Options of `ppo`, around today's defaults, which are among them. `updates=0` is left out, since such a
# controller wouldn't learn; and batches of 1, which would leave all workers but one idle.
CONTROLLER_CHOICES: Mapping[str, tuple[Option, ...]] = {
    # The policy's network.
    "layers": (1, 2),
    "hidden": (8, 16, 32, 64, 128),
    "activation": ("tanh", "relu"),
    # How it learns.
    "learning_rate": (0.003, 0.01, 0.03),
    "entropy": (0.05, 0.1, 0.2, 0.4),
    "updates": (1, 2, 3, 6),
    "episodes": (32, 64, 128, 256),
    "epochs": (2, 4, 8),
    # How it searches.
    "warm": (4, 8, 16, 32),
    "batch": (2, 4, 8),
    "bound": (0.5, 1.0, 2.0, 3.0, 4.0),
    "candidates": (64, 128, 256, 512, 1024),
    "mutations": (0, 16, 64, 256),
    "parents": (5, 10, 20),
    # What its reward model compares designs by.
    "structure": (False, True),
}


def controller_space() -> ChoiceSpace:
    """The legal controllers, one decision an option."""
    return ChoiceSpace(NAME, CONTROLLER_CHOICES)


def usual_options() -> dict[str, Option]:
    """Today's defaults of what the space decides."""
    defaults = inspect.signature(PPO).parameters
    return {option: defaults[option].default for option in CONTROLLER_CHOICES}


def options_of(controller: Architecture) -> dict[str, Option]:
    """The options of `ppo` that a complete design of the space stands for. Raises ValueError for another."""
    space = controller_space()
    return space.values(space.actions(controller))


def controller_of(options: Mapping[str, Any]) -> Architecture:
    """The design of some options, with today's defaults for the rest. Raises ValueError for a choice that the
    space doesn't have.
    """
    space = controller_space()
    return space.architecture(space.actions_of({**usual_options(), **options}))


def agent_text(options: Mapping[str, Option]) -> str:
    """The agent with such options, as it is typed: `ppo:hidden=64,…`."""
    return f"{PPO.name}:{','.join(f'{option}={text_of(value)}' for option, value in options.items())}"
