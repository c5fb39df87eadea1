"""`TableEvaluator`: evaluations looked up in an architecture table."""

import hashlib
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.search_spaces.table import TableSpace


class TableEvaluator:
    """Answers with what the table's task lets a search see; a missing value is a failure.

    Args:
        task: name of the table's task; may be None where there is only one.
    """

    def __init__(self, space: TableSpace, task: str | None = None) -> None:
        table = space.table
        self.space = space
        self.task = table.task(task)
        self._values = table.values(self.task.search)
        self._epochs = table.metric_facts[self.task.search].get("epochs")

    @cached_property
    def digest(self) -> str:
        """Changes with the table's designs, the searched values and the costs."""
        content = hashlib.sha256(self.space.table.architectures.tobytes() + self._values.tobytes())
        for cost, values in self.space.row_costs.items():
            content.update(b"latency" if cost == "latency" else b"")  # the others' digests are older than it
            content.update(values.tobytes())
        return f"table:{self.space.table.name}:{self.task.search}:{content.hexdigest()[:16]}"

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        actions = self.space.pad([self.space.actions(architecture) for architecture in architectures])
        return [self.evaluation(row) for row in self.space.rows(actions)]

    def evaluation(self, row: int) -> Evaluation:
        """The evaluation of one row of the table."""
        costs = {name: float(values[row]) for name, values in self.space.row_costs.items()}
        return Evaluation.of_table(float(self._values[row]), costs, epochs=self._epochs)

    def evaluations(self) -> list[Evaluation]:
        """The evaluation of every distinct legal design, for exact comparisons."""
        return [self.evaluation(row) for row in self.space.distinct_rows]

    def search_values(self) -> NDArray[np.float64]:
        """The searched value of every distinct legal design, float64 [networks]; NaN where missing."""
        return self._values[self.space.distinct_rows]

    def reported(self, architecture: Architecture) -> float:
        """The reported metric of a chosen design. For benchmarks, after a search; never for a reward."""
        row = self.space.rows(np.array([self.space.actions(architecture)]))[0]
        return float(self.space.table.values(self.task.report)[row])
