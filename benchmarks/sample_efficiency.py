"""How many evaluations each agent needs to find the best design of published tables: the README's table.

    python benchmarks/sample_efficiency.py

Counted: distinct designs asked for until the table's best one by the search metric is found; a run that
doesn't find it counts as the cap. Every agent has its defaults, the same for all tables. The tables are
looked for in the folder that RL_DESIGNER_TABLES names, or in `../shared/tables`. Finished runs are kept in
the output folder, so the command can be stopped and given again.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from rl_designer.comparisons.agents import Benchmark, run_benchmark
from rl_designer.comparisons.benchmark import RUNS, BenchmarkLog
from rl_designer.comparisons.output import run_line, write_files
from rl_designer.config import make_config
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.files import write_text
from rl_designer.jobs.progress import Display, JobProgress, Shown

ROOT = Path(__file__).resolve().parents[1]
TASKS = {
    "NAS-Bench-201 CIFAR-10": ("nas-bench-201.npz", "cifar10"),
    "NAS-Bench-201 CIFAR-100": ("nas-bench-201.npz", "cifar100"),
    "NAS-Bench-Macro": ("nas-bench-macro.npz", "cifar10"),
}
AGENTS = (
    "ppo",
    "bananas",
    "ppo-model-free",
    "local-search",
    "regularized-evolution",
    "optuna-tpe",
    "reinforce",
    "random",
)
POLICY_AGENTS = ("ppo", "ppo-model-free")
POLICY_BUDGETS = (50, 100)

Results = dict[str, dict[str, Any]]


@click.command()
@click.argument("agents", metavar="[AGENT]...", nargs=-1)
@click.option("--seeds", default=30, show_default=True, help="Runs of each agent.")
@click.option("--policy-seeds", default=10, show_default=True, help="The same for the quality of policies.")
@click.option("--evaluations", default=2_000, show_default=True, help="The cap of a run.")
@click.option("--workers", type=int, help="Runs at the same time.  [default: one a core]")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs" / "sample-efficiency")
def main(
    agents: tuple[str, ...],
    seeds: int,
    policy_seeds: int,
    evaluations: int,
    workers: int | None,
    output: Path,
) -> None:
    """Compare AGENTs with the first of them (default: ppo) on three published tables."""
    agents = agents or AGENTS
    missing = [
        str(tables_folder() / file) for file, _ in TASKS.values() if not (tables_folder() / file).is_file()
    ]
    if missing:
        sys.exit(f"no {', '.join(sorted(set(missing)))}; RL_DESIGNER_TABLES names the folder of the tables")
    needed = measured(agents, seeds, evaluations, workers, output / "to-the-best", samples=0)
    text = efficiency_table(needed, evaluations)
    policies = [agent for agent in agents if agent.partition(":")[0] in POLICY_AGENTS]
    for budget in POLICY_BUDGETS if policies else ():
        quality = measured(
            policies, policy_seeds, budget, workers, output / f"policy-after-{budget}", samples=100
        )
        text += "\n" + quality_table(quality, budget)
    write_text(output / "sample-efficiency.md", text)
    click.echo(text)


def tables_folder() -> Path:
    """Where the published tables lie."""
    return Path(os.environ.get("RL_DESIGNER_TABLES", ROOT.parent / "shared" / "tables"))


def measured(
    agents: Sequence[str], seeds: int, evaluations: int, workers: int | None, output: Path, samples: int
) -> Results:
    """Title of the task → what `benchmark agents --json` gives. Without samples, runs end at the optimum."""
    results = {}
    for title, (file, task) in TASKS.items():
        config = make_config({"table": str(tables_folder() / file), "task": task, "evaluations": evaluations})
        folder = output / f"{Path(file).stem}-{task}"
        click.echo(f"{title}, at most {evaluations:,} evaluations", err=True)
        result = run_benchmark(
            Benchmark(config, tuple(agents), seeds, samples, sample_after=evaluations if samples else 0),
            log=BenchmarkLog(folder / RUNS),
            engine=LocalEngine(workers),
            observer=JobProgress(Display(), Shown("runs", run_line)),
        )
        write_files(result, folder)
        results[title] = result.data
    return results


def efficiency_table(results: Results, evaluations: int) -> str:
    """Markdown: a row an agent, a column a table."""
    first = next(iter(results.values()))
    lines = [
        f"Distinct evaluations until the table's best is found: mean ± standard error over {first['seeds']}",
        f"seeds; in brackets the share that found it, where not all did (misses count as {evaluations:,}).",
        f"Behind the mean: 95 % interval of the difference to {next(iter(first['agents']))}, paired by seed.",
        "",
        "| agent | " + " | ".join(results) + " | own ms an evaluation |",
        "|---|" + "---|" * (len(results) + 1),
    ]
    for agent in first["agents"]:
        figures = [data["agents"][agent] for data in results.values()]
        own = max(f["own_seconds_per_evaluation"] for f in figures)
        lines.append(f"| {agent} | " + " | ".join(map(_needed, figures)) + f" | {1000 * own:.1f} |")
    return "\n".join(lines) + "\n"


def _needed(figures: Mapping[str, Any]) -> str:
    counts, difference = figures["evaluations_to_optimum"], figures["difference"]
    text = f"{counts['mean']:,.0f}"
    if counts["standard_error"] is not None:
        text += f" ± {counts['standard_error']:,.0f}"
    if counts["found"] < 1:
        text += f" ({100 * counts['found']:.0f} %)"
    interval = difference["evaluations_to_optimum"]["interval"] if difference else None
    return text if interval is None else f"{text}; {interval[0]:+,.0f} … {interval[1]:+,.0f}"


def quality_table(results: Results, budget: int) -> str:
    """Markdown: what the policies' samples are after a budget."""
    first = next(iter(results.values()))
    lines = [
        f"100 designs sampled from the policy after {budget} evaluations, means over {first['seeds']} seeds:",
        "share in the table's top 1 %, in its top 0.1 %, distinct designs among the former.",
        "",
        "| agent | " + " | ".join(results) + " |",
        "|---|" + "---|" * len(results),
    ]
    for agent in first["agents"]:
        sampled = [data["agents"][agent]["policy_samples"] for data in results.values()]
        cells = [
            f"{100 * s['top_1_percent']:.0f} %, {100 * s['top_0_1_percent']:.0f} %, {s['distinct']:.0f}"
            for s in sampled
        ]
        lines.append(f"| {agent} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
