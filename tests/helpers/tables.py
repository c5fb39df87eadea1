"""Architecture tables of known make, for tests."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from rl_designer.envs.tables.table import ArchitectureTable
from rl_designer.testing.problems import synthetic_table as synthetic_table

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
