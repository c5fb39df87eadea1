"""The control: who pays for it, and which random designs it has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.config import make_config
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Budget, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.searches.control import (
    ControlPlan,
    evaluate_control,
    paid_evaluations,
    plan_control,
    random_sequence,
    rewards_of,
)
from tests.helpers.tables import synthetic_table

# -- who pays for the control ----------------------------------------------------------------------


def test_a_quarter_of_64_evaluations_goes_to_the_control_when_nothing_is_stored() -> None:
    assert paid_evaluations(64, 0.25, 0) == 16


@pytest.mark.parametrize(
    ("evaluations", "share", "stored", "paid"),
    [
        (64, 0.25, 64, 0),
        (64, 0.25, 100, 0),
        (64, 0.25, 60, 4),
        (64, 0.25, 48, 16),
        (1, 0.25, 0, 0),
        (2, 0.1, 0, 1),
    ],
)
def test_stored_random_designs_are_not_paid_for_again(
    evaluations: int, share: float, stored: int, paid: int
) -> None:
    assert paid_evaluations(evaluations, share, stored) == paid


@given(st.integers(1, 1000), st.floats(0.01, 0.9), st.integers(0, 1000))
def test_the_agent_always_keeps_an_evaluation(evaluations: int, share: float, stored: int) -> None:
    paid = paid_evaluations(evaluations, share, stored)
    assert 0 <= paid < evaluations
    assert stored >= evaluations or paid + stored <= evaluations


def test_no_control_is_planned_where_none_is_needed() -> None:
    nothing = ControlPlan([], 0)
    budget = make_config({}).budget
    assert plan_control("ppo", budget, True, []) == nothing
    assert plan_control("random", budget, False, ["a"]) == nothing
    assert plan_control("ppo", budget, False, ["a"], comparable=False) == nothing
    assert plan_control("ppo", make_config({"control_share": 0.0}).budget, False, ["a"]) == nothing


def test_no_more_stored_designs_are_compared_with_than_the_budget_has() -> None:
    budget = make_config({"evaluations": 3}).budget
    assert plan_control("ppo", budget, False, list("abcde")) == ControlPlan(list("abc"), 0)


def test_a_search_by_time_pays_for_the_control_in_time() -> None:
    budget = make_config({"time_limit": "1m"}).budget
    assert plan_control("ppo", budget, False, ["a"]) == ControlPlan(["a"], None)
    assert plan_control("ppo", budget, False, [str(i) for i in range(99)]).paid == 0


# -- the random designs ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def evaluator() -> TableEvaluator:
    return TableEvaluator(TableSpace(synthetic_table(duplicates=True, missing=0.1)))


def test_random_designs_are_distinct_new_and_end_where_there_are_no_more(evaluator: TableEvaluator) -> None:
    space = evaluator.space
    everything = [design.digest for design in random_sequence(space, [], 0)]
    assert len(everything) == len(set(everything)) == len(space.distinct_rows)
    others = [design.digest for design in random_sequence(space, everything[:5], 0)]
    assert set(others) == set(everything[5:])


def test_the_same_random_designs_come_whatever_the_batch(evaluator: TableEvaluator) -> None:
    runs = []
    for batch in (1, 8):
        problem = Problem(evaluator.space, evaluator, accuracy, Budget(evaluations=10))
        evaluate_control(problem, [], 3, batch)
        runs.append([design.architecture.digest for design in problem.designs])
    assert runs[0] == runs[1]
    assert len(runs[0]) == 10


def test_failures_are_worth_the_failure_reward() -> None:
    assert rewards_of([Evaluation(0.5), Evaluation(failure="x")], accuracy, -2.0) == [0.5, -2.0]
