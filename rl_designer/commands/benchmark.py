"""`benchmark` and its parts."""

from pathlib import Path
from typing import Any

import click

from rl_designer.commands.common import COUNT, FOLDER, SECONDS, note, output_options, print_json

DEFAULT_AGENTS = ("ppo", "regularized-evolution", "local-search", "random")
DEFAULT_EVALUATIONS = 100


@click.group()
def benchmark() -> None:
    """Compare agents, or rewards, side by side."""


@benchmark.command()
@click.argument("agents", metavar="[AGENT]...", nargs=-1)
@click.option("--table", metavar="FILE", help="Architecture table to search on.")
@click.option("--task", metavar="NAME", help="Task on the table; may be left out where there is one.")
@click.option("--data", metavar="NAME|PATH", help="Train for real on a data set instead.")
@click.option("--target", metavar="COLUMN", help="Column to predict, of your own .csv or .parquet.")
@click.option("--data-folder", metavar="FOLDER", help="Where the original files of a data set lie.")
@click.option("--space", metavar="NAME|FILE.toml", help="Search space.  [default: by the data's shape]")
@click.option("--epochs", type=COUNT, help="Epochs of each training.  [default: 12]")
@click.option("--candidate-time-limit", type=SECONDS, help="Limit for the training of one design.")
@click.option(
    "--store", metavar="FILE|URL", help="Where trainings are kept.  [default: in the output folder]"
)
@click.option("--seeds", type=COUNT, default=10, show_default=True, help="Runs of each agent.")
@click.option(
    "--evaluations",
    type=COUNT,
    default=DEFAULT_EVALUATIONS,
    show_default=True,
    help="Distinct designs that a run may evaluate. A run that has found the table's best ends there.",
)
@click.option("--reward", metavar="NAME|FILE.py:FUNCTION", help="What is searched for.  [default: accuracy]")
@click.option("--max-parameters", type=COUNT, help="Limit for every design, such as 20k or 1.5M.")
@click.option("--max-macs", type=COUNT, help="Limit on multiply-adds of one example.")
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
@click.option("--workers", type=COUNT, help="Runs at the same time.  [default: one a core]")
@click.option(
    "--output",
    type=FOLDER,
    help="Folder for runs, JSON and CSV; the same folder again goes on with the rest.",
)
@click.option("--plots", is_flag=True, help="Write curves.html too (needs the extra `plots`, and --output).")
@output_options
def agents(
    agents: tuple[str, ...],
    seeds: int,
    samples: int,
    sample_after: int,
    workers: int | None,
    output: Path | None,
    plots: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Run every AGENT with every seed on an architecture table, or on real training.

    An AGENT is a name of `list agents`, with options where wanted: regularized-evolution:population=50. The
    others are compared with the first. Without any: ppo regularized-evolution local-search random.
    """
    from rl_designer.benchmark import RUNS, Benchmark, run_benchmark
    from rl_designer.benchmark_log import BenchmarkLog
    from rl_designer.benchmark_output import BenchmarkProgress, figures_table, write_files
    from rl_designer.report import terminal

    if plots:
        _check_plots(output)
    compared = Benchmark(_config(options, output), agents or DEFAULT_AGENTS, seeds, samples, sample_after)
    log = None if output is None else BenchmarkLog(output / RUNS)
    with BenchmarkProgress(terminal(stderr=True), quiet) as progress:
        result = run_benchmark(compared, log=log, workers=workers, heard=progress)
    if output is not None:
        files = [*write_files(result, output), *(_write_plots(result, output) if plots else [])]
        note(f"written: {', '.join(map(str, files))}", quiet)
    if as_json:
        print_json(result.data)
    else:
        terminal().print(figures_table(result.data))


def _config(options: dict[str, Any], output: Path | None) -> Any:
    """The config of all runs. Real trainings run one a process, and are kept so that none is done twice."""
    from rl_designer.config import make_config

    if options["table"] is None and options["data"] is None:
        raise click.UsageError("name what to search on: --table FILE or --data NAME")
    if options["table"] is None:
        options |= {"workers": 1}
        if options["store"] is None and output is not None:
            options["store"] = str(output / "store.sqlite")
    return make_config(options)


def _check_plots(output: Path | None) -> None:
    from rl_designer.benchmark_plots import check_plots

    if output is None:
        raise click.UsageError("--plots needs --output, the folder to write them to")
    check_plots()


def _write_plots(result: Any, output: Path) -> list[Path]:
    from rl_designer.benchmark_plots import write_plots

    path = output / "curves.html"
    write_plots(result.data, result.summary.curves(), path)
    return [path]
