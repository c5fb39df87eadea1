"""Several objectives at once: what they are, how they are weighed, and how good a front is."""

from rl_designer.envs.objectives.objective import OBJECTIVES, Objective, load_objective
from rl_designer.envs.objectives.objectives import Objectives
from rl_designer.envs.objectives.preferences import (
    check_preference,
    drawn_preferences,
    equal_preference,
    few_preferences,
    read_preference,
    scalarised,
    spread_preferences,
)
from rl_designer.envs.objectives.scale import Scale

__all__ = [
    "OBJECTIVES",
    "Objective",
    "Objectives",
    "Scale",
    "check_preference",
    "drawn_preferences",
    "equal_preference",
    "few_preferences",
    "load_objective",
    "read_preference",
    "scalarised",
    "spread_preferences",
]
