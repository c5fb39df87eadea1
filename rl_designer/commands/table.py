"""`table` and its parts."""

from pathlib import Path
from typing import Any

import click

from rl_designer.commands.options import (
    COUNT,
    SECONDS,
    Number,
    candidate_memory_limit,
    engine_options,
    output_options,
    workers_option,
)
from rl_designer.commands.table_import import fetch, import_table
from rl_designer.commands.table_output import FILE, check_output, show, write


class _Share(click.ParamType):
    """`10%`, or a fraction such as 0.1."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            text = str(value).strip()
            return float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            raise click.UsageError(
                f"--share must be a share such as 10% or a fraction such as 0.1, got {value!r}"
            ) from None


@click.group()
def table() -> None:
    """Make, show and convert architecture tables."""


table.add_command(import_table)
table.add_command(fetch)


@table.command()
@click.option("--data", metavar="NAME|PATH", help="Data set to train on.  [default: mnist1d]")
@click.option("--target", metavar="COLUMN", help="Column to predict, of your own .csv or .parquet.")
@click.option("--data-folder", metavar="FOLDER", help="Where the original files of a data set lie.")
@click.option("--image-size", type=COUNT, help="Side that a folder of images is scaled to.")
@click.option("--space", metavar="NAME|FILE.toml", help="Search space.  [default: by the data's shape]")
@click.option("--max-parameters", type=COUNT, help="Leave out designs with more, such as 20k.")
@click.option("--max-macs", type=COUNT, help="Leave out designs with more multiply-adds of one example.")
@click.option("--designs", type=COUNT, help="Train so many random designs only.")
@click.option("--share", type=_Share(), help="The same as a share of all, such as 10%.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the random designs."
)
@click.option(
    "--seeds",
    type=COUNT,
    default=2,
    show_default=True,
    help="Trainings of each design; the first is searched.",
)
@click.option("--epochs", type=COUNT, help="Of each training.  [default: 12]")
@click.option("--batch-size", type=COUNT, help="Examples a step.  [default: 64]")
@click.option("--learning-rate", type=Number(0, min_open=True), help="Its peak.  [default: 0.02]")
@click.option("--augment", metavar="NAME", help="Augmentation of the training data.")
@click.option("--candidate-time-limit", type=SECONDS, help="Limit for the training of one design.")
@candidate_memory_limit
@workers_option
@engine_options
@click.option("--device", help="auto, cpu, cuda or cuda:N.  [default: auto]")
@click.option("--output", type=FILE, required=True, help="The table, a .npz file.")
@click.option("--store", metavar="FILE|URL", help="Where trainings are kept.  [default: runs/store.sqlite]")
@click.option("--name", help="The table's name.  [default: the output's, without .npz]")
@click.option("--title", help="One line for people.  [default: says the data, the space and the training]")
@output_options
def build(output: Path, as_json: bool, quiet: bool, **options: Any) -> None:
    """Train every design of a finite space, or a random share, and write a table of them.

    The same command again goes on where it was stopped, even by kill -9.
    """
    from rl_designer.jobs.progress import Display
    from rl_designer.table_making.building import build_table

    check_output(output)
    plan = _plan(options)
    output.parent.mkdir(parents=True, exist_ok=True)  # before hours of training, not after
    try:
        made = build_table(plan, options["name"] or output.stem, Display(quiet), title=options["title"])
    except KeyboardInterrupt:
        raise KeyboardInterrupt("every finished training is kept; the same command goes on") from None
    write(made, output, quiet)
    show(made, as_json, output)


@table.command()
@click.argument("source", metavar="FILE|NAME")
@output_options
def info(source: str, as_json: bool, quiet: bool) -> None:
    """Show what a table holds: designs, metrics, tasks, how far repeats agree."""
    from rl_designer.setting import named_table

    show(named_table(source), as_json)


def _plan(options: dict[str, Any]) -> Any:
    from rl_designer.config import make_config
    from rl_designer.envs.training.settings import TrainingSettings
    from rl_designer.errors import usage_errors
    from rl_designer.table_making.building import TablePlan

    own = ("seeds", "designs", "share", "batch_size", "learning_rate", "name", "title")
    config = make_config({name: value for name, value in options.items() if name not in own})
    training = ("epochs", "batch_size", "learning_rate", "augment")
    with usage_errors():
        settings = TrainingSettings(**{name: options[name] for name in training if options[name] is not None})
        return TablePlan(config, settings, options["seeds"], options["designs"], options["share"])
