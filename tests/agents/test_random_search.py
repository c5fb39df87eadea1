"""Random search: what is drawn again takes no place in a batch."""

from collections.abc import Sequence
from typing import Any

from rl_designer.agents.random_search import RandomSearch
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Budget, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.table import TableSpace
from tests.helpers.tables import synthetic_table

_TABLE = TableEvaluator(TableSpace(synthetic_table((3, 3, 3))))  # 27 designs


class NotesBatches:
    """Attributes: `batches`, of how many designs each was."""

    digest = _TABLE.digest

    def __init__(self) -> None:
        self.batches: list[int] = []

    def evaluate(self, architectures: Sequence[Any]) -> list[Any]:
        self.batches.append(len(architectures))
        return _TABLE.evaluate(architectures)


def searched(batch: int, evaluations: int | None) -> tuple[list[str], list[int]]:
    evaluator = NotesBatches()
    problem = Problem(_TABLE.space, evaluator, accuracy, Budget(evaluations))
    RandomSearch(seed=0, batch=batch).search(problem)
    return [str(design.architecture) for design in problem.designs], evaluator.batches


def test_batches_are_full_while_there_are_new_designs() -> None:
    _, batches = searched(8, 24)
    assert batches == [8, 8, 8]


def test_a_space_is_exhausted_and_that_ends_the_search() -> None:
    designs, batches = searched(8, None)
    assert len(designs) == len(set(designs)) == 27
    assert batches == [8, 8, 8, 3]
