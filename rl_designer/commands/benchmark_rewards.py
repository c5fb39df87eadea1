"""`benchmark rewards`."""

from pathlib import Path
from typing import Any

import click

from rl_designer.commands.benchmark_setting import (
    benchmark_config,
    check_page,
    run_options,
    setting_options,
    write_page,
)
from rl_designer.commands.options import COUNT, note, output_options, print_json, taken_engine

DEFAULT_SEEDS = 20
DEFAULT_EVALUATIONS = 100


@click.command("rewards")
@click.option(
    "--reward",
    "rewards",
    metavar="NAME|FILE.py:FUNCTION",
    multiple=True,
    required=True,
    help="A reward of `list rewards` or your own, with parameters where wanted. Give it once for each; the "
    "others are compared with the first.",
)
@click.option(
    "--yardstick",
    metavar="NAME",
    help="What the rewards are judged by: reported, reported-within-limit:cost=parameters,limit=20k, "
    "hypervolume:cost=macs or front-regret:cost=latency.  [default: by the rewards]",
)
@setting_options
@click.option(
    "--seeds", type=COUNT, default=DEFAULT_SEEDS, show_default=True, help="Runs of each reward, paired."
)
@click.option(
    "--evaluations",
    type=COUNT,
    default=DEFAULT_EVALUATIONS,
    show_default=True,
    help="Distinct designs that a run evaluates.",
)
@click.option("--agent", metavar="NAME", help="What searches.  [default: ppo]")
@click.option("--energy", is_flag=True, help="Estimate the energy of each run (needs the extra `energy`).")
@run_options
@click.option("--plots", is_flag=True, help="Write the page report.html too (needs --output).")
@output_options
def rewards(
    rewards: tuple[str, ...],
    yardstick: str | None,
    seeds: int,
    energy: bool,
    output: Path | None,
    plots: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Search with every reward and every seed, and judge the rewards by what none of them has seen.

    On an architecture table, or on real training. Each verdict is against the first reward, paired by seed; a
    reward that rises while the reported metric doesn't is flagged.
    """
    from rl_designer.comparisons.benchmark import RUNS
    from rl_designer.comparisons.output import run_line, summary_table, write_files
    from rl_designer.comparisons.rewards import RewardBenchmark, run_reward_benchmark
    from rl_designer.jobs.log import BenchmarkLog
    from rl_designer.jobs.progress import Display, JobProgress, Shown
    from rl_designer.reports.terminal import terminal

    if plots:
        check_page(output)
    engine = taken_engine(options)
    benchmark = RewardBenchmark(benchmark_config(options, output), rewards, seeds, yardstick, energy)
    log = None if output is None else BenchmarkLog(output / RUNS)
    observer = JobProgress(Display(quiet, terminal(stderr=True)), Shown("runs", run_line))
    result = run_reward_benchmark(
        benchmark, log=log, engine=engine, observer=observer, told=lambda line: note(line, quiet)
    )
    if output is not None:
        files = [*write_files(result, output), *(write_page(output) if plots else [])]
        note(f"written: {', '.join(map(str, files))}", quiet)
    if as_json:
        print_json(result.data)
    else:
        terminal().print(summary_table(result.data))
