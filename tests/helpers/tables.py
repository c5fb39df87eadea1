"""Architecture tables of known make, for tests."""

import os
from collections.abc import Sequence
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rl_designer.envs.tables.table import ArchitectureTable, Task

SHARED = Path(os.environ.get("RL_DESIGNER_TABLES", Path(__file__).resolve().parents[3] / "shared" / "tables"))
MACRO = {
    "00000000": {"test_acc": [10.0, 11.0, 12.0], "mean_acc": 11.0, "std": 0.8, "params": 100, "flops": 1000},
    "02012100": {
        "test_acc": [89.5, 88.9, 89.2],
        "mean_acc": 89.2,
        "std": 0.2,
        "params": 890666,
        "flops": 47327744,
    },
}


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


def shared(name: str) -> Path:
    """A file of the folder of published tables; skips the test where it isn't there."""
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"no {path}; RL_DESIGNER_TABLES names the folder of published tables")
    return path


def same_values(first: ArchitectureTable, second: ArchitectureTable, metrics: Sequence[str]) -> None:
    """Fails where two tables differ in their rows, in any order, or in these metrics."""
    assert first.decisions == second.decisions
    orders = [np.lexsort(table.architectures.T[::-1]) for table in (first, second)]
    assert np.array_equal(first.architectures[orders[0]], second.architectures[orders[1]])
    for name in metrics:
        assert np.array_equal(
            first.metrics[name][orders[0]], second.metrics[name][orders[1]], equal_nan=True
        ), name
