"""Problems of known make: a table, and evaluators that train nothing."""

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation, Evaluator
from rl_designer.envs.seeding import seed_of
from rl_designer.envs.tables.table import ArchitectureTable, Task


def synthetic_table(
    options: Sequence[int] = (3, 4, 2, 3),
    *,
    seed: int = 0,
    forbidden: float = 0.0,
    duplicates: bool = False,
    missing: float = 0.0,
) -> ArchitectureTable:
    """A table of the task `task`: `search` is a sum over decisions and pairs of neighbouring decisions, and
    `report` the same with noise; both in percent. There is a metric `parameters`, larger for later options.

    Args:
        options: how many options each decision has.
        forbidden: share of the pairs of options of neighbouring decisions that no row has together; the first
            option goes with every other, so that there are rows.
        duplicates: rows that differ only in the order of their first two options are the same network.
        missing: share of the networks without a value.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    rows = np.array(list(product(*map(range, options))), dtype=np.uint8)
    for i, (first, second) in enumerate(pairwise(options)):
        pairs = generator.random((first, second)) < forbidden
        pairs[0], pairs[:, 0] = False, False
        rows = rows[~pairs[rows[:, i], rows[:, i + 1]]]
    canonical = _same_first_two(rows) if duplicates else np.arange(len(rows), dtype=np.int32)
    values = _values(rows, options, generator)[canonical]
    values[np.isin(canonical, np.flatnonzero(generator.random(len(rows)) < missing))] = np.nan
    noisy = values + generator.normal(0, 0.5, len(rows))
    return ArchitectureTable(
        name="synthetic",
        title="A table made for a test",
        source="",
        decisions=tuple(
            (f"decision {i}", tuple(f"option {o}" for o in range(n))) for i, n in enumerate(options)
        ),
        architectures=rows,
        metrics={
            "search": values.astype(np.float32)[:, None],
            "report": noisy.astype(np.float32)[:, None],
            "parameters": (100 + 10 * rows.sum(axis=1)).astype(np.float32)[:, None],
        },
        metric_facts={
            "search": {"unit": "percent", "split": "validation", "epochs": 12, "maximize": True},
            "report": {"unit": "percent", "split": "test", "epochs": 200, "maximize": True},
            "parameters": {"unit": "count", "maximize": False},
        },
        tasks={"task": Task("search", "report")},
        canonical=canonical,
    )


def _values(
    rows: NDArray[np.uint8], options: Sequence[int], generator: np.random.Generator
) -> NDArray[np.float64]:
    alone = sum(generator.normal(0, 2, n)[rows[:, i]] for i, n in enumerate(options))
    together = sum(
        generator.normal(0, 1, (first, second))[rows[:, i], rows[:, i + 1]]
        for i, (first, second) in enumerate(pairwise(options))
    )
    return 70 + alone + together + generator.normal(0, 0.2, len(rows))


def _same_first_two(rows: NDArray[np.uint8]) -> NDArray[np.int32]:
    """The index of the first row that is the same network."""
    ordered = rows.copy()
    ordered[:, :2] = np.sort(rows[:, :2], axis=1)
    _, first, inverse = np.unique(ordered, axis=0, return_index=True, return_inverse=True)
    return first[inverse.reshape(-1)].astype(np.int32)


class LayerEvaluator:
    """For any space: an accuracy from the layers alone, higher for designs of about five layers."""

    digest = "layers"

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        return [Evaluation(val_accuracy=self._accuracy(architecture)) for architecture in architectures]

    def _accuracy(self, architecture: Architecture) -> float:
        parts = [seed_of(str(layer)) % 1000 / 1000 for layer in architecture.layers]
        return sum(parts) / len(parts) / 2 + 0.5 / (1 + abs(len(parts) - 5))


class Watched:
    """Another evaluator, and what it was asked for; a share of the designs fails.

    Attributes:
        asked: the digest of every architecture that it was asked for, in order.
    """

    def __init__(self, evaluator: Evaluator, failing: float = 0.0) -> None:
        self.evaluator = evaluator
        self.failing = failing
        self.asked: list[str] = []

    @property
    def digest(self) -> str:
        return f"watched:{self.failing}:{self.evaluator.digest}"

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        self.asked += [architecture.digest for architecture in architectures]
        return [
            Evaluation(failure="made to fail") if seed_of(a.digest) % 100 < 100 * self.failing else evaluation
            for a, evaluation in zip(architectures, self.evaluator.evaluate(architectures), strict=True)
        ]
