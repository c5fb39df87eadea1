"""Finished runs of the benchmark of rewards, made by hand, for tests."""

from collections.abc import Sequence
from pathlib import Path

from rl_designer.comparisons.records import RewardRun
from tests.helpers.tables import synthetic_table

OWN_REWARDS = """
import math

def negative(evaluation):
    return -evaluation.val_accuracy

def small(evaluation):
    return -evaluation.parameters

def rescaled(evaluation):
    return math.exp(7 * evaluation.val_accuracy)

def broken(evaluation):
    return 1 / (evaluation.parameters - 100)  # the smallest design has 100

def silent(evaluation):
    evaluation.val_accuracy
"""


def run_of(
    rewards: Sequence[float | None],
    reported: Sequence[float | None] | None = None,
    parameters: Sequence[float | None] | None = None,
    *,
    accuracies: Sequence[float | None] | None = None,
    seed: int = 0,
    reward: str = "made",
    by_reward: bool = True,
) -> RewardRun:
    """A run whose designs were paid `rewards` (None: failed). What isn't given is the reward, or no cost."""
    n = len(rewards)
    told = rewards if reported is None else reported
    seen = told if accuracies is None else accuracies
    costs = [None] * n if parameters is None else parameters
    return RewardRun(
        reward=reward,
        seed=seed,
        by_reward=by_reward,
        digests=tuple(f"{seed}-{index}" for index in range(n)),
        actions=tuple((index % 3, 0, 0, 0) for index in range(n)),
        figures=tuple(
            (None,) * 6 if paid is None else (paid, seen[i], told[i], costs[i], None, None)
            for i, paid in enumerate(rewards)
        ),
        seconds=1.0,
    )


def folder_of_rewards(folder: Path) -> Path:
    """The folder, with a small table in `table.npz` and rewards in `own.py`."""
    synthetic_table((4, 4, 3, 4), forbidden=0.1, missing=0.05).save(folder / "table.npz")
    (folder / "own.py").write_text(OWN_REWARDS)
    return folder
