"""`benchmark` and its parts."""

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
from rl_designer.commands.options import COUNT, fidelity, note, output_options, print_json, taken_engine

DEFAULT_EVALUATIONS = 100


@click.group()
def benchmark() -> None:
    """Compare agents, or rewards, side by side."""


@benchmark.command()
@click.argument("agents", metavar="[AGENT]...", nargs=-1)
@setting_options
@click.option("--seeds", type=COUNT, default=10, show_default=True, help="Runs of each agent.")
@click.option(
    "--evaluations",
    type=COUNT,
    default=DEFAULT_EVALUATIONS,
    show_default=True,
    help="Distinct designs that a run may evaluate. A run that has found the table's best ends there.",
)
@click.option("--reward", metavar="NAME|FILE.py:FUNCTION", help="What is searched for.  [default: accuracy]")
@click.option(
    "--samples", type=click.IntRange(min=0), default=100, show_default=True, help="From each policy."
)
@click.option(
    "--sample-after",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Evaluations that an agent with a policy spends at least, the best found or not.",
)
@fidelity
@run_options
@click.option("--plots", is_flag=True, help="Write the page report.html too (needs --output).")
@output_options
def agents(
    agents: tuple[str, ...],
    seeds: int,
    samples: int,
    sample_after: int,
    output: Path | None,
    plots: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Run every AGENT with every seed on an architecture table, or on real training.

    An AGENT is a name of `list agents`, with options where wanted: regularized-evolution:population=50.
    ppo:from=RUN starts with what a finished run learned; {seed} in RUN stands for the seed. The others are
    compared with the first. Without any: ppo regularized-evolution local-search random.
    """
    from rl_designer.comparisons.agents import DEFAULT_AGENTS, Benchmark, run_benchmark
    from rl_designer.comparisons.benchmark import RUNS
    from rl_designer.comparisons.output import run_line, summary_table, write_files
    from rl_designer.jobs.log import BenchmarkLog
    from rl_designer.jobs.progress import Display, JobProgress, Shown
    from rl_designer.reports.terminal import terminal

    if plots:
        check_page(output)
    engine = taken_engine(options)
    compared = Benchmark(
        benchmark_config(options, output), agents or DEFAULT_AGENTS, seeds, samples, sample_after
    )
    log = None if output is None else BenchmarkLog(output / RUNS)
    observer = JobProgress(Display(quiet, terminal(stderr=True)), Shown("runs", run_line))
    result = run_benchmark(compared, log=log, engine=engine, observer=observer)
    if output is not None:
        files = [*write_files(result, output), *(write_page(output) if plots else [])]
        note(f"written: {', '.join(map(str, files))}", quiet)
    if as_json:
        print_json(result.data)
    else:
        terminal().print(summary_table(result.data))
