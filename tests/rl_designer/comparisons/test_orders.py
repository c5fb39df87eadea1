"""How rewards order a table's designs, before anything is searched."""

import json
from pathlib import Path

import pytest

from rl_designer.agents.registry import AGENTS, agent_class
from rl_designer.comparisons.orders import Order, orders_of
from rl_designer.comparisons.rewards import RewardBenchmark, run_reward_benchmark
from rl_designer.config import make_config
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Budget, Problem
from rl_designer.envs.rewards import as_reward
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.workers.local import InProcess, LocalEngine
from tests.helpers.command_line import runner
from tests.helpers.reward_runs import folder_of_rewards
from tests.helpers.tables import synthetic_table

DESIGNS = [Evaluation(val_accuracy=index / 100, parameters=1 + (index * 37) % 100) for index in range(100)]
FAILED = Evaluation.failed("the table has no value")


def accuracy(evaluation):
    return evaluation.val_accuracy


def cubed(evaluation):
    return 5 * evaluation.val_accuracy**3 - 4


def negative(evaluation):
    return -evaluation.val_accuracy


def capped(evaluation):
    return min(evaluation.val_accuracy, 0.9)


def few(evaluation):
    return -evaluation.parameters


def seen(evaluation, history):
    return evaluation.val_accuracy + len(history)


def orders(*functions, designs=DESIGNS, failure_reward=-1.0) -> list[Order]:
    rewards = {function.__name__: as_reward(function) for function in functions}
    return orders_of(rewards, designs, failure_reward)


def test_rewards_that_rise_together_order_alike_and_others_do_not() -> None:
    first, same, turned, ties = orders(accuracy, cubed, negative, capped)
    assert first.same_as is None and same.same_as == "accuracy" and same.over_all == pytest.approx(1.0)
    assert turned.same_as is None and turned.over_all == pytest.approx(-1.0) and turned.best_in_common == 0.0
    # Equal ones where the first tells designs apart are another order.
    assert (
        ties.same_as is None and ties.over_all == pytest.approx(0.999, abs=1e-3) and ties.at_the_top is None
    )


def test_an_order_is_told_over_all_at_the_top_and_for_each_cost() -> None:
    _, small = orders(accuracy, few)
    assert small.designs == 100 and small.over_all == pytest.approx(0.0, abs=0.2)
    assert set(small.by_cost) == {"parameters"} and len(small.by_cost["parameters"]) == 4
    sentence = small.sentence("accuracy", True)
    assert (
        sentence.startswith("few and accuracy: rank correlation ")
        and "each quarter of parameters" in sentence
    )


def test_what_a_failure_is_paid_is_part_of_the_order() -> None:
    # The lowest of `cubed` lies below what a failure is paid, and the lowest accuracy doesn't.
    assert orders(accuracy, cubed, designs=[*DESIGNS, FAILED])[1].same_as is None
    assert orders(accuracy, cubed, designs=[*DESIGNS, FAILED], failure_reward=-10.0)[1].same_as == "accuracy"


def test_a_reward_that_sees_the_history_has_no_order() -> None:
    _, after, other = orders(accuracy, seen, cubed)
    assert not after.known and after.over_all is None and other.same_as == "accuracy"
    assert after.sentence("accuracy", True).startswith("seen sees the history")
    first, one, two = orders(seen, accuracy, cubed)
    assert not first.known and one.known and one.over_all is None and two.same_as == "accuracy"
    assert (
        one.sentence("seen", True) == "accuracy: seen sees the history, so nothing is known before searches"
    )


def test_of_many_designs_some_are_looked_at() -> None:
    assert orders(accuracy, few, designs=DESIGNS * 500)[1].designs <= 20_000


@pytest.mark.parametrize("name", [name for name in AGENTS if agent_class(name).by_order])
def test_agents_that_say_so_go_by_the_order_alone(name: str, tmp_path: Path) -> None:
    space = TableSpace(synthetic_table((4, 4, 3, 4)))
    found = []
    for function in (accuracy, cubed):
        problem = Problem(space, TableEvaluator(space), as_reward(function), Budget(16))
        agent_class(name)(seed=3).search(problem)
        found.append([design.architecture.digest for design in problem.designs])
    assert found[0] == found[1]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(LocalEngine, "pool", lambda self, workload: InProcess(workload))
    return folder_of_rewards(tmp_path)


def test_equal_rewards_are_skipped_where_wanted_and_that_is_said(folder: Path) -> None:
    config = make_config({"table": "table.npz", "agent": "random", "evaluations": 8})
    rewards, told = ("accuracy", "own.py:rescaled", "own.py:small"), []
    for skip, left in ((False, 3), (True, 2)):
        benchmark = RewardBenchmark(config, rewards, 2, skip_equal=skip)
        data = run_reward_benchmark(benchmark, told=told.append).data
        assert len(data["rewards"]) == left
        assert [order["same_as"] for order in data["orders"]] == [None, "accuracy", None]
    assert data["skipped"] == {"own.py:rescaled": "accuracy"}
    assert (
        data["conclusions"][-1] == "own.py:rescaled was not run, since it orders all designs as accuracy does"
    )
    assert any(line.startswith("own.py:rescaled orders all") for line in told)


def test_the_orders_alone_are_one_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["benchmark", "rewards", "--table", "table.npz", "--orders-only"]
    command += ["--reward", "accuracy", "--reward", "own.py:rescaled", "--reward", "rank"]
    done = runner(capsys)(*command)
    assert done.status == 0, done.err
    assert "own.py:rescaled orders all" in done.out and "rank sees the history" in done.out
    data = json.loads(runner(capsys)(*command, "--json").out)
    assert [order["same_as"] for order in data["orders"]] == [None, "accuracy", None]


def test_without_a_table_no_order_is_known(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = runner(capsys)("benchmark", "rewards", "--data", "wine", "--orders-only", "--reward", "accuracy")
    assert done.status == 2 and "is known beforehand on a table alone" in done.err
