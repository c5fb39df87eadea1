"""Several objectives of one search: made of its config, and the front that it has found so far."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_designer.agents.base import Agent
from rl_designer.agents.registry import check_finds_fronts
from rl_designer.config import SearchConfig
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.early_stopping import FULL
from rl_designer.envs.extensions import with_whole_path
from rl_designer.envs.metrics import ACCURACY
from rl_designer.envs.objectives import Objectives
from rl_designer.envs.problem import Design, rank
from rl_designer.envs.rewards import Reward, RewardContext, RewardFunction, as_reward, cost_of, name_of
from rl_designer.envs.rewards.reward import stopping_misfit
from rl_designer.envs.seeding import stream
from rl_designer.errors import Error, WrongUsage, usage_errors
from rl_designer.runs.folder import RunFolder
from rl_designer.runs.fronts import FRONT
from rl_designer.runs.reading import design_to_dict
from rl_designer.setting import Setting

_CALL = "()"  # ends the name of a function that was given in Python, see `name_of`


def objectives_of(
    config: SearchConfig, setting: Setting, agent: Agent, functions: Sequence[RewardFunction] = ()
) -> Objectives | None:
    """The objectives that a config names; None where it names none.

    Args:
        functions: what names that `name_of` made stand for.

    Raises:
        WrongUsage: for names that there aren't, an agent that can't, and what the setting doesn't measure.
        ValueError: for a function that must be given again.
    """
    if not config.objectives:
        return None
    given = {name_of(function): function for function in functions}
    context = RewardContext(setting.space)
    texts: list[str | RewardFunction] = []
    for text in map(with_whole_path, config.objectives):  # by which a resumed run knows them, too
        if text.endswith(_CALL) and text not in given:
            raise Error(
                f"the objective {text} is a function that was given in Python, and must be given again: "
                "rl_designer.resume(run, objectives=[function])"
            )
        texts.append(as_reward(given[text], text) if text.endswith(_CALL) else text)
    with usage_errors():
        check_finds_fronts(type(agent), config.agent_name)
        objectives = Objectives.of(texts, context)
        if setting.on_table:
            _check_measured(objectives, setting)
    return objectives


def _check_measured(objectives: Objectives, setting: Setting) -> None:
    """Raises ValueError where the table doesn't have what an objective reads."""
    space = setting.space
    [design] = space.architectures(space.random_actions(1, stream(0, "objectives")))
    with setting.open_evaluator() as evaluator:
        objectives.values(evaluator.evaluate([design]))


def leading_reward(objectives: Objectives) -> Reward:
    """What a search with objectives pays for a design, and ranks its front by: the first that is no cost."""
    return next((objective for objective in objectives.each if objective.cost is None), objectives.each[0])


def front_told(objectives: Objectives | None) -> Iterator[str]:
    """What is searched for, and what is then called the reward: a line or none."""
    if objectives is not None:
        yield f"searches for a whole front by {objectives}; the reward is {leading_reward(objectives).text}"


def fidelity_beside(config: SearchConfig, objectives: Objectives) -> str | None:
    """The fidelity of a search with objectives: the config's, else `full`, since a design that is behind in
    one of them may be ahead in another; None on a table.

    Raises:
        WrongUsage: where the config asks for early stopping, and an objective needs whole trainings.
    """
    if config.subject.table is not None:
        return None
    asked = config.training.fidelity or FULL
    by_accuracy = config.training.metric in (None, ACCURACY.name)
    # What follows from the design is known of every training.
    for objective in (each for each in objectives.each if not each.in_closed_form):
        misfit = stopping_misfit(objective, by_accuracy=by_accuracy)
        if misfit is not None and asked != FULL:
            raise WrongUsage(
                f"--fidelity {asked} stops trainings early, but the objective {objective.text!r} isn't known "
                f"of those: {misfit}; use --fidelity {FULL}"
            )
    return asked


def values_in_full(objectives: Objectives, evaluations: Sequence[Evaluation]) -> NDArray[np.float64]:
    """The objectives' values, float64 [n, k]; NaN in all of one that wasn't trained in full."""
    values = np.full((len(evaluations), len(objectives)), np.nan)
    full = [evaluation.in_full for evaluation in evaluations]
    values[full] = objectives.values([evaluation for evaluation in evaluations if evaluation.in_full])
    return values


class KeptFront:
    """The front of a run so far, kept in its summary whenever it has changed.

    Args:
        earlier: designs of earlier starts; until these are there again the summary stays as it is.
    """

    def __init__(self, folder: RunFolder, objectives: Objectives, earlier: int) -> None:
        self._folder, self._objectives = folder, objectives
        self._to_replay = earlier
        self._front: list[tuple[Design, str]] = []

    def add(self, designs: Sequence[Design], found_by: Sequence[str]) -> None:
        """More designs of the run, and who found each."""
        before = [design.architecture.digest for design, _ in self._front]
        pairs = zip(designs, found_by, strict=True)
        fresh = [pair for pair in pairs if pair[0].architecture.digest not in before]
        together = [*self._front, *fresh]
        chosen = self._objectives.front([design.evaluation for design, _ in together])
        self._front = [together[index] for index in chosen]
        was_replaying = self._to_replay > 0
        self._to_replay -= len(designs)
        changed = [design.architecture.digest for design, _ in self._front] != before
        if self._to_replay <= 0 and (changed or was_replaying):
            self._folder.update_summary(**{FRONT: self.to_list()})

    @property
    def best(self) -> tuple[Design, str] | None:
        """The first of the front by the leading objective, and who found it; None without a front."""
        return min(self._front, key=lambda pair: rank(pair[0], "reward"), default=None)

    def to_list(self) -> list[dict[str, Any]]:
        """JSON-ready, the best by the leading objective first."""
        ordered = sorted(self._front, key=lambda pair: rank(pair[0], "reward"))
        return [
            {**design_to_dict(design, whose), "figures": self._figures(design.evaluation)}
            for design, whose in ordered
        ]

    def _figures(self, evaluation: Evaluation) -> dict[str, float]:
        """By the objectives' texts. Of a cost the cost itself, since a logarithm doesn't give it back."""
        return {
            o.text: o(evaluation) if o.cost is None else cost_of(evaluation, o.cost)
            for o in self._objectives.each
        }
