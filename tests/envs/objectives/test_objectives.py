"""Objectives: which there are, what they give, and what is known of them beforehand."""

import math
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.objectives import Objective, Objectives, Scale, load_objective
from rl_designer.envs.problem import Budget, Problem
from rl_designer.envs.rewards import Reward, RewardContext, RewardError, accuracy
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.testing import check_objectives
from rl_designer.testing.problems import Watched, synthetic_table

TYPICAL = Evaluation(0.8, parameters=1_000, macs=100_000, latency_seconds=0.01, val_examples=100)
BOTH = Objectives.of(["val_accuracy", "parameters"])


def on_table() -> tuple[TableSpace, TableEvaluator]:
    space = TableSpace(synthetic_table((4, 4, 3), duplicates=True))
    return space, TableEvaluator(space)


def test_objectives_are_rewards_of_which_more_is_better() -> None:
    three = Objectives.of(["val_accuracy", "macs", "latency"])
    assert all(isinstance(objective, Reward) for objective in three.each)
    assert three.values([TYPICAL]).tolist() == [[0.8, -5, 2]]
    cheaper = replace(TYPICAL, macs=50_000)
    assert three.values([cheaper])[0, 1] - three.values([TYPICAL])[0, 1] == pytest.approx(math.log10(2))


def test_people_read_costs_and_not_their_logarithms() -> None:
    objectives = Objectives.of(["parameters", "latency", "val_accuracy"])
    assert objectives.figures(objectives.values([TYPICAL])) == pytest.approx(np.array([[1_000, 0.01, 0.8]]))
    facts = [(d["name"], d["unit"], d["higher_is_better"]) for d in objectives.described()]
    assert facts == [("parameters", "parameters", False), ("latency", "s", False), ("val_accuracy", "", True)]


def test_a_reward_by_name_and_one_from_a_file_are_objectives_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def mine(evaluation, *, weight=2.0):\n    return weight * evaluation.val_accuracy\n")
    objectives = Objectives.of(["parameters", f"{path}:mine:weight=3"])
    assert objectives.values([TYPICAL])[0, 1] == pytest.approx(2.4)
    space, _ = on_table()
    aimed = load_objective("mnasnet", RewardContext(space))
    assert "target" in aimed.parameters and load_objective(aimed.text).parameters == aimed.parameters
    assert Objectives.of([accuracy, "macs"]).each[0].is_score


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["val_accuracy"], "2 or 3 objectives, got 1"),
        (["val_accuracy", "parameters", "macs", "latency"], "2 or 3 objectives, got 4"),
        (["val_accuracy", "accuracy"], "'val_accuracy' and 'accuracy' are the same"),
        (["val_accuracy", "paramters"], "unknown objective 'paramters'. Did you mean 'parameters'"),
        (["val_accuracy", "rank"], "'rank' can't be an objective: it depends on what the run had found"),
        (["val_accuracy", "macs:limit=3"], "'macs' takes no parameters"),
    ],
)
def test_what_can_be_no_objectives(texts: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Objectives.of(texts)


def test_the_contract_holds_on_a_table_and_is_broken_by_what_breaks_it() -> None:
    space, evaluator = on_table()
    check_objectives(BOTH, space, evaluator)

    class Optimistic(Objectives):
        def beforehand(self, space: SearchSpace, actions: Any) -> Any:
            return super().beforehand(space, actions) + 0.1

    class Forgiving(Objectives):
        def _of(self, evaluation: Evaluation) -> list[float]:
            return [0.0, 0.0] if evaluation.failure else super()._of(evaluation)

    class Upside(Objective):
        @property
        def higher_is_better(self) -> bool:
            return True

    upside = Objectives((BOTH.each[0], Upside("parameters", BOTH.each[1].function)))
    for broken in (Optimistic(BOTH.each), Forgiving(BOTH.each), upside):
        with pytest.raises(AssertionError):
            check_objectives(broken, space, evaluator)


def test_costs_are_known_beforehand_where_the_space_knows_them_and_a_latency_never_is() -> None:
    space = make_space("mlp", (13,), 3)
    objectives = Objectives.of(["val_accuracy", "macs", "latency"])
    assert objectives.known(space).tolist() == [False, True, False]
    found = objectives.beforehand(space, space.random_actions(5, np.random.default_rng(0)))
    assert np.isfinite(found).all(axis=0).tolist() == [False, True, False]


def test_a_problem_keeps_the_values_and_the_front_of_its_designs() -> None:
    space, evaluator = on_table()
    problem = Problem(space, Watched(evaluator, failing=0.3), accuracy, Budget(20), objectives=BOTH)
    problem.evaluate(space.architectures(space.random_actions(18, np.random.default_rng(0))))
    evaluations = [design.evaluation for design in problem.designs]
    assert np.array_equal(problem.values, BOTH.values(evaluations), equal_nan=True)
    failed = problem.designs.failed
    assert np.isnan(problem.values).all(axis=1).tolist() == failed.tolist() and 0 < failed.sum() < len(failed)
    assert problem.front.tolist() == BOTH.front(evaluations).tolist() and problem.best is not None
    assert problem.best.index in problem.front  # the most accurate one
    assert pickle.loads(pickle.dumps(BOTH)) == BOTH


def test_a_design_that_was_stopped_early_is_on_no_front() -> None:
    stopped = replace(TYPICAL, val_accuracy=0.99, stopped_at=1)
    assert BOTH.front([TYPICAL, stopped]).tolist() == [0]


def test_without_objectives_there_are_no_values() -> None:
    space, evaluator = on_table()
    problem = Problem(space, evaluator, accuracy, Budget(3))
    problem.evaluate(space.architectures(space.random_actions(3, np.random.default_rng(0))))
    assert problem.values.shape == (len(problem.designs), 0) and len(problem.front) == 0


def test_an_objective_that_is_not_measured_says_so_and_nothing_is_recorded() -> None:
    space, evaluator = on_table()
    objectives = Objectives.of(["val_accuracy", "latency"])
    problem = Problem(space, evaluator, accuracy, objectives=objectives)
    with pytest.raises(RewardError, match=r"'latency' failed on the design .* needs `latency_seconds`"):
        problem.evaluate(space.architectures(space.random_actions(1, np.random.default_rng(0))))
    assert len(problem.designs) == 0


def test_a_scale_of_a_front_is_that_of_the_known_front() -> None:
    _, evaluator = on_table()
    values = BOTH.values(evaluator.evaluations())
    scale = Scale.of_front(values)
    assert scale.share(values, values) == 1 and scale.hypervolume(values[:0]) == 0
    assert scale.units(values).max() == 1 and scale.units(scale.worst[None]).tolist() == [[0, 0]]
    with pytest.raises(ValueError, match="no design has a value of every objective"):
        Scale.of_front(np.full((2, 2), np.nan))
