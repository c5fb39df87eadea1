"""What a search for controllers happens on."""

from collections.abc import Mapping
from typing import Any

from rl_designer.agents.controller_space import CONTROLLER_CHOICES, controller_space
from rl_designer.config.subject import DEFAULT_TRIAL_EVALUATIONS, DEFAULT_TRIAL_SEEDS, Subject
from rl_designer.controllers.evaluator import ControllerEvaluator
from rl_designer.controllers.named_task import NamedTask
from rl_designer.envs.search_spaces.choice_space import ChoiceSpace
from rl_designer.envs.workers.engines import Engine
from rl_designer.errors import WrongUsage, usage_errors

FACTS = "controllers"  # among a setting's facts: the choices


def ground_of(subject: Subject, engine: Engine) -> dict[str, Any]:
    """What a `Setting` is made of.

    Args:
        engine: where controllers search.

    Raises:
        WrongUsage: for unknown tables and tasks, and limits that leave no design.
    """
    with usage_errors():
        evaluator, judge = (evaluator_for(subject, engine, repeat=repeat) for repeat in (0, 1))
        objective = evaluator.objective
    return {
        "space": controller_space(),
        "open_evaluator": lambda: evaluator,
        "open_judge": lambda: judge,
        "title": "controllers",
        "facts": {FACTS: {option: list(values) for option, values in CONTROLLER_CHOICES.items()}},
        "at_once": engine.at_once("cpu"),
        "about": (evaluator.told,),
        "objective": objective,
        "engine": engine,
    }


def evaluator_for(
    subject: Subject, engine: Engine, *, repeat: int = 0, seeds_times: int = 1
) -> ControllerEvaluator:
    """What tries controllers.

    Args:
        repeat: another number is for other seeds.
        seeds_times: how many times as many seeds as the subject says.

    Raises:
        ValueError: for unknown tables and tasks, and limits that leave no design.
    """
    tasks = [NamedTask.of(text) for text in subject.controllers]
    seeds = seeds_times * (subject.trial_seeds or DEFAULT_TRIAL_SEEDS)
    evaluations = subject.trial_evaluations or DEFAULT_TRIAL_EVALUATIONS
    return ControllerEvaluator(tasks, seeds, evaluations, engine, repeat)


def space_within(limits: Mapping[str, Any]) -> ChoiceSpace:
    """The space of controllers. Raises WrongUsage for a limit, by name, which it can't keep."""
    if any(limit is not None for limit in limits.values()):
        raise WrongUsage("a controller has neither parameters nor multiply-adds that could be limited")
    return controller_space()
