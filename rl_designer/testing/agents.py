"""What every agent promises, as checks of one agent class; each raises AssertionError, or lets an error of
the agent through, where it is broken.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from unittest.mock import patch

import numpy as np

from rl_designer.agents.base import Agent
from rl_designer.envs import problem as problem_module
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.objectives import Objectives
from rl_designer.envs.problem import Budget, Design, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.testing.problems import LayerEvaluator, Watched, synthetic_table

AgentClass = Callable[..., Agent]

_BUDGET = 30
_MOST_QUESTIONS = 20_000
_OBJECTIVES = Objectives.of(["val_accuracy", "parameters"])


def gives_the_same_designs_for_the_same_seed(agent: AgentClass) -> None:
    first, second = (_searched(agent, seed=3) for _ in range(2))
    assert _digests(first) == _digests(second), "two searches of one seed differ"


def gives_other_designs_for_another_seed(agent: AgentClass) -> None:
    first, second = (_searched(agent, seed=seed) for seed in (3, 4))
    assert _digests(first) != _digests(second), "two searches of different seeds are the same"


def spends_the_budget_and_no_more(agent: AgentClass) -> None:
    evaluator = Watched(_table_evaluator())
    problem = _searched(agent, evaluator)
    assert len(problem.designs) == _BUDGET, f"{len(problem.designs)} designs for a budget of {_BUDGET}"
    assert evaluator.asked == _digests(problem), "the evaluator was asked past the problem"


def ends_when_the_time_is_up(agent: AgentClass) -> None:
    ticks: Iterator[int] = count()
    evaluator = _table_evaluator()
    problem = Problem(evaluator.space, evaluator, accuracy, Budget(seconds=8), clock=lambda: next(ticks))
    agent(seed=0).search(problem)
    assert problem.designs, "nothing was evaluated"


def survives_failures(agent: AgentClass) -> None:
    for share in (0.2, 1.0):
        problem = _searched(agent, Watched(_table_evaluator(), failing=share))
        failures = sum(design.evaluation.failure is not None for design in problem.designs)
        assert len(problem.designs) == _BUDGET and failures >= share * _BUDGET / 4, "it didn't search on"


def ends_when_there_is_nothing_new(agent: AgentClass) -> None:
    evaluator = TableEvaluator(TableSpace(synthetic_table((2, 3))))
    # What a search may repeat is made small so that the slowest agents end in a second.
    with patch.object(problem_module, "_MOST_REPEATS", 200):
        problem = _searched(agent, Watched(evaluator))
    assert 1 <= len(problem.designs) <= 6, f"{len(problem.designs)} designs of a space of 6"


def keeps_to_the_designs_of_a_table_with_holes_and_duplicates(agent: AgentClass) -> None:
    table = synthetic_table((4, 4, 3, 5), forbidden=0.4, duplicates=True, missing=0.05)
    problem = _searched(agent, TableEvaluator(TableSpace(table)))
    _check_designs(problem)


def keeps_to_the_limits_of_a_space_of_variable_length(agent: AgentClass) -> None:
    space = make_space("convnet1d", (1, 40), 10, max_parameters=3_000)
    problem = CountingProblem(space, LayerEvaluator(), accuracy, Budget(_BUDGET))
    agent(seed=0).search(problem)
    assert len({len(design.architecture.layers) for design in problem.designs}) > 1, "one length only"
    _check_designs(problem)


def goes_on_from_designs_that_are_there(agent: AgentClass) -> None:
    evaluator = _table_evaluator()
    problem = CountingProblem(evaluator.space, evaluator, accuracy, Budget(_BUDGET))
    rows = evaluator.space.random_actions(3, np.random.default_rng(5))
    known = problem.evaluate(evaluator.space.architectures(rows))
    agent(seed=0).search(problem)
    assert list(problem.designs[: len(known)]) == known
    _check_designs(problem)


def finds_the_same_front_for_the_same_seed(agent: AgentClass) -> None:
    first, second = (_searched(agent, seed=3, objectives=_OBJECTIVES) for _ in range(2))
    assert _digests(first) == _digests(second), "two searches of one seed differ"
    assert len(first.designs) == _BUDGET, f"{len(first.designs)} designs for a budget of {_BUDGET}"


def survives_failures_of_a_front(agent: AgentClass) -> None:
    for share in (0.2, 1.0):
        failing = Watched(_table_evaluator(), failing=share)
        problem = _searched(agent, failing, objectives=_OBJECTIVES)
        assert len(problem.designs) == _BUDGET, "it didn't search on"


def finds_a_front_where_there_is_little(agent: AgentClass) -> None:
    evaluator = TableEvaluator(TableSpace(synthetic_table((2, 3))))
    with patch.object(problem_module, "_MOST_REPEATS", 200):
        problem = _searched(agent, Watched(evaluator), objectives=_OBJECTIVES)
    assert 1 <= len(problem.designs) <= 6, f"{len(problem.designs)} designs of a space of 6"


def goes_on_with_a_front_from_designs_that_are_there(agent: AgentClass) -> None:
    evaluator = _table_evaluator()
    problem = CountingProblem(evaluator.space, evaluator, accuracy, Budget(_BUDGET), objectives=_OBJECTIVES)
    rows = evaluator.space.random_actions(3, np.random.default_rng(5))
    known = problem.evaluate(evaluator.space.architectures(rows))
    agent(seed=0).search(problem)
    assert list(problem.designs[: len(known)]) == known
    _check_designs(problem)


CHECKS = (
    gives_the_same_designs_for_the_same_seed,
    gives_other_designs_for_another_seed,
    spends_the_budget_and_no_more,
    ends_when_the_time_is_up,
    survives_failures,
    ends_when_there_is_nothing_new,
    keeps_to_the_designs_of_a_table_with_holes_and_duplicates,
    keeps_to_the_limits_of_a_space_of_variable_length,
    goes_on_from_designs_that_are_there,
)

# Of agents that search for several objectives at once, besides.
FRONT_CHECKS = (
    finds_the_same_front_for_the_same_seed,
    survives_failures_of_a_front,
    finds_a_front_where_there_is_little,
    goes_on_with_a_front_from_designs_that_are_there,
)


def check_agent(agent: AgentClass) -> None:
    """All of `CHECKS`: that an agent is deterministic, keeps to the budget and to the space, survives
    failures, and ends; of one that `finds_fronts` those with objectives, too. Some seconds of searches that
    train nothing.

    Args:
        agent: called as `agent(seed=…)`.
    """
    for check in CHECKS + (FRONT_CHECKS if agent(seed=0).finds_fronts else ()):
        check(agent)


class CountingProblem(Problem):
    """A problem that gives an agent up that only ever asks, so that a broken one ends too."""

    questions = 0

    def seen(self, architecture: Architecture) -> bool:
        self._count()
        return super().seen(architecture)

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Design]:
        self._count()
        return super().evaluate(architectures)

    def _count(self) -> None:
        self.questions += 1
        assert self.questions < _MOST_QUESTIONS, "the search never ends"


def _table_evaluator() -> TableEvaluator:
    return TableEvaluator(TableSpace(synthetic_table((3, 4, 3, 4, 2))))


def _searched(
    agent: AgentClass,
    evaluator: TableEvaluator | Watched | None = None,
    seed: int = 0,
    objectives: Objectives | None = None,
) -> Problem:
    evaluator = evaluator or _table_evaluator()
    inner = evaluator.evaluator if isinstance(evaluator, Watched) else evaluator
    assert isinstance(inner, TableEvaluator)
    problem = CountingProblem(inner.space, evaluator, accuracy, Budget(_BUDGET), objectives=objectives)
    agent(seed=seed).search(problem)
    return problem


def _digests(problem: Problem) -> list[str]:
    return [design.architecture.digest for design in problem.designs]


def _check_designs(problem: Problem) -> None:
    assert len(problem.designs) == _BUDGET, f"{len(problem.designs)} designs for a budget of {_BUDGET}"
    assert len(set(_digests(problem))) == _BUDGET, "a network was paid for twice"
    for design in problem.designs:
        problem.space.check(design.architecture)
