"""Agents against each other on real trainings of several tasks: a table, and JSON.

    python benchmarks/real_training.py
    python benchmarks/real_training.py --cells

Every agent has its defaults and 64 trainings, and runs under the same seeds. Told are, for each task and over
all of them: the best validation accuracy, by how much the first agent is ahead of each other one, paired by
seed, and how many trainings each needed until it was as good as random search after all of its own, on the
average. Finished runs are kept in the output folder, so the command can be stopped and given again. Cells are
compared on Fashion-MNIST, too; `packaged_data.py` says how to get it.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from ranks_tasks import PACKAGED

from rl_designer.comparisons.agents import Benchmark, run_benchmark
from rl_designer.comparisons.benchmark import RUNS, BenchmarkLog
from rl_designer.comparisons.estimators import interval_of_mean, standard_error
from rl_designer.comparisons.output import run_line
from rl_designer.comparisons.records import AgentRun
from rl_designer.config import make_config
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.files import write_text
from rl_designer.jobs.progress import Display, JobProgress, Shown

ROOT = Path(__file__).resolve().parents[1]
RANDOM = "random"
AGENTS = ("ppo", "regularized-evolution", RANDOM)
# Signals, images and rows. The reward model was chosen by random designs of `mnist1d`, `motifs` and
# `digits` (benchmarks/ranks.py), with a look at the rows; `phases` wasn't looked at.
TASKS: dict[str, dict[str, Any]] = {
    "mnist1d, 5,000 parameters": {"data": "mnist1d", "max_parameters": 5_000},
    "motifs": {"data": "task:motifs"},
    "digits": {"data": "digits"},
    "phases": {"data": "task:phases"},
    "products": {"data": "task:products"},
    "many": {"data": "task:many"},
}
CELLS: dict[str, dict[str, Any]] = {
    "mnist1d, cells": {"data": "mnist1d", "space": "cell1d"},
    "fashion-mnist 14 x 14, cells": {"data": f"{PACKAGED}fashion_mnist_14", "space": "cell"},
}
USUAL = {"max_parameters": 20_000, "epochs": 6, "examples": 500, "fidelity": "full"}

Best = NDArray[np.float64]  # [seeds], the best validation accuracies


@click.command()
@click.argument("agents", metavar="[AGENT]...", nargs=-1)
@click.option("--task", "names", multiple=True, type=click.Choice([*TASKS, *CELLS]), help="[default: all]")
@click.option("--cells", is_flag=True, help="The tasks on spaces of cells in place of those on chains.")
@click.option("--evaluations", default=64, show_default=True, help="Distinct designs a run.")
@click.option("--seeds", default=6, show_default=True, help="Runs of each agent on each task.")
@click.option("--workers", type=int, help="Runs at the same time.  [default: one a core]")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs" / "real-training")
def main(
    agents: tuple[str, ...],
    names: tuple[str, ...],
    cells: bool,
    evaluations: int,
    seeds: int,
    workers: int | None,
    output: Path,
) -> None:
    """Compare AGENTs with the first of them (default: ppo, regularized-evolution and random search)."""
    if RANDOM not in (agents := agents or AGENTS):
        sys.exit(f"the agents must include {RANDOM!r}, by whose best designs the others are measured")
    started, figures = time.time(), dict[str, Any]()
    runs = dict[str, dict[str, list[AgentRun]]]()
    tasks = {name: (TASKS | CELLS)[name] for name in names} or (CELLS if cells else TASKS)
    for task, settings in tasks.items():
        click.echo(task, err=True)
        config = make_config(USUAL | settings | {"evaluations": evaluations})
        runs[task] = run_benchmark(
            Benchmark(config, agents, seeds, samples=0),
            log=BenchmarkLog(output / task.replace(", ", "-") / RUNS),
            engine=LocalEngine(workers),
            observer=JobProgress(Display(), Shown("runs", run_line)),
        ).runs
        figures[task] = compared(runs[task])
    commit = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    result = {
        "settings": USUAL | {"evaluations": evaluations, "seeds": seeds},
        "seconds": round(time.time() - started),
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "commit": subprocess.run(commit, capture_output=True, text=True, check=False).stdout.strip(),
        "tasks": figures,
        "over_all": over_all(runs, evaluations),
    }
    write_text(output / "results.json", json.dumps(result, indent=2) + "\n")
    click.echo(json.dumps(result, indent=2))
    click.echo(table(figures, result["over_all"]), err=True)


def compared(runs: Mapping[str, Sequence[AgentRun]]) -> dict[str, Any]:
    """Of one task, for each agent: the best accuracies, and the first agent's lead, paired by seed."""
    first = best_of(next(iter(runs.values())))
    return {
        agent: {
            "best": _spread(best_of(records)),
            "first_ahead_by": _spread(first - best_of(records)),
            "last_accuracies": best_of(records).tolist(),
            "own_seconds_per_evaluation": float(np.mean([r.own_seconds / r.evaluations for r in records])),
        }
        for agent, records in runs.items()
    }


def over_all(runs: Mapping[str, Mapping[str, Sequence[AgentRun]]], evaluations: int) -> dict[str, Any]:
    """For each agent: the first agent's lead over all pairs of runs of one task and seed, and the median of
    the trainings until it was as good as random search after all of its own, on the average; a run that never
    was counts as one more than it had.
    """
    needed = {agent: list[int]() for agent in next(iter(runs.values()))}
    leads = {agent: list[float]() for agent in needed}
    for of_task in runs.values():
        target = float(best_of(of_task[RANDOM]).mean())
        first = best_of(next(iter(of_task.values())))
        for agent, records in of_task.items():
            leads[agent] += (first - best_of(records)).tolist()
            needed[agent] += [trainings_to(record, target, evaluations) for record in records]
    return {
        agent: {
            "first_ahead_by": _spread(np.array(leads[agent])),
            "wins": int((np.array(leads[agent]) > 0).sum()),
            "losses": int((np.array(leads[agent]) < 0).sum()),
            "median_trainings_to_the_best_of_random": float(np.median(needed[agent])),
            "reached_it": float(np.mean(np.array(needed[agent]) <= evaluations)),
        }
        for agent in needed
    }


def best_of(records: Sequence[AgentRun]) -> Best:
    """The last of each run's improvements, float64 [runs]; 0 for a run whose designs all failed."""
    return np.array([record.improvements[-1][1] if record.improvements else 0.0 for record in records])


def trainings_to(record: AgentRun, target: float, evaluations: int) -> int:
    """Distinct designs until a reward of at least `target`; one more than `evaluations` for a miss."""
    reached = (done for done, reward, _ in record.improvements if reward >= target)
    return next(reached, evaluations + 1)


def _spread(values: NDArray[np.float64]) -> dict[str, Any]:
    low, high = interval_of_mean(values[:, None])
    return {
        "mean": float(values.mean()),
        "standard_error": standard_error(values),
        "interval_95": [float(low[0]), float(high[0])],
        "n": len(values),
    }


def table(figures: Mapping[str, Mapping[str, Any]], whole: Mapping[str, Any]) -> str:
    """Markdown: a row a task, a column an agent; the first agent's lead behind the others' means."""
    agents = list(whole)
    lines = ["| task | " + " | ".join(agents) + " |", "|---|" + "---|" * len(agents)]
    for task, of_task in figures.items():
        cells = [
            f"{of_task[agent]['best']['mean']:.4f}" + (_lead(of_task[agent]) if agent != agents[0] else "")
            for agent in agents
        ]
        lines.append(f"| {task} | " + " | ".join(cells) + " |")
    leads = ["" if agent == agents[0] else _lead(whole[agent])[2:] for agent in agents]
    needed = [f"{whole[agent]['median_trainings_to_the_best_of_random']:g}" for agent in agents]
    lines.append("| **over all** | " + " | ".join(leads) + " |")
    lines.append("| trainings to random search's best (median) | " + " | ".join(needed) + " |")
    return "\n".join(lines) + "\n"


def _lead(figure: Mapping[str, Any]) -> str:
    lead = figure["first_ahead_by"]
    low, high = lead["interval_95"]
    return f"; {lead['mean']:+.4f} [{low:+.4f}, {high:+.4f}]"


if __name__ == "__main__":
    main()
