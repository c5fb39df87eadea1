"""The published rewards side by side, under a cost limit: the tables of docs/rewards.md.

    python benchmarks/published_rewards.py

Every reward has its published parameters and aims at the default target, the median of the table's
parameters, or at `--target`; the yardstick is the reported accuracy of the design that a run hands out within
that target.
Finished runs are kept in the output folder, so the command can be stopped and given again.
"""

import inspect
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from rl_designer.comparisons.benchmark import RUNS, BenchmarkLog
from rl_designer.comparisons.output import run_line, write_files
from rl_designer.comparisons.rewards import RewardBenchmark, run_reward_benchmark
from rl_designer.config import make_config
from rl_designer.envs.rewards.builtin import REWARDS
from rl_designer.envs.tables.catalogue import DEFAULT_TABLE, TABLES
from rl_designer.envs.workers.local import LocalEngine
from rl_designer.files import write_text
from rl_designer.jobs.progress import Display, JobProgress, Shown
from rl_designer.reports.benchmark_page import read_benchmark
from rl_designer.reports.page import REPORT, write_report

ROOT = Path(__file__).resolve().parents[1]
NAMES = (
    "accuracy",
    "accuracy-cubed",
    "mnasnet",
    "mnasnet-hard",
    "mobilenetv3",
    "tunas-absolute",
    "tunas-hard",
    "proxylessnas",
    "monas",
    "blockqnn",
    "parameter-penalty",
    "rank",
    "hypervolume",
)


@click.command()
@click.argument("rewards", metavar="[REWARD]...", nargs=-1)
@click.option(
    "--table",
    "tables",
    multiple=True,
    help="Architecture table; may be given more than once.  [default: the package's own and NAS-Bench-Macro]",
)
@click.option("--agent", default="ppo", show_default=True)
@click.option("--target", type=int, help="Parameters to aim at.  [default: the table's median]")
@click.option("--seeds", default=20, show_default=True, help="Runs of each reward.")
@click.option("--evaluations", default=100, show_default=True, help="Of each run.")
@click.option("--workers", type=int, help="Runs at the same time.  [default: one a core]")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "runs" / "published-rewards")
def main(
    rewards: tuple[str, ...],
    tables: tuple[str, ...],
    agent: str,
    target: int | None,
    seeds: int,
    evaluations: int,
    workers: int | None,
    output: Path,
) -> None:
    """Compare REWARDs with the first of them (default: accuracy) on tables with parameters."""
    text = ""
    for table in tables or (DEFAULT_TABLE, str(tables_folder() / "nas-bench-macro.npz")):
        if table not in TABLES and not Path(table).is_file():
            sys.exit(f"no {table}; RL_DESIGNER_TABLES names the folder of the tables")
        config = make_config({"table": table, "agent": agent, "evaluations": evaluations})
        folder = output / Path(table).stem
        result = run_reward_benchmark(
            RewardBenchmark(config, aimed(rewards or NAMES, target), seeds, yardstick(target)),
            log=BenchmarkLog(folder / RUNS),
            engine=LocalEngine(workers),
            observer=JobProgress(Display(), Shown("runs", run_line)),
        )
        write_files(result, folder)
        write_report([read_benchmark(folder)], folder / REPORT)
        text += markdown(result.data) + "\n"
    write_text(output / "published-rewards.md", text)
    click.echo(text)


def aimed(rewards: Sequence[str], target: int | None) -> tuple[str, ...]:
    """Those that have a target aim at this one."""
    if target is None:
        return tuple(rewards)
    return tuple(
        f"{name}:target={target}" if "target" in inspect.signature(REWARDS[name]).parameters else name
        for name in rewards
    )


def yardstick(target: int | None) -> str | None:
    """None for the default one, which is the same at the default target."""
    return None if target is None else f"reported-within-limit:cost=parameters,limit={target}"


def tables_folder() -> Path:
    """Where the published tables lie."""
    return Path(os.environ.get("RL_DESIGNER_TABLES", ROOT.parent / "shared" / "tables"))


def markdown(data: Mapping[str, Any]) -> str:
    """A table, a row a reward."""
    first = next(iter(data["rewards"]))
    lines = [
        f"{data['task']}, {data['agent']}, {data['seeds']} paired seeds, {data['evaluations']} evaluations.",
        f"IQM of the {data['yardstick_title']}",
        f"(`{data['yardstick']}`), with its 95 % bootstrap interval; median of that design's parameters.",
        "",
        f"| reward | IQM | P(better than {first}) | verdict | parameters | hacked |",
        "|---|---|---|---|---|---|",
    ]
    for name, figures in data["rewards"].items():
        low, high = figures["interval"] or (figures["iqm"], figures["iqm"])
        cells = [f"{figures['iqm']:.4f} [{low:.4f}, {high:.4f}]", _chance(figures), figures["verdict"] or "–"]
        hacked = {True: "yes", False: "no", None: "–"}[figures["hacked"]]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {_parameters(figures)} | {hacked} |")
    return "\n".join(lines) + "\n"


def _chance(figures: Mapping[str, Any]) -> str:
    chance, interval = figures["probability_of_improvement"], figures["probability_of_improvement_interval"]
    if chance is None or interval is None:
        return "–"
    return f"{chance:.2f} [{interval[0]:.2f}, {interval[1]:.2f}]"


def _parameters(figures: Mapping[str, Any]) -> str:
    counts = sorted(chosen["parameters"] for chosen in figures["chosen"] if chosen is not None)
    return f"{counts[len(counts) // 2]:,.0f}" if counts else "–"


if __name__ == "__main__":
    main()
