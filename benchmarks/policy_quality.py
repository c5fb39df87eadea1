"""What a trained policy samples on published tables, beside an untrained one.

    python benchmarks/policy_quality.py

For each task and seed 100 designs are sampled, at temperature 1 and without any ranking: from a policy that
was never trained, and from the one that `ppo` hands out after 50 and after 100 evaluations.
"""

import json
import os
import platform
import subprocess
import time
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from rl_designer.agents.controller import Controller, PPOSettings
from rl_designer.agents.policy import Policy
from rl_designer.agents.ppo import PPO
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Budget, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.tables.table import ArchitectureTable

ROOT = Path(__file__).resolve().parents[1]
TABLES = Path(os.environ.get("RL_DESIGNER_TABLES", ROOT.parent / "shared" / "tables"))
TASKS = (("nas-bench-201", "cifar10"), ("nas-bench-201", "cifar100"), ("nas-bench-macro", "cifar10"))
SAMPLES = 100


def untrained(space: TableSpace, seed: int) -> Policy:
    return Controller(space, lambda actions: np.zeros(len(actions)), PPOSettings(), seed).policy()


def trained(space: TableSpace, task: str, evaluations: int, seed: int) -> Policy:
    problem = Problem(space, TableEvaluator(space, task), accuracy, Budget(evaluations))
    agent = PPO(seed=seed)
    agent.search(problem)
    assert agent.policy is not None
    return agent.policy


def quality(policy: Policy, space: TableSpace, values: NDArray[np.float64], seed: int) -> dict[str, float]:
    """Figures of one policy's samples; a rank is the share of the table's designs that are better."""
    actions, _ = policy.sample(space, SAMPLES, np.random.default_rng(seed))
    sampled = values[space.rows(space.canonical(actions))]
    ranks = 1 - rankdata(values, method="max") / len(values)
    best = sampled >= np.quantile(values, 0.99)
    return {
        "mean_search_accuracy": sampled.mean(),
        "mean_rank_percent": 100 * ranks[space.rows(actions)].mean(),
        "in_top_1_percent": best.mean(),
        "distinct_in_top_1_percent": len(np.unique(actions[best], axis=0)),
    }


def over_seeds(figures: list[dict[str, float]]) -> dict[str, list[float]]:
    """Mean and standard deviation of each figure."""
    names = figures[0]
    columns = {name: np.array([figure[name] for figure in figures]) for name in names}
    return {
        name: [round(c.mean(), 4), round(c.std(ddof=min(1, len(c) - 1)), 4)] for name, c in columns.items()
    }


@click.command()
@click.option("--seeds", default=10, show_default=True, help="Policies of each kind.")
def main(seeds: int) -> None:
    """Prints mean and standard deviation over seeds of each figure, as JSON."""
    torch.set_num_threads(1)
    started, result = time.time(), {}
    for table, task in TASKS:
        space = TableSpace(ArchitectureTable.load(TABLES / f"{table}.npz"))
        values = space.table.values(space.table.task(task).search)
        of_task = {"untrained": [quality(untrained(space, s), space, values, s) for s in range(seeds)]}
        for evaluations in (50, 100):
            policies = [trained(space, task, evaluations, s) for s in range(seeds)]
            of_task[f"after {evaluations}"] = [quality(p, space, values, s) for s, p in enumerate(policies)]
        result[f"{table} {task}"] = {name: over_seeds(figures) for name, figures in of_task.items()}
    commit = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    facts = {
        "samples": SAMPLES,
        "seeds": seeds,
        "seconds": round(time.time() - started),
        "machine": f"{platform.machine()}, one core",
        "commit": commit.stdout.strip(),
    }
    print(json.dumps({**facts, "tasks": result}, indent=2))


if __name__ == "__main__":
    main()
