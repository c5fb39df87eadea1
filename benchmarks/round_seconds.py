"""The controller's own seconds a round as a search grows: what 5,000 evaluations cost besides the trainings.

    python benchmarks/round_seconds.py
    python benchmarks/round_seconds.py --table nas-bench-201.npz --evaluations 300

`ppo` with its defaults searches `convnet1d`, a layer-by-layer space, with a made-up accuracy that costs
nothing, or an architecture table, so that all the time is the controller's own. A round fits the reward
model, trains a policy and proposes a batch. Seconds are of the processor, one thread, so that other work on
the machine doesn't count.
"""

import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from rl_designer.agents.ppo import PPO
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation, Evaluator
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Budget, Design, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.base import SearchSpace
from rl_designer.envs.search_spaces.registry import make_space
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.seeding import stream
from rl_designer.envs.tables.table import ArchitectureTable

ROOT = Path(__file__).resolve().parents[1]
TABLES = Path(os.environ.get("RL_DESIGNER_TABLES", ROOT.parent / "shared" / "tables"))
SIZES = (100, 200, 300, 500, 1_000, 2_000, 5_000)
AROUND = 20  # rounds before each size whose median is told


class MadeUpAccuracy:
    """Deeper and wider is better, with less and less to gain, and a noise of 0.02 as trainings have."""

    digest = "made-up accuracy"

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        return [Evaluation(val_accuracy=self._accuracy(a), parameters=1) for a in architectures]

    def _accuracy(self, architecture: Architecture) -> float:
        widths = [float(dict(layer.options).get("width", 0)) for layer in architecture.layers]
        noise = stream(0, architecture.digest).normal(0, 0.02)
        return float(np.clip(1 - np.exp(-sum(np.sqrt(widths)) / 10) + noise, 0, 1))


class TimedProblem(Problem):
    """Notes when an agent comes, and when it goes."""

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Design]:
        came, known = time.process_time(), len(self.designs)
        if known:
            self.rounds.append((known, came - self.left))
            if known % 100 < 4:
                click.echo(f"{known} evaluations, {self.rounds[-1][1]:.2f} s the last round", err=True)
        try:
            return super().evaluate(architectures)
        finally:
            self.left = time.process_time()

    left = 0.0
    rounds: list[tuple[int, float]]


@click.command()
@click.option("--evaluations", default=max(SIZES), show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--table", help="An architecture table, its first task.  [default: convnet1d]")
def main(evaluations: int, seed: int, table: str | None) -> None:
    """Prints median, fewest and most seconds of the 20 rounds before each size, as JSON."""
    problem = TimedProblem(*searched(table), accuracy, Budget(evaluations))
    problem.rounds = []
    started = time.process_time()
    PPO(seed=seed).search(problem)
    figures = {}
    for size in [size for size in SIZES if size <= evaluations]:
        seconds = [took for known, took in problem.rounds if known <= size][-AROUND:]
        figures[size] = {
            "seconds_a_round": round(float(np.median(seconds)), 3),
            "fewest": round(min(seconds), 3),
            "most": round(max(seconds), 3),
            "seconds_so_far": round(sum(took for known, took in problem.rounds if known <= size), 1),
        }
    commit = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    facts = {
        "commit": subprocess.run(commit, capture_output=True, text=True, check=False).stdout.strip(),
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "searched": table or "convnet1d",
        "seed": seed,
        "seconds": round(time.process_time() - started, 1),
        "designs_a_round": PPO().batch,
    }
    print(json.dumps(facts | {"rounds": figures}, indent=2))


def searched(table: str | None) -> tuple[SearchSpace, Evaluator]:
    """What is searched, and what measures it."""
    if table is None:
        return make_space("convnet1d", (1, 40), 10), MadeUpAccuracy()
    space = TableSpace(ArchitectureTable.load(TABLES / table))
    return space, TableEvaluator(space, next(iter(space.table.tasks)))


if __name__ == "__main__":
    main()
