"""Every agent of the registry keeps the contract, and the contract notices agents that don't."""

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest

from rl_designer.agents.base import Agent
from rl_designer.agents.random_search import RandomSearch
from rl_designer.agents.registry import AGENTS, agent_class, agents_that_find_fronts, check_finds_fronts
from rl_designer.envs.problem import BudgetSpent, Problem
from rl_designer.envs.seeding import stream
from rl_designer.testing import agents as contract
from tests.helpers.quick_ppo import quicken

Check = Callable[[contract.AgentClass], None]


@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", [name for name in AGENTS if name != "ppo-weights"])  # which is ppo here
def test_every_agent(name: str, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    quicken(monkeypatch)
    check(_made(name))


@pytest.mark.parametrize("check", contract.FRONT_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", agents_that_find_fronts())
def test_every_agent_that_finds_fronts(name: str, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    quicken(monkeypatch)
    check(_made(name))


def test_the_others_are_refused_with_a_list_of_those_that_can() -> None:
    check_finds_fronts(agent_class("random"), "random")
    message = "the agent 'bananas' can't search for several .*: ppo, optuna-tpe, nsga-ii, ppo-weights, random"
    with pytest.raises(ValueError, match=message):
        check_finds_fronts(agent_class("bananas"), "bananas")


def _made(name: str) -> type[Agent]:
    if name.startswith(("optuna", "nsga")):
        pytest.importorskip("optuna", reason="the extra `optuna` is not installed")
    return agent_class(name)


def found_by_all() -> dict[str, list[str]]:
    """Digests of the designs of each agent; without those of a missing extra."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        quicken(patch)  # a final policy comes after all designs
        for name in AGENTS:
            with suppress(ValueError):
                found[name] = list(contract._digests(contract._searched(agent_class(name), seed=3)))
    return found


class Unseeded(RandomSearch):
    def search(self, problem: Problem) -> None:
        self.seed = int(np.random.default_rng().integers(2**31))
        super().search(problem)


class IgnoresItsSeed(RandomSearch):
    def __init__(self, *, seed: int = 0) -> None:
        super().__init__(seed=0)


class GivesUpEarly(Agent):
    def search(self, problem: Problem) -> None:
        problem.evaluate(problem.space.architectures(problem.space.random_actions(3, stream(0))))


class AsksPastTheProblem(RandomSearch):
    def search(self, problem: Problem) -> None:
        super().search(problem)
        actions = problem.space.random_actions(5, stream(self.seed))
        problem.evaluator.evaluate(problem.space.architectures(actions))


class LetsTheEndEscape(Agent):
    def search(self, problem: Problem) -> None:
        generator = stream(self.seed)
        while True:
            problem.evaluate(problem.space.architectures(problem.space.random_actions(1, generator)))


class CountsOnSuccess(Agent):
    def search(self, problem: Problem) -> None:
        generator, best = stream(self.seed), 0.0
        try:
            while True:
                actions = problem.space.random_actions(1, generator)
                design = problem.evaluate(problem.space.architectures(actions))[0]
                best = max(best, design.evaluation.val_accuracy)  # type: ignore[type-var,assignment]
        except BudgetSpent:
            pass


class InsistsOnTheNew(Agent):
    def search(self, problem: Problem) -> None:
        generator = stream(self.seed)
        try:
            while True:
                found = problem.space.architectures(problem.space.random_actions(1, generator))
                if not problem.seen(found[0]):
                    problem.evaluate(found)
        except BudgetSpent:
            pass


class LooksAtTheBestAlone(RandomSearch):
    finds_fronts = True

    def search(self, problem: Problem) -> None:
        super().search(problem)
        assert problem.best is not None, "all failed"


class IgnoresMasks(Agent):
    def search(self, problem: Problem) -> None:
        space, generator = problem.space, stream(self.seed)
        try:
            while True:
                actions = generator.integers(space.num_actions, size=(1, space.max_steps))
                problem.evaluate(space.architectures(actions))
        except BudgetSpent:
            pass


@pytest.mark.parametrize(
    "broken, check",
    [
        (Unseeded, contract.gives_the_same_designs_for_the_same_seed),
        (IgnoresItsSeed, contract.gives_other_designs_for_another_seed),
        (GivesUpEarly, contract.spends_the_budget_and_no_more),
        (AsksPastTheProblem, contract.spends_the_budget_and_no_more),
        (LetsTheEndEscape, contract.ends_when_the_time_is_up),
        (CountsOnSuccess, contract.survives_failures),
        (LooksAtTheBestAlone, contract.survives_failures_of_a_front),
        (Unseeded, contract.finds_the_same_front_for_the_same_seed),
        (InsistsOnTheNew, contract.ends_when_there_is_nothing_new),
        (IgnoresMasks, contract.keeps_to_the_designs_of_a_table_with_holes_and_duplicates),
        (IgnoresMasks, contract.keeps_to_the_limits_of_a_space_of_variable_length),
    ],
)
def test_the_contract_notices_a_broken_agent(broken: type[Agent], check: Check) -> None:
    with pytest.raises((AssertionError, BudgetSpent, TypeError, ValueError)):
        check(broken)


def test_the_contract_finds_nothing_wrong_with_what_the_broken_agents_start_from() -> None:
    for check in (*contract.CHECKS, *contract.FRONT_CHECKS):
        check(RandomSearch)
