"""What benchmarks/real_training.py makes of runs."""

import sys
from pathlib import Path

import numpy as np
import pytest

from rl_designer.comparisons.records import AgentRun

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from real_training import compared, over_all, table, trainings_to


def run(agent: str, seed: int, *improvements: tuple[int, float]) -> AgentRun:
    """Of 8 evaluations; an improvement is after how many designs, and the accuracy."""
    told = tuple((done, reward, None) for done, reward in improvements)
    return AgentRun(agent, seed, 8, 0, told, 4.0, 0.8, None, ())


RUNS = {
    "a task": {
        "ppo": [run("ppo", 0, (1, 0.5), (3, 0.9)), run("ppo", 1, (2, 0.7), (5, 0.8))],
        "random": [run("random", 0, (1, 0.6), (8, 0.7)), run("random", 1, (4, 0.9))],
    },
    "another": {
        "ppo": [run("ppo", 0, (1, 0.6)), run("ppo", 1, (2, 0.4))],
        "random": [run("random", 0, (1, 0.5)), run("random", 1, (1, 0.3))],
    },
}


def test_the_first_agent_s_lead_is_paired_by_seed() -> None:
    figures = compared(RUNS["a task"])
    assert figures["ppo"]["best"]["mean"] == pytest.approx(0.85)
    assert figures["random"]["first_ahead_by"]["mean"] == pytest.approx(0.05)
    assert figures["random"]["first_ahead_by"]["interval_95"] == pytest.approx([-0.1, 0.2])
    assert figures["ppo"]["first_ahead_by"]["mean"] == 0
    assert figures["ppo"]["own_seconds_per_evaluation"] == pytest.approx(0.1)


def test_over_all_tasks_every_pair_of_runs_counts_once() -> None:
    figures = over_all(RUNS, 8)
    leads = figures["random"]["first_ahead_by"]
    assert leads["n"] == 4 and leads["mean"] == pytest.approx(np.mean([0.2, -0.1, 0.1, 0.1]))
    assert (figures["random"]["wins"], figures["random"]["losses"]) == (3, 1)
    # Random search ends at 0.8 and 0.4 on the average: ppo is there after 3, 5, 1 and 2 trainings.
    assert figures["ppo"]["median_trainings_to_the_best_of_random"] == 2.5
    assert figures["random"]["reached_it"] == 0.5
    assert "| **over all** |  | +0.0750" in table({t: compared(r) for t, r in RUNS.items()}, figures)


def test_a_run_that_never_gets_there_counts_as_one_training_more_than_it_had() -> None:
    assert trainings_to(run("ppo", 0, (1, 0.5), (3, 0.9)), 0.6, 8) == 3
    assert trainings_to(run("ppo", 0, (1, 0.5)), 0.6, 8) == 9
