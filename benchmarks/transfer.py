"""A search that starts with what an earlier one learned on other data, on NAS-Bench-201: `train --from`.

    python benchmarks/transfer.py

For each seed and both tasks `ppo` runs 100 evaluations on the *other* task, once as it is and once with the
rewards of the table's designs shuffled, and then searches the task from nothing, from the first run and from
the shuffled one. Counted: distinct evaluations until the task's best design by the search metric is found.
"""

import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import numpy as np

from rl_designer.agents.memory import Memory, Source
from rl_designer.agents.ppo import PPO
from rl_designer.envs.architecture import Architecture
from rl_designer.envs.evaluation import Evaluation
from rl_designer.envs.evaluators.table import TableEvaluator
from rl_designer.envs.problem import Budget, BudgetSpent, Design, Problem
from rl_designer.envs.rewards import accuracy
from rl_designer.envs.search_spaces.table import TableSpace
from rl_designer.envs.seeding import stream
from rl_designer.envs.tables.table import ArchitectureTable

ROOT = Path(__file__).resolve().parents[1]
TABLES = Path(os.environ.get("RL_DESIGNER_TABLES", ROOT.parent / "shared" / "tables"))
OTHER = {"cifar10": "cifar100", "cifar100": "cifar10"}
STARTS = ("nothing", "the other task", "the other task, shuffled")
CAP = 2_000


class ShuffledEvaluator:
    """The table's accuracies, dealt to the distinct designs at random."""

    def __init__(self, evaluator: TableEvaluator, seed: int) -> None:
        self.digest = f"{evaluator.digest} shuffled {seed}"
        self._evaluator = evaluator
        rows = evaluator.space.distinct_rows
        self._dealt = dict(
            zip(rows.tolist(), stream(seed, "shuffled").permutation(rows).tolist(), strict=True)
        )

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        space = self._evaluator.space
        rows = space.rows(space.canonical(space.pad(space.actions(a) for a in architectures)))
        own = self._evaluator.evaluate(architectures)
        dealt = [self._evaluator.evaluation(self._dealt[int(row)]) for row in rows]
        return [replace(e, val_accuracy=d.val_accuracy) for e, d in zip(own, dealt, strict=True)]


@cache
def table_space() -> TableSpace:
    return TableSpace(ArchitectureTable.load(TABLES / "nas-bench-201.npz"))


def source(task: str, shuffled: bool, seed: int) -> Source:
    """What `ppo` learns from 100 evaluations."""
    table = TableEvaluator(table_space(), task)
    evaluator = ShuffledEvaluator(table, seed) if shuffled else table
    agent = PPO(seed=seed)
    agent.search(Problem(table_space(), evaluator, accuracy, Budget(100)))
    assert agent.policy is not None
    return Source(f"{task} {shuffled}", agent.policy, agent.belief)


def evaluations_needed(task: str, sources: Sequence[Source], seed: int) -> tuple[int, list[bool | None]]:
    """Until the best is found; and of each source whether it was kept."""
    evaluator = TableEvaluator(table_space(), task)
    best = np.nanmax(evaluator.search_values())

    def stop(design: Design) -> None:
        if design.reward >= best:
            raise BudgetSpent("found")

    problem = Problem(table_space(), evaluator, accuracy, Budget(CAP), observer=stop)
    # Another seed than the source's, or both would begin with the same random designs.
    agent = PPO(seed=seed + 1_000, final_updates=1)
    memory = Memory(sources)
    agent.search_from(problem, memory)
    return len(problem.designs), [review.kept for review in memory.reviews]


def run(job: tuple[str, int]) -> dict[str, Any]:
    task, seed = job
    starts = ([], [source(OTHER[task], False, seed)], [source(OTHER[task], True, seed)])
    found = [evaluations_needed(task, sources, seed) for sources in starts]
    return {
        "task": task,
        "seed": seed,
        "needed": {start: needed for start, (needed, _) in zip(STARTS, found, strict=True)},
        "kept": {start: kept for start, (_, kept) in zip(STARTS, found, strict=True)},
    }


@click.command()
@click.option("--seeds", default=20, show_default=True)
@click.option("--workers", default=os.cpu_count(), show_default="one a core")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs" / "transfer.json")
def main(seeds: int, workers: int, output: Path) -> None:
    """Prints a table as Markdown, and writes all figures as JSON."""
    started = time.time()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    jobs = [(task, seed) for task in OTHER for seed in range(seeds)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as executor:
        runs = list(executor.map(run, jobs))
    commit = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    facts = {
        "commit": subprocess.run(commit, capture_output=True, text=True, check=False).stdout.strip(),
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "seconds": round(time.time() - started),
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(facts | {"runs": runs}, indent=2) + "\n")
    click.echo(markdown(runs))


def markdown(runs: Sequence[dict[str, Any]]) -> str:
    """A row a task and start."""
    lines = [
        "| task | starts from | evaluations | fewest … most | ratio | source kept / dropped / not judged |",
        "|---|---|---|---|---|---|",
    ]
    for task in OTHER:
        of_task = [run for run in runs if run["task"] == task]
        nothing = np.mean([run["needed"]["nothing"] for run in of_task])
        for start in STARTS:
            needed = np.array([run["needed"][start] for run in of_task])
            error = needed.std(ddof=min(1, len(needed) - 1)) / len(needed) ** 0.5
            kept = [kept for run in of_task for kept in run["kept"][start]]
            judged = " / ".join(str(sum(k is answer for k in kept)) for answer in (True, False, None))
            lines.append(
                f"| {task} | {start} | {needed.mean():.1f} ± {error:.1f} | {needed.min()} … {needed.max()} "
                f"| {needed.mean() / nothing:.2f} | {judged if kept else '–'} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
