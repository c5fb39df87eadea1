"""`Problem`: the one door to an evaluation. It counts, caches, tells, and ends the search."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_designer.envs import problem as problem_module
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Budget, BudgetSpent, Design, Problem, best_of
from rl_designer.envs.rewards import RewardError, accuracy
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.testing.problems import Watched
from tests.helpers.strategies import many_examples
from tests.helpers.tables import synthetic_table

SPACE = TableSpace(synthetic_table((3, 3, 2), duplicates=True))
UNLIMITED = Budget()


def designs(*numbers: int) -> list[Architecture]:
    """Designs by number, 0 to 17; of 9 networks twice."""
    return [SPACE.architecture([n // 6, n // 2 % 3, n % 2]) for n in numbers]


def problem(
    budget: Budget = UNLIMITED,
    *,
    failing: float = 0.0,
    reward: Callable[[Evaluation], Any] = accuracy,
    **more: Any,
) -> tuple[Problem, Watched]:
    evaluator = Watched(TableEvaluator(SPACE), failing)
    return Problem(SPACE, evaluator, reward, budget, **more), evaluator


# -- evaluations are counted once a network ----------------------------------------------------------


def test_designs_come_back_in_the_order_that_they_were_asked_for() -> None:
    asked = designs(4, 0, 9, 0)
    found = problem()[0].evaluate(asked)
    assert [design.architecture for design in found] == asked
    assert [design.index for design in found] == [0, 1, 2, 1]
    assert found[1] is found[3]


def test_a_network_is_evaluated_once_however_often_and_however_spelled_it_is_asked_for() -> None:
    solved, evaluator = problem(Budget(evaluations=2))
    one, other = designs(2, 6)
    assert one.digest == other.digest
    assert not solved.seen(one)
    solved.evaluate([one, other])
    assert solved.seen(one) and solved.seen(other)
    solved.evaluate([other])
    assert evaluator.asked == [one.digest]
    assert solved.remaining == 1


def test_unseen_are_the_networks_that_would_cost_an_evaluation_each_once() -> None:
    solved, _ = problem()
    space = solved.space
    asked = designs(2, 4)
    solved.evaluate(asked)
    rows = space.pad([space.actions(a) for a in designs(*range(18))])
    left = solved.unseen(np.concatenate([rows, rows]))
    digests = [a.digest for a in space.architectures(left)]
    assert len(set(digests)) == len(digests)
    assert set(digests) == {a.digest for a in designs(*range(18))} - {a.digest for a in asked}
    assert solved.unseen(rows[:0]).shape == (0, space.max_steps)


@many_examples
@given(
    st.lists(st.lists(st.integers(0, 17), min_size=1, max_size=6), max_size=6),
    st.none() | st.integers(1, 12),
    st.sampled_from([0.0, 0.4]),
)
def test_whatever_is_asked_for_the_budget_is_kept_and_each_network_paid_and_told_once(
    batches: Sequence[Sequence[int]], evaluations: int | None, failing: float
) -> None:
    told: list[Design] = []
    solved, evaluator = problem(Budget(evaluations), failing=failing, observer=told.append)
    asked: list[str] = []
    for batch in batches:
        digests = [architecture.digest for architecture in designs(*batch)]
        asked = list(dict.fromkeys([*asked, *digests]))
        if evaluations is None or len(asked) <= evaluations:
            assert [design.architecture.digest for design in solved.evaluate(designs(*batch))] == digests
            continue
        asked = asked[:evaluations]
        with pytest.raises(BudgetSpent):
            solved.evaluate(designs(*batch))
    assert evaluator.asked == asked
    assert [design.architecture.digest for design in solved.designs] == asked
    assert [design.index for design in solved.designs] == list(range(len(asked)))
    assert told == solved.designs
    assert solved.remaining == (None if evaluations is None else evaluations - len(asked))


def test_an_observer_hears_of_a_design_before_the_agent_does() -> None:
    events: list[str] = []
    solved, _ = problem(observer=lambda design: events.append(f"told {design.index}"))
    solved.evaluate(designs(0, 1))
    events.append("asked")
    assert events == ["told 0", "told 1", "asked"]


def test_only_a_complete_architecture_is_evaluated() -> None:
    solved, evaluator = problem()
    with pytest.raises(
        ValueError, match="only a complete architecture can be evaluated, got the prefix decision 0"
    ):
        solved.evaluate([*designs(0), SPACE.architecture([1])])
    assert evaluator.asked == [] and solved.designs == []


# -- the budget --------------------------------------------------------------------------------------


def test_when_the_budget_is_spent_what_still_fitted_has_been_evaluated() -> None:
    solved, evaluator = problem(Budget(evaluations=3))
    solved.evaluate(designs(0, 1))
    with pytest.raises(BudgetSpent, match="the budget is spent after 3 evaluations"):
        solved.evaluate(designs(0, 4, 5, 9))
    assert evaluator.asked == [design.digest for design in designs(0, 1, 4)]
    assert len(solved.evaluate(designs(4, 1, 0))) == 3  # known ones stay free
    with pytest.raises(BudgetSpent):
        solved.evaluate(designs(5))


def test_seconds_are_counted_from_the_beginning_and_looked_at_before_each_batch() -> None:
    now = [100.0]
    solved, evaluator = problem(Budget(seconds=5), clock=lambda: now[0])
    solved.evaluate(designs(0, 1))
    now[0] = 104.9
    solved.evaluate(designs(4))
    now[0] = 105.0
    assert len(solved.evaluate(designs(0, 1, 4))) == 3
    with pytest.raises(BudgetSpent, match="the budget is spent after 3 evaluations"):
        solved.evaluate(designs(5))
    assert len(evaluator.asked) == 3 and solved.remaining is None


def test_a_budget_in_both_ends_with_the_first_of_them() -> None:
    now = [0.0]
    solved, _ = problem(Budget(evaluations=1, seconds=5), clock=lambda: now[0])
    with pytest.raises(BudgetSpent):
        solved.evaluate(designs(0, 1))
    now[0] = 9.0
    late, _ = problem(Budget(evaluations=1, seconds=5), clock=iter([0.0, 9.0]).__next__)
    with pytest.raises(BudgetSpent):
        late.evaluate(designs(0))
    assert (len(solved.designs), len(late.designs)) == (1, 0)


@pytest.mark.parametrize("evaluations", [0, -3])
def test_a_budget_of_no_evaluation_is_refused(evaluations: int) -> None:
    with pytest.raises(ValueError, match=f"the budget must be at least 1 evaluation, got {evaluations}"):
        Budget(evaluations=evaluations)


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan])
def test_a_budget_of_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match=f"the budget must be more than 0 seconds, got {seconds}"):
        Budget(seconds=seconds)


def test_a_search_that_proposes_nothing_new_any_more_ends() -> None:
    solved, _ = problem()
    with patch.object(problem_module, "_MOST_REPEATS", 5):
        solved.evaluate(designs(0, 1))
        solved.evaluate(designs(0, 1, 0))
        solved.evaluate(designs(4))  # something new: the count begins again
        solved.evaluate(designs(0, 1, 4, 0, 1))
        with pytest.raises(BudgetSpent, match="nothing new was proposed in 5 proposals in a row"):
            solved.evaluate(designs(0))


def test_a_search_that_proposes_nothing_at_all_ends() -> None:
    with pytest.raises(BudgetSpent, match="nothing more was proposed"):
        problem()[0].evaluate([])


# -- rewards -----------------------------------------------------------------------------------------


def test_a_design_has_the_reward_of_its_evaluation() -> None:
    (found,) = problem(reward=lambda evaluation: 2)[0].evaluate(designs(0))
    assert found.reward == 2.0 and isinstance(found.reward, float)
    (found,) = problem()[0].evaluate(designs(0))
    assert found.reward == found.evaluation.val_accuracy


def test_a_failure_is_paid_the_failure_reward_and_the_reward_never_sees_it() -> None:
    seen: list[Evaluation] = []

    def reward(evaluation: Evaluation) -> float:
        seen.append(evaluation)
        return 0.5

    solved, _ = problem(failing=0.5, reward=reward, failure_reward=-7.0)
    found = solved.evaluate(designs(*range(18)))
    failed = [design for design in found if design.evaluation.failure is not None]
    assert 0 < len(failed) < len(found)
    assert {design.reward for design in failed} == {-7.0}
    assert all(evaluation.failure is None for evaluation in seen)


def _forgets_to_return(evaluation: Evaluation) -> Any:
    return None


def _gives(value: Any, evaluation: Evaluation) -> Any:
    return value


@pytest.mark.parametrize(
    ("reward", "told"),
    [
        (partial(_gives, math.nan), "'partial' .* got nan "),
        (partial(_gives, math.inf), "'partial' .* got inf "),
        (partial(_gives, -math.inf), "'partial' .* got -inf "),
        (partial(_gives, "0.5"), "'partial' .* got '0.5' "),
        (partial(_gives, 10**400), "'partial' .* got 1000"),
        (_forgets_to_return, "'_forgets_to_return' .* got None "),
    ],
)
def test_a_reward_that_is_no_finite_number_is_refused_with_its_name_the_design_and_the_place(
    reward: Any, told: str
) -> None:
    (design,) = designs(0)
    with pytest.raises(RewardError, match=told) as caught:
        problem(reward=reward)[0].evaluate([design])
    message = str(caught.value)
    assert f"failed on the design {design} ({design.digest}): it must give a finite number" in message
    assert "\n" not in message and "(test_problem.py, line " in message


def test_what_was_paid_before_a_reward_failed_is_kept() -> None:
    calls = []

    def fails_the_third_time(evaluation: Evaluation) -> float:
        calls.append(evaluation)
        return 1.0 if len(calls) < 3 else 1 / 0

    solved, evaluator = problem(reward=fails_the_third_time)
    with pytest.raises(RewardError, match=r"ZeroDivisionError: division by zero .*: `return 1.0 if"):
        solved.evaluate(designs(0, 4, 5, 9))
    assert len(solved.designs) == 2 and len(evaluator.asked) == 4


def test_a_reward_that_sees_the_history_gets_all_earlier_designs_that_did_not_fail_in_order() -> None:
    seen: list[list[Evaluation]] = []

    def novelty(evaluation: Evaluation, history: Sequence[Evaluation]) -> float:
        seen.append(list(history))
        return len(history)

    solved, _ = problem(failing=0.5, reward=novelty, failure_reward=-7.0)
    solved.evaluate(designs(0, 4, 5))
    solved.evaluate(designs(4, 9, 11, 13, 17))
    trained = [design for design in solved.designs if design.evaluation.failure is None]
    assert 1 < len(trained) < len(solved.designs)
    assert seen == [[design.evaluation for design in trained[:n]] for n in range(len(trained))]
    assert [design.reward for design in trained] == list(range(len(trained)))


def test_for_a_reward_that_sees_the_history_the_best_is_the_most_accurate() -> None:
    solved, _ = problem(reward=lambda evaluation, history: -(evaluation.val_accuracy or 0) - len(history))
    assert solved.best is None
    found = solved.evaluate(designs(*range(18)))
    assert solved.best is max(found, key=lambda design: design.evaluation.val_accuracy or 0)


@pytest.mark.parametrize(
    ("reward", "told"),
    [
        (lambda: 1.0, "got one of 0 positional parameters"),
        (lambda evaluation, history, more: 1.0, "got one of 3 positional parameters"),
        (lambda evaluation, *, target: 1.0, "needs `target`"),
        (min, "must be a function whose signature can be read"),
    ],
)
def test_a_function_that_can_not_be_called_as_a_reward_is_refused_at_once(reward: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        problem(reward=reward)


# -- the best ----------------------------------------------------------------------------------------


def test_the_best_has_the_highest_reward_and_of_equals_the_fewest_parameters() -> None:
    solved, _ = problem(reward=lambda evaluation: round(evaluation.parameters or 0, -1))
    assert solved.best is None
    solved.evaluate(designs(0, 17, 11, 5, 16))
    highest = max(design.reward for design in solved.designs)
    equals = [design for design in solved.designs if design.reward == highest]
    assert solved.best == min(equals, key=lambda design: design.evaluation.parameters or 0)
    ties, _ = problem(reward=lambda evaluation: 1.0)
    ties.evaluate(designs(4, 5, 0))
    assert ties.best is not None and ties.best.index == 2


def test_of_equals_of_unknown_size_the_earliest_is_the_best() -> None:
    solved, _ = problem(reward=lambda evaluation: 1.0)
    solved.evaluate(designs(4, 5, 0))
    unknown = [replace(d, evaluation=replace(d.evaluation, parameters=None)) for d in solved.designs]
    found = best_of(unknown)
    assert found is not None and found.index == 0


def test_a_failure_is_never_the_best_even_where_it_pays_best() -> None:
    solved, _ = problem(failing=1.0, failure_reward=99.0)
    solved.evaluate(designs(0, 1))
    assert solved.best is None


# -- luck -------------------------------------------------------------------------------------------


class _Measured:
    """Evaluations as they are given, one a design."""

    digest = "measured"

    def __init__(self, *evaluations: Evaluation) -> None:
        self._left = list(evaluations)

    def evaluate(self, architectures: Any) -> list[Evaluation]:
        return [self._left.pop(0) for _ in architectures]


def test_the_luck_in_rewards_is_what_a_reward_makes_of_that_in_accuracies() -> None:
    known = [Evaluation(0.8, val_examples=100), Evaluation(0.8), Evaluation.failed("no", val_examples=100)]
    deviation = known[0].val_deviation
    for reward, expected in [
        (lambda e: 3 * e.val_accuracy, [3 * deviation, 0, 0]),
        (lambda e: -2 * e.val_accuracy, [2 * deviation, 0, 0]),
        (lambda e: 1.0, [0, 0, 0]),
        (lambda e, history: e.val_accuracy, [0, 0, 0]),
    ]:
        solved = Problem(problem()[0].space, _Measured(*known), reward)
        assert solved.deviations.shape == (0,)
        solved.evaluate(designs(0, 2))
        assert solved.deviations == pytest.approx(expected[:2])
        solved.evaluate(designs(4))
        assert solved.deviations == pytest.approx(expected)


def test_a_reward_that_fails_on_what_might_have_been_is_none_of_which_luck_is_known() -> None:
    paid = {0.8: 1.0}
    solved = Problem(
        problem()[0].space, _Measured(Evaluation(0.8, val_examples=9)), lambda e: paid[e.val_accuracy]
    )
    solved.evaluate(designs(0))
    assert solved.designs.rewards.tolist() == [1.0] and solved.deviations.tolist() == [0.0]


class InTime(Watched):
    """Evaluates so many of each batch, where it is told a deadline."""

    def __init__(self, most: int) -> None:
        super().__init__(TableEvaluator(SPACE), 0.0)
        self.most = most
        self.deadlines: list[float | None] = []

    def evaluate(
        self, architectures: Sequence[Architecture], deadline: float | None = None
    ) -> list[Evaluation]:
        self.deadlines.append(deadline)
        return super().evaluate(architectures[: None if deadline is None else self.most])


def test_what_has_ended_when_the_seconds_are_over_is_recorded_from_the_first_on() -> None:
    evaluator, now = InTime(most=2), iter([100.0, 103.0, 103.0]).__next__
    solved = Problem(SPACE, evaluator, accuracy, Budget(seconds=5), clock=now)
    began = time.monotonic()
    with pytest.raises(BudgetSpent, match="the budget is spent after 2 evaluations"):
        solved.evaluate(designs(0, 4, 5))
    assert [design.architecture for design in solved.designs] == designs(0, 4)
    assert solved.given_up == 1
    [deadline] = evaluator.deadlines
    assert deadline is not None and 1.9 <= deadline - began <= 12


def test_without_a_limit_on_seconds_there_is_no_deadline_and_nothing_may_be_missing() -> None:
    evaluator = InTime(most=0)
    assert len(Problem(SPACE, evaluator, accuracy, Budget(evaluations=2)).evaluate(designs(0, 4))) == 2
    assert evaluator.deadlines == [None]
