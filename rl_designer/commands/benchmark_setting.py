"""What all benchmarks share: the options that say on what runs are compared, and the config they make."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rl_designer.commands.options import COUNT, OUTPUT_FOLDER, SECONDS, candidate_memory_limit, engine_options

if TYPE_CHECKING:
    from rl_designer.config import SearchConfig

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--table",
        metavar="NAME|FILE",
        help="Architecture table to search on.  [default: mnist1d-convnet1d, unless --data is given]",
    ),
    click.option("--task", metavar="NAME", help="Task on the table; may be left out where there is one."),
    click.option("--data", metavar="NAME|PATH", help="Train for real on a data set instead."),
    click.option("--target", metavar="COLUMN", help="Column to predict, of your own .csv or .parquet."),
    click.option("--data-folder", metavar="FOLDER", help="Where the original files of a data set lie."),
    click.option("--space", metavar="NAME|FILE.toml", help="Search space.  [default: by the data's shape]"),
    click.option("--epochs", type=COUNT, help="Epochs of each training.  [default: 12]"),
    click.option("--candidate-time-limit", type=SECONDS, help="Limit for the training of one design."),
    candidate_memory_limit,
    click.option(
        "--store",
        metavar="FILE|URL",
        help="Where trainings are kept.  [default: in the output folder, else runs/store.sqlite]",
    ),
    click.option("--max-parameters", type=COUNT, help="Limit for every design, such as 20k or 1.5M."),
    click.option("--max-macs", type=COUNT, help="Limit on multiply-adds of one example."),
)
_RUN_OPTIONS = (
    click.option("--workers", type=COUNT, help="Runs at the same time.  [default: one a core]"),
    click.option(
        "--output",
        type=OUTPUT_FOLDER,
        help="Folder for runs, JSON and CSV; the same folder again goes on with the rest.",
    ),
)


def setting_options(command: Command) -> Command:
    """`--table`, `--data` and what goes with them, and the limits."""
    return _with(_OPTIONS, command)


def run_options(command: Command) -> Command:
    """`--workers` and the options of engines, and `--output`."""
    return _with(_RUN_OPTIONS[:1], engine_options(_with(_RUN_OPTIONS[1:], command)))


def benchmark_config(options: dict[str, Any], output: Path | None) -> "SearchConfig":
    """As `config_of_runs`."""
    from rl_designer.comparisons.benchmark import config_of_runs

    return config_of_runs(options, output)


def check_page(output: Path | None) -> None:
    """Raises where `--plots` can't be: without a folder, or where that has a page that isn't ours."""
    from rl_designer.reports.page import REPORT, check_replaceable

    if output is None:
        raise click.UsageError("--plots needs --output, the folder to write them to")
    check_replaceable(output / REPORT)


def write_page(output: Path) -> list[Path]:
    """The report of what a benchmark wrote, as `report` writes it."""
    from rl_designer.reports.benchmark_page import read_benchmark
    from rl_designer.reports.page import REPORT, write_report

    write_report([read_benchmark(output)], output / REPORT)
    return [output / REPORT]


def _with(options: tuple[Callable[[Any], Any], ...], command: Command) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
