"""Agents that learn find better designs than chance does, with the same number of evaluations."""

import numpy as np
import pytest

from rl_designer.agents.registry import agent_class
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Budget, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.table import TableSpace
from tests.helpers.tables import synthetic_table

# 4,096 designs. The best of 100 drawn at random has rank 4,097 / 101 = 41 on average, with a deviation
# of 41 or so. So the mean of ten such ranks is below 8 with a chance of 2 in 100,000: ten ranks, each nearly
# exponential, sum up to less than 80 of an expected 410, P(Gamma(10) < 1.97).
_TABLE = TableEvaluator(TableSpace(synthetic_table((4, 4, 4, 4, 4, 4))))
_BUDGET, _SEEDS, _LEARNED = 100, 10, 8


def mean_rank_of_the_best(name: str) -> float:
    ranks = []
    for seed in range(_SEEDS):
        problem = Problem(_TABLE.space, _TABLE, accuracy, Budget(_BUDGET))
        agent_class(name)(seed=seed).search(problem)
        assert problem.best is not None
        ranks.append(1 + int((_TABLE.search_values() > problem.best.reward).sum()))
    return float(np.mean(ranks))


@pytest.mark.parametrize(
    "name", ["bananas", "regularized-evolution", "local-search", "reinforce", "optuna-tpe"]
)
def test_it_finds_designs_that_chance_would_not(name: str) -> None:
    if name.startswith("optuna"):
        pytest.importorskip("optuna", reason="the extra `optuna` is not installed")
    assert mean_rank_of_the_best(name) <= _LEARNED


def test_random_search_finds_what_chance_finds() -> None:
    # Its mean of ten has a standard deviation of 13.
    assert 12 <= mean_rank_of_the_best("random") <= 90


def test_evolution_in_batches_still_learns() -> None:
    assert mean_rank_of_the_best("regularized-evolution:batch=8") <= _LEARNED
